import { HealthIndicatorService } from '@nestjs/terminus';
import session from 'express-session';
import { describe, expect, it } from 'vitest';
import type {
  SessionLink,
  SessionLinkInspection,
  SessionLinkStatus,
  SessionSentinelInspection,
} from '../../lib/core/session-link.js';
import { SessionConfigurationError } from '../../lib/errors/session-configuration.error.js';
import { SessionUnavailableError } from '../../lib/errors/session-unavailable.error.js';
import type { SessionHealthOptions } from '../../lib/health/index.js';
import { SessionHealthIndicator } from '../../lib/health/index.js';
import type { SessionRepository } from '../../lib/store/session-repository.js';

const STATUS: SessionLinkStatus = {
  mode: 'sentinel',
  state: 'ready',
  primary: '10.0.0.1:6379',
  waiting: 0,
  oldestMs: 0,
  totals: { held: 0, resent: 0, acknowledgedAlone: 0 },
  lastFailover: null,
  trouble: null,
};

function sentinels(overrides: Partial<SessionSentinelInspection>): SessionSentinelInspection {
  return { known: 3, reachable: 3, quorum: true, unaware: [], unconnected: [], ...overrides };
}

const INSPECTION: SessionLinkInspection = {
  roundTripMs: 0.5,
  role: 'master',
  replicas: [{ address: '10.0.0.2:6379', lagBytes: 0, online: true }],
  sentinels: sentinels({}),
  refusal: null,
  usedMemoryBytes: 50,
  maxMemoryBytes: 100,
};

const FINDING = { id: 'no-replica', severity: 'error', what: 'w', why: 'y', fix: 'f' } as const;

interface Scene {
  readonly status?: Partial<SessionLinkStatus>;
  readonly inspect?: Partial<SessionLinkInspection> | (() => Promise<SessionLinkInspection>);
  readonly count?: () => Promise<number>;
  readonly options?: SessionHealthOptions;
  readonly terminus?: HealthIndicatorService;
}

/** The mapping alone; what real nodes say is the e2e test's matter. */
async function check({ status, inspect, count, options, terminus }: Scene) {
  const link: Partial<SessionLink> = {
    status: () => ({ ...STATUS, ...status }),
    inspect: typeof inspect === 'function' ? inspect : () => Promise.resolve({ ...INSPECTION, ...inspect }),
  };
  const directory: Partial<SessionRepository['directory']> = { count: count ?? (() => Promise.resolve(7)) };
  const indicator = new SessionHealthIndicator(
    terminus ?? new HealthIndicatorService(),
    new session.MemoryStore(),
    { directory } as SessionRepository,
    link as SessionLink,
    { recent: () => Promise.resolve({ atMs: 0, findings: [FINDING] }) },
  );
  const result = await indicator.isHealthy('sessions', { details: true, ...options });
  return result.sessions;
}

/** `check(key)` as Terminus 11 has it. */
class Terminus11 {
  check(key: string) {
    const as = (status: string) => (data: object) => ({ [key]: { ...data, status } });
    return { up: as('up'), down: as('down') };
  }
}

