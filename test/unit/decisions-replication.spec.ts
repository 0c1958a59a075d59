import { describe, expect, it } from 'vitest';
import { decideAcknowledgement, type AcknowledgementView } from '../../lib/redis/decisions/acknowledgement.js';
import type { PromotableServer } from '../../lib/redis/decisions/listed-replicas.js';
import { confirmedBy, type ConfirmationView } from '../../lib/redis/decisions/confirmation.js';
import { decideRead, type ReadView } from '../../lib/redis/decisions/read-answer.js';

const promotable = (...names: string[]): PromotableServer[] => names.map((name) => ({ name, isCertain: true }));

describe('the replicas that have a commit', () => {
  const names = (overrides: Partial<ConfirmationView>): string[] => [
    ...confirmedBy({ listed: [], primaryOffset: 100, acknowledgedCount: 0, listedBefore: new Set(), ...overrides }),
  ];

  it('are as many of the furthest as WAIT has counted', () => {
    const listed = [
      { name: 'r1', offset: 80 },
      { name: 'r2', offset: 95 },
      { name: 'r3', offset: 90 },
    ];
    expect(names({ listed, acknowledgedCount: 2 })).toEqual(['r2', 'r3']);
    expect(names({ listed, acknowledgedCount: 0 })).toEqual([]);
    expect(names({ listed, acknowledgedCount: 3 })).toEqual(['r1', 'r2', 'r3']);
  });

  it('are not those whom a replica that has just joined was counted for', () => {
    const listed = [
      { name: 'joined', offset: 100 },
      { name: 'r1', offset: 60 },
    ];
    expect(names({ listed, acknowledgedCount: 1 })).toEqual(['joined']);
  });

  it('are only those that have everything once one has left that may have been counted', () => {
    const listed = [
      { name: 'r1', offset: 60 },
      { name: 'r2', offset: 100 },
    ];
    expect(names({ listed, acknowledgedCount: 2, listedBefore: new Set(['r1', 'r2', 'gone']) })).toEqual(['r2']);
    expect(names({ listed: listed.slice(0, 1), acknowledgedCount: 2 })).toEqual([]);
  });
});

describe('what becomes of a change', () => {
  const outcome = (overrides: Partial<AcknowledgementView>): string =>
    decideAcknowledgement({
      promotable: promotable('r1', 'r2'),
      confirmed: new Set(['r1', 'r2']),
      awaited: new Set(),
      isStrict: false,
      isLone: () => false,
      isJustElected: () => false,
      ...overrides,
    }).outcome;
  const proven = { isLone: () => true };

  it('is replicated once every replica that could be promoted has it', () => {
    expect(outcome({})).toBe('replicated');
    expect(outcome({ confirmed: new Set(['r1', 'r2', 'joined']) })).toBe('replicated');
  });

  it('is not replicated by one that joined, instead of one that could be promoted', () => {
    expect(outcome({ confirmed: new Set(['joined', 'r2']) })).toBe('hold');
  });

  it('is degraded, and not replicated, when one of several could be promoted without it', () => {
    expect(outcome({ confirmed: new Set(['r1']), ...proven })).toBe('degraded');
  });

  it('is held for a strict application as long as one could be promoted without it', () => {
    expect(outcome({ confirmed: new Set(['r1']), ...proven, isStrict: true, isJustElected: () => true })).toBe('hold');
    expect(outcome({ isStrict: true })).toBe('replicated');
  });

  it('is held for a while for a replica that is connected', () => {
    expect(outcome({ confirmed: new Set(['r1']), awaited: new Set(['r2']), ...proven })).toBe('hold');
  });

  it('is held without a proof, and provisional on a node that was just promoted', () => {
    expect(outcome({ confirmed: new Set() })).toBe('hold');
    expect(outcome({ confirmed: new Set(), isJustElected: () => true })).toBe('provisional');
  });

  it('needs a replica of which it is certain that it could be promoted', () => {
    const unasked = [{ name: 'r1', isCertain: false }];
    expect(outcome({ promotable: unasked, confirmed: new Set(['r1']) })).toBe('hold');
    expect(outcome({ promotable: unasked, confirmed: new Set(['r1']), ...proven })).toBe('degraded');
    expect(outcome({ promotable: [], confirmed: new Set(), ...proven })).toBe('degraded');
  });
});

describe('what was read', () => {
  const outcome = (overrides: Partial<ReadView>): string =>
    decideRead({
      role: 'master',
      promotable: promotable('r1'),
      listed: new Set(['r1']),
      following: new Set(['r1']),
      followingSince: new Set(),
      isActedUpon: false,
      isLone: () => false,
      isJustElected: () => false,
      ...overrides,
    }).outcome;

  it('is shown while the primary and the replica itself say that it follows', () => {
    expect(outcome({})).toBe('answer');
    expect(outcome({ listed: new Set() })).toBe('prove');
  });

  it('is not shown because a primary that is cut off still lists its replica', () => {
    expect(outcome({ following: new Set() })).toBe('prove');
  });

  it('is not shown while a Sentinel acts, before the replica has said again that it follows', () => {
    expect(outcome({ isActedUpon: true })).toBe('prove');
    expect(outcome({ isActedUpon: true, followingSince: new Set(['r1']) })).toBe('answer');
  });

  it('is shown when the Sentinels know that the missing replica was not promoted', () => {
    expect(outcome({ following: new Set(), isLone: (missing) => missing.has('r1') })).toBe('answer');
    expect(outcome({ listed: new Set(), isJustElected: () => true })).toBe('answer');
  });

  it('is asked for elsewhere when the node is a replica, and shown when it may not say', () => {
    expect(outcome({ role: 'slave' })).toBe('elsewhere');
    expect(outcome({ role: null, listed: new Set() })).toBe('answer');
  });
});
