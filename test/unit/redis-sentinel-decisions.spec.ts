import { describe, expect, it } from 'vitest';
import {
  decideListedReplicas,
  decidePromotable,
  type KnownReplica,
} from '../../lib/redis/decisions/listed-replicas.js';
import { decideNamedPrimary, isCredible } from '../../lib/redis/decisions/named-primary.js';
import {
  decideElectorate,
  FORGET_AFTER_MS,
  type Electorate,
  type PrimaryClaim,
  type SentinelStanding,
} from '../../lib/redis/decisions/sentinel-electorate.js';
import { decideServers } from '../../lib/redis/decisions/servers.js';

const NOW = 100_000;
const A = 'a:6379';
const B = 'b:6379';

/** Sentinels `s1`, `s2`, `s3` that know each other and name A in epoch 3, unless said otherwise. */
function sentinel(key: string, overrides: Partial<SentinelStanding> & { lists?: readonly string[] } = {}) {
  const { lists = ['s1', 's2', 's3'], ...rest } = overrides;
  const claim = rest.claim === undefined ? { primary: A, epoch: 3 } : rest.claim;
  return {
    key,
    id: `id of ${key}`,
    isConfigured: true,
    claim,
    others: claim ? lists.filter((other) => other !== key).map((other) => ({ key: other, id: `id of ${other}` })) : [],
    nodes: new Set(claim ? [A, B] : []),
    countedAt: -Infinity,
    ...rest,
  } satisfies SentinelStanding;
}

const discovered = { isConfigured: false };
const dead = { claim: null, id: null };
const keysOf = (electorate: Electorate): string[] => electorate.map(({ key }) => key).sort();
const electorateOf = (...sentinels: SentinelStanding[]): Electorate => decideElectorate(sentinels, NOW).outcome;

describe('who counts in a majority', () => {
  it('a Sentinel that answers, and a dead one for as long as one that answers lists it', () => {
    expect(keysOf(electorateOf(sentinel('s1'), sentinel('s2', dead), sentinel('s3', dead)))).toEqual([
      's1',
      's2',
      's3',
    ]);
  });

  it('not one that does not answer and that nobody lists, configured or not, but for a grace', () => {
    const alone = { lists: ['s1'] };
    const gone = [sentinel('s2', dead), sentinel('s3', { ...dead, ...discovered, countedAt: NOW - FORGET_AFTER_MS })];
    expect(keysOf(electorateOf(sentinel('s1', alone), ...gone))).toEqual(['s1']);
    const lately = sentinel('s2', { ...dead, countedAt: NOW - FORGET_AFTER_MS + 1 });
    expect(keysOf(electorateOf(sentinel('s1', alone), lately))).toEqual(['s1', 's2']);
  });

  it('one Sentinel once, by whatever addresses it is known', () => {
    const twice = sentinel('10.0.0.1', { ...discovered, id: 'id of s1' });
    expect(keysOf(electorateOf(twice, sentinel('s1'), sentinel('s2')))).toEqual(['s1', 's2']);
  });

  it('a new process at the address of an old one that others still list', () => {
    expect(keysOf(electorateOf(sentinel('s1', { id: 'new' }), sentinel('s2'), sentinel('s3')))).toHaveLength(3);
  });

  it('discovered ones that the configured ones do not list only by a majority: nobody brings voters along', () => {
    const friends = ['f1', 'f2', 'f3', 'f4'];
    const liar = sentinel('f1', { ...discovered, lists: [...friends, 's1', 's2', 's3'] });
    const others = friends.slice(1).map((key) => sentinel(key, { ...discovered, ...dead }));
    const configured = ['s1', 's2', 's3'].map((key) => sentinel(key, { lists: ['s1', 's2', 's3', 'f1'] }));
    expect(keysOf(electorateOf(...configured, liar, ...others))).toEqual(['f1', 's1', 's2', 's3']);
  });

  it('the ones that took over when all configured ones have gone', () => {
    const lists = ['s4', 's5', 's6'];
    const moved = lists.map((key) => sentinel(key, { ...discovered, lists }));
    expect(keysOf(electorateOf(sentinel('s1', dead), sentinel('s2', dead), ...moved))).toEqual(lists);
  });
});