describe('a health check of sessions in Redis', () => {
  it('tells what the doctor finds to those who ask for it with details, and to nobody else', async () => {
    expect(await check({ options: { findings: true } })).toMatchObject({ status: 'up', findings: [FINDING] });
    expect(await check({ options: { findings: true, details: false } })).not.toHaveProperty('findings');
    expect(await check({})).not.toHaveProperty('findings');
  });

  it('shows no address and no count to those who did not ask for details', async () => {
    const lastFailover = { from: '10.0.0.9:1', to: '10.0.0.1:6379', degraded: false };
    const status = { trouble: 'Redis 10.0.0.1:6379: WRONGPASS', lastFailover, state: 'degraded' } as never;
    expect(await check({ status, options: { details: false } })).toEqual({
      status: 'degraded',
      mode: 'sentinel',
      state: 'degraded',
      degraded: true,
      reasons: ['A replica that could be promoted lacks changes.'],
    });
  });

  it.each(['OOM', 'MISCONF', 'NOPERM wait; rights: docs/operations.md#acl-users'])(
    'is down when the primary refuses changes: %s',
    async (refusal) => {
      expect(await check({ inspect: { refusal } })).toMatchObject({
        status: 'down',
        reasons: [`The primary refuses changes (${refusal}).`],
      });
    },
  );

  it('is up and tells all that it knows', async () => {
    expect(await check({})).toEqual({
      status: 'up',
      mode: 'sentinel',
      degraded: false,
      reasons: [],
      state: 'ready',
      trouble: null,
      primary: '10.0.0.1:6379',
      role: 'master',
      roundTripMs: 0.5,
      replicas: INSPECTION.replicas,
      sentinels: INSPECTION.sentinels,
      memory: { usedBytes: 50, maxBytes: 100 },
      liveSessions: 7,
      waiting: 0,
      lastFailover: null,
    });
  });

  it.each<[string, Scene, RegExp]>([
    ['no replica is known', { inspect: { replicas: [] } }, /No replica is online/],
    [
      'the only replica is offline',
      { inspect: { replicas: [{ address: 'r:1', lagBytes: 9, online: false }] } },
      /No replica/,
    ],
    ['fewer replicas are online than wanted', { options: { minReplicasCount: 2 } }, /Only 1 of 2/],
    ['the quorum is lost', { inspect: { sentinels: sentinels({ reachable: 1, quorum: false }) } }, /cannot agree/],
    ['no Sentinel answers', { inspect: { sentinels: sentinels({ reachable: 0, quorum: null }) } }, /No Sentinel/],
    [
      'a Sentinel does not know the group',
      { inspect: { sentinels: sentinels({ unaware: ['s1:26379'] }) } },
      /1 of the Sentinels that answer do not know the group/,
    ],
    [
      'a replica was retired without SENTINEL RESET',
      { inspect: { sentinels: sentinels({ unconnected: ['10.0.0.3:6379'] }) } },
      /Sentinel lists a replica that is not connected/,
    ],
    ['memory is over the threshold', { options: { memoryThreshold: 0.5 } }, /50 % full/],
    ['the link acknowledges alone', { status: { state: 'degraded' } }, /lacks changes/],
  ])('is degraded when %s', async (_when, scene, reason) => {
    const result = await check(scene);

    expect(result).toMatchObject({ status: 'degraded', degraded: true, liveSessions: 7 });
    expect(result.reasons).toEqual([expect.stringMatching(reason)]);
  });

  it.each<[string, Scene]>([
    [
      'nobody asks for a replica outside Sentinel',
      { status: { mode: 'standalone' }, inspect: { replicas: [], sentinels: null } },
    ],
    ['no replica is wanted', { inspect: { replicas: [] }, options: { minReplicasCount: 0 } }],
    ['memory has no limit', { inspect: { maxMemoryBytes: null } }],
    ['one Sentinel of three is away', { inspect: { sentinels: sentinels({ reachable: 2 }) } }],
    ['the server does not tell its role, and so no replicas', { inspect: { role: null, replicas: [] } }],
  ])('is up when %s', async (_when, scene) => {
    expect(await check(scene)).toMatchObject({ status: 'up', reasons: [] });
  });

  it('is up with a field that says degraded on Terminus 11', async () => {
    const terminus = new Terminus11() as unknown as HealthIndicatorService;
    const result = await check({ inspect: { replicas: [] }, terminus });

    expect(result).toMatchObject({ status: 'up', degraded: true, reasons: ['No replica is online.'] });
  });

  it('is down when the node in use is a replica', async () => {
    const result = await check({ inspect: { role: 'slave', replicas: [] } });

    expect(result).toMatchObject({ status: 'down', degraded: false, role: 'slave' });
    expect(result.reasons).toEqual([expect.stringContaining('slave')]);
  });

  it('is down when the link finds no primary in time', async () => {
    const inspect = () => Promise.reject(new SessionUnavailableError('deadline', 'nobody'));
    const result = await check({ status: { state: 'lost', primary: null }, inspect });

    expect(result).toMatchObject({ status: 'down', state: 'lost', primary: null });
    expect(result.reasons).toEqual([expect.stringContaining('SESSION_STORE_UNAVAILABLE')]);
  });

  it('is down while the application shuts down, and says so', async () => {
    const inspect = () => Promise.reject(new SessionUnavailableError('closed', 'closing'));
    const result = await check({ status: { state: 'closed', primary: null }, inspect });

    expect(result).toMatchObject({ status: 'down', reasons: [expect.stringContaining('the application shuts down')] });
  });

  it('is down by its own timeout when an answer never comes', async () => {
    const never = () => new Promise<never>(() => undefined);

    expect(await check({ inspect: never, options: { timeoutMs: 20 } })).toMatchObject({
      status: 'down',
      reasons: ['No answer within 20 ms.'],
    });
    expect(await check({ count: never, options: { timeoutMs: 20 } })).toMatchObject({ status: 'down' });
  });

  it('counts nothing while the primary does not answer, so that checks do not pile up', async () => {
    let counted = 0;
    const count = () => Promise.resolve(++counted);
    await check({ inspect: () => Promise.reject(new SessionUnavailableError('deadline', '')), count });

    expect(counted).toBe(0);
  });

  it('repeats nothing of what a server says but its error code', async () => {
    const refusal = new Error("NOPERM User 'portal' has no permissions to run the 'evalsha' command");
    const result = await check({ count: () => Promise.reject(refusal) });

    expect(result.reasons).toEqual(['The server refused the check (NOPERM).']);
    expect(JSON.stringify(result)).not.toContain('portal');
  });

  it('lists all wrong options at once', async () => {
    const failure = check({ options: { timeoutMs: 0, memoryThreshold: 90, minReplicasCount: -1 } });

    await expect(failure).rejects.toBeInstanceOf(SessionConfigurationError);
    await expect(failure).rejects.toThrow(/timeoutMs[^]*memoryThreshold[^]*minReplicasCount/);
  });
});
