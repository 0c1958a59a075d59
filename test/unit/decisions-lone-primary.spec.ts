import { describe, expect, it } from 'vitest';
import {
  decideLone,
  proofLife,
  type LoneView,
  type NodeWord,
  type SentinelVote,
} from '../../lib/redis/decisions/lone-primary.js';

const REPLICA = '10.0.0.2:6379';
/** When the replica was found missing; the Sentinels were asked 200 ms later. */
const MISSING_AT = 10_000;
const ASKED_AT = 10_200;

function vote(overrides: Partial<SentinelVote> = {}): SentinelVote {
  return {
    isForPrimary: true,
    epoch: 3,
    flags: new Set(['master']),
    quorum: 2,
    downAfterMs: 1000,
    sinceOkPingMs: 50,
    askedAt: ASKED_AT,
    ...overrides,
  };
}

function word(overrides: Partial<NodeWord> = {}): NodeWord {
  return { role: 'slave', formerReplicationId: '0'.repeat(40), askedAt: ASKED_AT, ...overrides };
}

function view(overrides: Partial<LoneView> = {}): LoneView {
  return {
    replicationId: 'history-a',
    votes: [vote(), vote(), vote()],
    sentinelCount: 3,
    others: new Map([[REPLICA, null]]),
    missing: new Set([REPLICA]),
    sinceAt: MISSING_AT,
    aliveSinceAt: MISSING_AT,
    missingSinceAt: MISSING_AT,
    rivalSinceAt: null,
    now: ASKED_AT + 10,
    ...overrides,
  };
}

const isLone = (overrides: Partial<LoneView> = {}): boolean => decideLone(view(overrides)).outcome === 'lone';
const flagged = (...flags: string[]): Partial<SentinelVote> => ({ flags: new Set(['master', ...flags]) });
const LATER = ASKED_AT + 10_000;
const elsewhere = (epoch: number): SentinelVote => vote({ epoch, isForPrimary: false });

