import { describe, expect, it } from 'vitest';
import { forecastMemory } from '../../lib/stats/capacity-forecast.js';
import { parseCounts } from '../../lib/stats/session-counts.js';
import type { SessionSample } from '../../lib/stats/session-history.js';
import { samplesOf, summaryOf } from '../../lib/stats/session-history.js';
import { surveyOf } from '../../lib/stats/session-sampler.js';

const DAY_MS = 86_400_000;
const START_MS = 20_000 * DAY_MS;
const MB = 1_000_000;

const sample = (atMs: number, values: Partial<SessionSample> = {}): SessionSample => ({
  atMs,
  live: 0,
  peak: values.live ?? 0,
  authenticated: 0,
  active: 0,
  users: null,
  total: { created: 0, ended: { logout: 0, expired: 0, revoked: 0, limit: 0, rotated: 0 } },
  flow: null,
  memory: { usedBytes: null, maxBytes: null, sessionBytes: null },
  ...values,
});

/** A sample for each hour of some days: nights low, noons high. */
const days = (peaksMb: readonly number[], maxMb: number | null): SessionSample[] =>
  peaksMb.flatMap((peakMb, day) =>
    Array.from({ length: 24 }, (_, hour) =>
      sample(START_MS + day * DAY_MS + hour * 3_600_000, {
        memory: {
          usedBytes: MB * (hour === 12 ? peakMb : peakMb / 2),
          maxBytes: maxMb === null ? null : maxMb * MB,
          sessionBytes: 1000,
        },
      }),
    ),
  );

describe('the forecast of memory', () => {
  it('is the day when the daily peak meets the limit at the present growth', () => {
    const samples = days([100, 110, 120, 130, 140], 200);
    const { state, fullAtMs, bytesPerDay } = forecastMemory(samples);
    expect({ state, bytesPerDay }).toEqual({ state: 'growing', bytesPerDay: 10 * MB });
    expect(fullAtMs! - samples.at(-1)!.atMs).toBe(6 * DAY_MS);
  });

  it('is not moved by one day of an incident', () => {
    expect(forecastMemory(days([100, 110, 190, 130, 140, 150], 200)).bytesPerDay).toBeCloseTo(10 * MB, -6);
  });

  it('is not moved by a morning: a day that is not over has not had its peak', () => {
    const samples = days([100, 110, 120, 130, 140], 200).slice(0, 4 * 24 + 6);
    const { bytesPerDay, state } = forecastMemory(samples);
    expect({ state, bytesPerDay }).toEqual({ state: 'growing', bytesPerDay: 10 * MB });
  });

  it('says when there is nothing to say, and why', () => {
    expect(forecastMemory([]).state).toBe('unknown');
    expect(forecastMemory([null, sample(START_MS)]).state).toBe('unknown');
    expect(forecastMemory(days([100, 110], 200)).state).toBe('unknown');
    expect(forecastMemory(days([100, 110, 120, 130], null))).toMatchObject({
      state: 'unlimited',
      bytesPerDay: 10 * MB,
    });
    expect(forecastMemory(days([100, 100, 100, 100], 200)).state).toBe('steady');
    expect(forecastMemory(days([140, 120, 110, 100], 200)).state).toBe('steady');
    expect(forecastMemory(days([180, 190, 200, 150], 200)).state).toBe('full');
  });

  it('takes days without any sample for what they are', () => {
    const samples = days([100, 110, 120, 130, 140, 150], 200).map((one) =>
      Math.floor((one.atMs - START_MS) / DAY_MS) === 2 ? null : one,
    );
    expect(forecastMemory(samples)).toMatchObject({ bytesPerDay: 10 * MB, days: 5 });
  });
});

describe('a history', () => {
  const total = (created: number) => ({ created, ended: { logout: 1, expired: 0, revoked: 0, limit: 0, rotated: 0 } });

  it('shows gaps as gaps, and flows only where it is known in which step they were', () => {
    const stored = new Map(
      [0, 1, 3, 4].map((minute) => [minute * 10, sample(minute * 10, { total: total(minute * 5) })]),
    );
    const samples = samplesOf(stored, 10, 50, 10);
    expect(samples.map((one) => one && (one.flow?.created ?? 'unknown'))).toEqual([5, null, 'unknown', 5, null]);
  });

  it('knows no flow over a count that went back: a part of Redis has lost its data', () => {
    const ended = { logout: 0, expired: 0, revoked: 0, limit: 0, rotated: 0 };
    const stored = new Map(
      [9, 3, 4].map((created, index) => {
        const atMs = START_MS + index * 60_000;
        return [atMs, sample(atMs, { total: { created, ended } })];
      }),
    );
    const samples = samplesOf(stored, START_MS, START_MS + 120_000, 60_000);
    expect(samples.map((one) => one?.flow?.created ?? null)).toEqual([null, null, 1]);
  });

  it('makes of an hour its last minute, with the highest of all', () => {
    const minutes = [5, 9, 7].map((live, minute) =>
      sample(minute, { live, memory: { usedBytes: 100 - live, maxBytes: 200, sessionBytes: 10 } }),
    );
    expect(summaryOf(0, minutes)).toMatchObject({ live: 7, peak: 9, memory: { usedBytes: 95 } });
    expect(summaryOf(0, [])).toBeNull();
  });
});

describe('counts of a bucket', () => {
  it('take expired sessions that are still in the index for what they are', () => {
    const stored = ['created', '20', 'logout', '8', 'expired', '3', 'authenticated', '6'];
    const reply = { nowMs: 123, live: 7, expired: 2, owned: 1, active: 4, counts: stored };
    const counts = parseCounts({ outcome: 'done', ...reply });
    expect(counts).toEqual({
      atMs: 123,
      live: 7,
      authenticated: 5,
      anonymous: 2,
      active: 4,
      total: { created: 20, ended: { logout: 8, expired: 5, revoked: 0, limit: 0, rotated: 0 } },
    });
    const { created, ended } = counts.total;
    expect(created - Object.values(ended).reduce((sum, count) => sum + count, 0)).toBe(counts.live);
  });
});

describe('a survey', () => {
  it('counts distinct users when it saw every session', () => {
    const sessions = ['ada', 'ada', 'bob', null].map((id) => ({
      bytes: 500,
      user: id === null ? null : { id, sessionCount: id === 'ada' ? 2 : 1 },
    }));
    expect(surveyOf(sessions, 3, true).users).toEqual({ count: 2, isExact: true });
    expect(surveyOf([], 0, true)).toEqual({ users: { count: 0, isExact: true }, sessionBytes: null });
  });

  it('estimates them from a sample within 5 %, however many sessions a user has', () => {
    const users = Array.from({ length: 20_000 }, (_, user) => ({ id: `u${user}`, sessionCount: 1 + (user % 5) }));
    const all = users.flatMap((user) => Array.from({ length: user.sessionCount }, () => ({ bytes: 500, user })));
    // Every n-th of a shuffled list: a sample without a random generator.
    const step = Math.floor(all.length / 400);
    const sampled = all.filter((_, index) => (index * 7919) % all.length < all.length / step);
    const { users: estimate } = surveyOf(sampled, all.length, false);
    expect(estimate.isExact).toBe(false);
    expect(Math.abs(estimate.count - users.length) / users.length).toBeLessThan(0.05);
  });
});
