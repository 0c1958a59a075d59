import { describe, expect, it } from 'vitest';
import { isProvenLone, type LoneEvidence } from '../../lib/redis/sentinel/lone-primary-proof.js';
import type { NodeReport } from '../../lib/redis/connection/node-report.js';
import type { SentinelView } from '../../lib/redis/sentinel/sentinel-view.js';

const PRIMARY = '10.0.0.1:6379';
const REPLICA = '10.0.0.2:6379';
/** When the replica was found missing; the Sentinels were asked 200 ms later. */
const MISSING_AT = 10_000;
const ASKED_AT = 10_200;

function address(key: string): { host: string; port: number } {
  const [host = '', port = ''] = key.split(':');
  return { host, port: Number(port) };
}

function view(overrides: Partial<SentinelView> = {}, primary = PRIMARY): SentinelView {
  return {
    primary: address(primary),
    name: primary,
    epoch: 3,
    flags: new Set(['master']),
    sinceOkPingMs: 50,
    sentinelCount: 3,
    replicaCount: 1,
    runId: null,
    quorum: 2,
    downAfterMs: 5000,
    askedAt: ASKED_AT,
    answeredAt: ASKED_AT + 1,
    ...overrides,
  };
}

function report(overrides: Partial<NodeReport> = {}): NodeReport {
  return {
    role: 'slave',
    isLoading: false,
    primary: address(PRIMARY),
    offset: 100,
    replicas: [],
    replicationId: 'history-a',
    formerReplicationId: '0'.repeat(40),
    clockOffsetMs: 0,
    askedAt: ASKED_AT,
    answeredAt: ASKED_AT + 1,
    ...overrides,
  };
}

function evidence(overrides: Partial<LoneEvidence> = {}): LoneEvidence {
  return {
    key: PRIMARY,
    replicationId: 'history-a',
    views: [view(), view(), view()],
    sentinelCount: 3,
    reports: new Map([[REPLICA, null]]),
    missing: new Set([REPLICA]),
    sinceAt: MISSING_AT,
    missingSinceAt: MISSING_AT,
    now: ASKED_AT + 10,
    ...overrides,
  };
}

const flagged = (...flags: string[]): Partial<SentinelView> => ({ flags: new Set(['master', ...flags]) });

describe('the proof that a primary is alone', () => {
  it('holds when all Sentinels have heard of the primary since and nothing is going on', () => {
    expect(isProvenLone(evidence())).toBe(true);
  });

  it('fails without a majority of all Sentinels there are', () => {
    expect(isProvenLone(evidence({ views: [view()] }))).toBe(false);
    expect(isProvenLone(evidence({ views: [view(), view()], sentinelCount: 4, now: ASKED_AT + 10_000 }))).toBe(false);
    expect(isProvenLone(evidence({ views: [] }))).toBe(false);
  });

  it('fails when the Sentinels were asked before the replica was missing', () => {
    const views = [
      view({ askedAt: MISSING_AT - 1, sinceOkPingMs: 0 }),
      view(),
      view({ askedAt: MISSING_AT - 1, sinceOkPingMs: 0 }),
    ];
    expect(isProvenLone(evidence({ views, now: ASKED_AT + 10_000 }))).toBe(false);
  });

  it('fails when the primary last answered the Sentinels before the replica was missing: it may be cut off with us', () => {
    const silent = view({ sinceOkPingMs: 300 });
    expect(isProvenLone(evidence({ views: [silent, silent, view()], now: ASKED_AT + 10_000 }))).toBe(false);
  });

  it('fails when the Sentinels may not tell when they heard of it', () => {
    const mute = view({ sinceOkPingMs: null });
    expect(isProvenLone(evidence({ views: [mute, mute, mute], now: ASKED_AT + 10_000 }))).toBe(false);
  });

  it.each(['s_down', 'o_down', 'failover_in_progress', 'force_failover', 'disconnected'])(
    'fails when a single Sentinel says %s of the primary',
    (flag) => {
      expect(isProvenLone(evidence({ views: [view(), view(), view(flagged(flag))], now: ASKED_AT + 10_000 }))).toBe(
        false,
      );
    },
  );

  it('fails when a single Sentinel knows of a newer epoch, whatever it names', () => {
    const newer = [view(), view(), view({ epoch: 4 }, REPLICA)];
    expect(isProvenLone(evidence({ views: newer, now: ASKED_AT + 10_000 }))).toBe(false);
    expect(isProvenLone(evidence({ views: [view(), view(), view({ epoch: 4 })], now: ASKED_AT + 10_000 }))).toBe(false);
  });

  it('is not disturbed by a Sentinel that has not heard of the last failover yet', () => {
    const stale = view({ epoch: 2 }, REPLICA);
    expect(isProvenLone(evidence({ views: [view(), view(), stale] }))).toBe(false);
    expect(isProvenLone(evidence({ views: [view(), view(), stale], now: MISSING_AT + 2500 }))).toBe(true);
  });

  it('waits until a failover by a Sentinel that does not answer would be known', () => {
    const views = [view(), view()];
    expect(isProvenLone(evidence({ views }))).toBe(false);
    expect(isProvenLone(evidence({ views, now: MISSING_AT + 2500 }))).toBe(true);
  });

  it('need not wait when each missing replica says itself that it is one', () => {
    const views = [view(), view()];
    expect(isProvenLone(evidence({ views, reports: new Map([[REPLICA, report()]]) }))).toBe(true);
    const before = report({ askedAt: MISSING_AT - 1 });
    expect(isProvenLone(evidence({ views, reports: new Map([[REPLICA, before]]) }))).toBe(false);
  });

  it('fails when another node was promoted from the history of the primary', () => {
    const rival = report({ role: 'master', replicationId: 'history-b', formerReplicationId: 'history-a' });
    expect(isProvenLone(evidence({ reports: new Map([[REPLICA, rival]]) }))).toBe(false);
  });

  it('fails when it cannot be told whether another primary was promoted', () => {
    const rival = report({ role: 'master', replicationId: null, formerReplicationId: null });
    expect(isProvenLone(evidence({ reports: new Map([[REPLICA, rival]]) }))).toBe(false);
    const stranger = report({ role: 'master', replicationId: 'history-x' });
    expect(isProvenLone(evidence({ replicationId: null, reports: new Map([[REPLICA, stranger]]) }))).toBe(false);
  });

  it('is not disturbed by the former primary that thaws and still calls itself one', () => {
    const former = report({ role: 'master', replicationId: 'history-0' });
    expect(isProvenLone(evidence({ reports: new Map([[REPLICA, former]]) }))).toBe(true);
  });

  it('holds for a primary that no replica is known of', () => {
    expect(isProvenLone(evidence({ missing: new Set(), reports: new Map() }))).toBe(true);
  });
});