describe('the proof that a primary is alone', () => {
  it('holds when all Sentinels have its answer since and nothing is going on', () => {
    expect(isLone()).toBe(true);
  });

  it('fails without a majority of all Sentinels there are', () => {
    expect(isLone({ votes: [vote()] })).toBe(false);
    expect(isLone({ votes: [vote(), vote()], sentinelCount: 4, now: LATER })).toBe(false);
    expect(isLone({ votes: [] })).toBe(false);
  });

  it('fails when the Sentinels were asked before the replica was missing', () => {
    const before = vote({ askedAt: MISSING_AT - 1, sinceOkPingMs: 0 });
    expect(isLone({ votes: [before, vote(), before], now: LATER })).toBe(false);
  });

  it('fails when the primary last answered the Sentinels before the replica was missing: it may be cut off with us', () => {
    const silent = vote({ sinceOkPingMs: 300 });
    expect(isLone({ votes: [silent, silent, vote()], now: LATER })).toBe(false);
  });

  it('fails when the Sentinels may not tell when the primary answered them', () => {
    const mute = vote({ sinceOkPingMs: null });
    expect(isLone({ votes: [mute, mute, mute], now: LATER })).toBe(false);
  });

  it.each(['o_down', 'failover_in_progress', 'force_failover'])('fails when a single Sentinel acts: %s', (flag) => {
    expect(isLone({ votes: [vote(), vote(), vote(flagged(flag))], now: LATER })).toBe(false);
  });

  it.each(['s_down', 'disconnected'])('holds while fewer Sentinels than it takes to act say %s', (flag) => {
    expect(isLone({ votes: [vote(), vote(), vote(flagged(flag))] })).toBe(true);
  });

  it('fails when those that find the primary down and those out of sight are enough to act', () => {
    const accusing = vote(flagged('s_down'));
    const five = { sentinelCount: 5, now: LATER };
    expect(isLone({ ...five, votes: [vote(), vote(), vote(), accusing] })).toBe(false);
    const three = vote({ quorum: 3 });
    expect(isLone({ ...five, votes: [three, three, three, { ...accusing, quorum: 3 }] })).toBe(true);
    const unknown = { ...accusing, quorum: null };
    expect(isLone({ votes: [vote(), vote(), unknown], now: LATER })).toBe(false);
  });

  it('fails when a single Sentinel knows of a newer epoch, whatever it names', () => {
    expect(isLone({ votes: [vote(), vote(), elsewhere(4)], now: LATER })).toBe(false);
    expect(isLone({ votes: [vote(), vote(), vote({ epoch: 4 })], now: LATER })).toBe(false);
  });

  it('is not disturbed by a Sentinel that has not heard of the last failover yet', () => {
    expect(isLone({ votes: [vote(), vote(), elsewhere(2)] })).toBe(false);
    expect(isLone({ votes: [vote(), vote(), elsewhere(2)], now: MISSING_AT + 2500 })).toBe(true);
  });

  it('waits until a failover by a Sentinel that does not answer would be known', () => {
    expect(isLone({ votes: [vote(), vote()] })).toBe(false);
    expect(isLone({ votes: [vote(), vote()], now: MISSING_AT + 2500 })).toBe(true);
  });

  it('need not wait when each missing replica says itself that it is one', () => {
    const votes = [vote(), vote()];
    expect(isLone({ votes, others: new Map([[REPLICA, word()]]) })).toBe(true);
    expect(isLone({ votes, others: new Map([[REPLICA, word({ askedAt: MISSING_AT - 1 })]]) })).toBe(false);
  });

  it('needs no majority when most Sentinels are away, the others see the primary and the replicas say that they are', () => {
    const others = new Map([[REPLICA, word()]]);
    expect(isLone({ votes: [vote()], others })).toBe(true);
    expect(isLone({ votes: [], others })).toBe(false);
    expect(isLone({ votes: [vote({ sinceOkPingMs: 300 })], others })).toBe(false);
    expect(isLone({ votes: [vote(flagged('s_down'))], others })).toBe(false);
    // Two of three are there and do not see it: they may be about to act.
    expect(isLone({ votes: [vote(flagged('s_down')), vote()], others })).toBe(false);
  });

  it('fails when another node was promoted from the history of the primary', () => {
    const rival = word({ role: 'master', formerReplicationId: 'history-a' });
    expect(isLone({ others: new Map([[REPLICA, rival]]) })).toBe(false);
  });

  it('takes a node for one promoted by mistake when all Sentinels stay with the primary for three seconds', () => {
    const rival = word({ role: 'master', formerReplicationId: 'history-a' });
    const mistake = { others: new Map([[REPLICA, rival]]), rivalSinceAt: MISSING_AT - 3000 };
    expect(isLone(mistake)).toBe(true);
    expect(isLone({ ...mistake, rivalSinceAt: MISSING_AT - 2000 })).toBe(false);
    // A change that was made before waits no longer than those after it, once the Sentinels have been asked since.
    const earlier = { sinceAt: MISSING_AT - 9000, aliveSinceAt: MISSING_AT - 9000 };
    expect(isLone({ ...mistake, ...earlier })).toBe(true);
    expect(isLone({ ...mistake, ...earlier, rivalSinceAt: ASKED_AT + 1, now: ASKED_AT + 4000 })).toBe(false);
    expect(isLone({ ...mistake, votes: [vote(), vote()], now: LATER })).toBe(false);
    expect(isLone({ ...mistake, votes: [vote(), vote(), elsewhere(2)], now: LATER })).toBe(false);
  });

  it('fails when it cannot be told whether another primary was promoted', () => {
    const mute = word({ role: 'master', formerReplicationId: null });
    expect(isLone({ others: new Map([[REPLICA, mute]]) })).toBe(false);
    const stranger = word({ role: 'master' });
    expect(isLone({ replicationId: null, others: new Map([[REPLICA, stranger]]) })).toBe(false);
  });

  it('is not disturbed by the former primary that thaws and still calls itself one', () => {
    expect(isLone({ others: new Map([[REPLICA, word({ role: 'master' })]]) })).toBe(true);
  });

  it('holds for a primary that no replica is known of', () => {
    expect(isLone({ missing: new Set(), others: new Map() })).toBe(true);
  });

  it('may be renewed for no longer than a primary may be silent', () => {
    expect(proofLife([vote(), vote({ downAfterMs: 500 })], 2000)).toEqual({ askedMs: 500, aliveMs: 1000 });
    expect(proofLife([vote({ downAfterMs: 5000 })], 2000)).toEqual({ askedMs: 2000, aliveMs: 5000 });
    expect(proofLife([vote({ downAfterMs: null })], 600)).toEqual({ askedMs: 600, aliveMs: 1600 });
  });
});