describe('the primary that the Sentinels name', () => {
  const known: PrimaryClaim = { primary: A, epoch: 3 };
  const claims = (primary: string, epoch: number) => ({ claim: { primary, epoch } });
  const named = (electorate: Electorate, last: PrimaryClaim | null = known, isEveryoneAsked = true) =>
    decideNamedPrimary({ electorate, known: last, isEveryoneAsked }).outcome;

  it('is the one that a majority of those that count names', () => {
    const electorate = electorateOf(sentinel('s1', claims(B, 4)), sentinel('s2', claims(B, 4)), sentinel('s3'));
    expect(named(electorate)).toEqual({ primary: B, epoch: 4 });
  });

  it('is not what one claims, however high its epoch', () => {
    const electorate = electorateOf(sentinel('s1', claims(B, 999_999)), sentinel('s2'), sentinel('s3'));
    expect(named(electorate)).toEqual(known);
    expect(named(electorate, null)).toEqual(known);
    const alone = electorateOf(sentinel('s1', claims(B, 999_999)), sentinel('s2', dead), sentinel('s3', dead));
    expect(named(alone)).toEqual(known);
  });

  it('has no higher epoch than a majority says', () => {
    const electorate = electorateOf(sentinel('s1', claims(A, 999_999)), sentinel('s2', claims(A, 4)), sentinel('s3'));
    expect(named(electorate)).toEqual({ primary: A, epoch: 4 });
  });

  it('is followed into an epoch that starts anew', () => {
    const anew = ['s1', 's2'].map((key) => sentinel(key, { ...claims('c:6379', 0), nodes: new Set(['c:6379']) }));
    expect(named(electorateOf(...anew, sentinel('s3', dead)))).toEqual({ primary: 'c:6379', epoch: 0 });
  });

  it('stays while nobody answers, or too few', () => {
    expect(named([])).toEqual(known);
    expect(named(electorateOf(sentinel('s1', claims(B, 4)), sentinel('s2', dead), sentinel('s3', dead)))).toEqual(
      known,
    );
  });

  it('is at the start what the configured Sentinels that answer say, once all have been asked', () => {
    const one = electorateOf(sentinel('s1'), sentinel('s2', dead), sentinel('s3', dead));
    expect(named(one, null, false)).toBeNull();
    expect(named(one, null)).toEqual(known);
    const strangers = electorateOf(sentinel('s1', { ...discovered, lists: ['s2'] }), sentinel('s2', dead));
    expect(named(strangers, null)).toBeNull();
  });

  it('is none that the configured ones do not know, however many others name it', () => {
    const lists = ['s1', 'l1', 'l2', 'l3'];
    const liars = lists.slice(1).map((key) => {
      return sentinel(key, { ...discovered, lists, ...claims('evil:6379', 9), nodes: new Set(['evil:6379']) });
    });
    const electorate = electorateOf(sentinel('s1', { lists }), ...liars);
    expect(electorate).toHaveLength(4);
    expect(isCredible('evil:6379', electorate)).toBe(false);
    expect(named(electorate)).toEqual(known);
  });
});

describe('the servers behind names', () => {
  it('are one by run id or by address, also through a third name', () => {
    const servers = decideServers([
      { name: 'redis-0:6379', runId: 'r0', addresses: [] },
      { name: '10.0.0.1:6379', runId: null, addresses: ['10.0.0.1:6379'] },
      { name: 'other:6379', runId: 'r0', addresses: ['10.0.0.1:6379'] },
      { name: 'redis-1:6379', runId: 'r1', addresses: ['10.0.0.2:6379'] },
    ]);
    expect([...(servers.get('10.0.0.1:6379') ?? [])].sort()).toEqual(['10.0.0.1:6379', 'other:6379', 'redis-0:6379']);
    expect([...(servers.get('redis-1:6379') ?? [])]).toEqual(['redis-1:6379']);
  });
});

describe('the replicas that are listed', () => {
  const listed = (name: string, priority: number | null, runId: string | null = `run ${name}`) => ({
    name,
    runId,
    priority,
  });
  const replicasOf = (
    lists: Parameters<typeof decideListedReplicas>[0]['lists'],
    known: ReadonlyMap<string, KnownReplica> = new Map(),
  ) => decideListedReplicas({ lists, known, addressesOf: () => [] }).outcome;

  it('are all that any Sentinel lists', () => {
    expect([...replicasOf([[listed('b', 100)], [listed('c', 100)], []]).keys()]).toEqual(['b', 'c']);
  });

  it('stay the last known ones while no Sentinel has a list', () => {
    const known = replicasOf([[listed('b', 100)]]);
    expect(replicasOf([null, null], known)).toBe(known);
    expect(replicasOf([], known)).toBe(known);
    expect(replicasOf([null, []], known).size).toBe(0);
  });

  it('keep their priority while no Sentinel has asked them since a switch', () => {
    const known = replicasOf([[listed('b', 0), listed('c', 10)]]);
    const switched = replicasOf([[listed('b', null, null), listed('c', null, null)]], known);
    expect([...switched.values()].map(({ priority }) => priority)).toEqual([0, 10]);
  });

  it('may be promoted unless their priority is known to be 0, each server once and never the primary itself', () => {
    const replicas = replicasOf([
      [
        listed('far', 0),
        listed('b-by-name', 100, 'run b'),
        listed('b', 100, 'run b'),
        listed('a-by-name', 100, 'run a'),
        listed('new', null, null),
      ],
    ]);
    const promotable = decidePromotable({
      claimed: [],
      replicas,
      primary: [{ name: 'a', runId: 'run a', addresses: [] }],
      connected: [{ name: 'b', runId: null, addresses: [] }],
    });
    expect(promotable).toEqual([
      { name: 'b', isCertain: true },
      { name: 'new', isCertain: false },
    ]);
  });

  it('may be promoted when a Sentinel names it the primary already, and so lists it no more', () => {
    const promotable = decidePromotable({
      replicas: replicasOf([[listed('a', 100), listed('c', 100)]]),
      primary: [{ name: 'a', runId: 'run a', addresses: [] }],
      claimed: [{ name: 'b', runId: null, addresses: [] }],
      connected: [{ name: 'c', runId: null, addresses: [] }],
    });
    expect(promotable).toEqual([
      { name: 'c', isCertain: true },
      { name: 'b', isCertain: true },
    ]);
  });
});
