import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import type { SessionLink } from '../../lib/core/session-link.js';
import type { SessionLinkEvents } from '../../lib/core/session-link-events.js';
import { addressKey } from '../../lib/redis/connection/node-address.js';
import { PrimaryRoute } from '../../lib/redis/link/primary-route.js';
import { SessionGate } from '../../lib/redis/link/session-gate.js';
import type { PrimaryChoice, PrimaryFinder } from '../../lib/redis/primary/primary-finder.js';
import type { PrimaryNode } from '../../lib/redis/primary/primary-node.js';
import type { ReplicaAuthority } from '../../lib/redis/replication/replica-authority.js';
import { RedisKeyLayout } from '../../lib/store/redis-key-layout.js';
import { RedisSessionRepository } from '../../lib/store/redis-session.repository.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startRedisServer, type RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { change } from '../contract/session-repository.contract.js';
import { flat, type FlatRepository } from '../support/flat-repository.js';
import { LIMITS, PROBE } from './redis-link.support.js';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** One that is given the primary; the first was promoted a moment ago, and that is taken back. */
class GivenFinder implements PrimaryFinder {
  onChange = (): void => undefined;
  readonly trouble = undefined;
  #generation = 0;

  constructor(private address: RedisProcess) {}

  give(address: RedisProcess): void {
    this.address = address;
    this.#generation++;
    this.onChange();
  }

  choose(): PrimaryChoice {
    return { address: this.address, generation: this.#generation, isPromoted: this.#generation === 0 };
  }

  objection({ generation }: PrimaryChoice): string | null {
    return generation < this.#generation ? 'another one is the primary' : null;
  }

  settle(): void {
    // There is nothing to watch.
  }

  search(): void {
    // The test gives the next one.
  }

  close(): void {
    // Nothing was opened.
  }
}

/** The promoted node cannot be proven to be alone; the one before it needs no proof. */
function provisional(promoted: RedisProcess, former: RedisProcess): ReplicaAuthority {
  const isPromoted = ({ key }: PrimaryNode): boolean => key === addressKey(promoted);
  return {
    promotable: (node) => [{ name: addressKey(isPromoted(node) ? former : promoted), isCertain: true }],
    lostSightAt: () => null,
    sightedAt: () => Infinity,
    isActedUpon: () => false,
    isLone: (node) => !isPromoted(node),
    isElected: isPromoted,
    watch: () => undefined,
  };
}

function repositoryOver(link: SessionLink): FlatRepository {
  const settings = { absoluteTimeoutMs: null, tombstoneMs: 60_000, userLimit: null };
  return flat(new RedisSessionRepository(link, new RedisKeyLayout('restored', 1), settings));
}

function openGate(finder: PrimaryFinder, replication: ConstructorParameters<typeof PrimaryRoute>[0]['replication']) {
  const connection = { node: {}, connectTimeoutMs: LIMITS.connectTimeoutMs, silenceTimeoutMs: 10_000 };
  const parts = { mode: 'sentinel', finder, connection, probe: PROBE, replication, inspectSentinels: null } as const;
  const gate = new SessionGate({
    limits: LIMITS,
    probe: PROBE,
    makeRoute: (listener, memory) => new PrimaryRoute({ ...parts, memory }, listener),
  });
  ends.push(() => gate.close());
  return gate;
}

/** Two nodes with the same session; a process that uses the promoted one, and another that stayed with the former. */
async function startBoth() {
  const [former, promoted] = await Promise.all([startRedisServer(), startRedisServer()]);
  ends.push(() => Promise.all([former.stop(), promoted.stop()]));
  const other = repositoryOver(openGate(new GivenFinder(former), null));
  const sid = randomUUID();
  await other.create(sid, change({ set: { a: 1, b: 1 } }));
  await promoted.cli('REPLICAOF', former.host, String(former.port));
  const hasAll = async () => ((await promoted.cli('ROLE')) as string[])[3] === 'connected';
  await pollUntil('the session is copied', hasAll);
  await promoted.cli('REPLICAOF', 'NO', 'ONE');
  const finder = new GivenFinder(promoted);
  const gate = openGate(finder, { authority: provisional(promoted, former), isStrict: false });
  const unrestored: SessionLinkEvents['unrestored'][] = [];
  gate.on('unrestored', (event) => unrestored.push(event));
  const fields = async () => Object.fromEntries((await other.load(sid))?.fields ?? []);
  return { sid, other, own: repositoryOver(gate), takeBack: () => finder.give(former), unrestored, fields };
}

describe('a change that was acknowledged by a promoted node', () => {
  it('is made again when the promotion is taken back, one after the other', async () => {
    const { sid, own, takeBack, unrestored, fields } = await startBoth();
    await own.commit(sid, change({ set: { a: 2 } }));
    await own.commit(sid, change({ set: { a: 3 } }));
    takeBack();
    await pollUntil('both are restored', async () => (await fields())['a'] === '3');
    expect(unrestored).toEqual([]);
  });

  it('does not undo what another process was given success for meanwhile, and its loss is reported', async () => {
    const { sid, own, other, takeBack, unrestored, fields } = await startBoth();
    await own.commit(sid, change({ set: { a: 2 } }));
    await other.commit(sid, change({ set: { a: 7 } }));
    takeBack();
    await pollUntil('the loss is reported', () => unrestored.length > 0);
    expect(unrestored).toMatchObject([{ change: 'commit-session', reason: 'conflict' }]);
    expect(await fields()).toMatchObject({ a: '7', b: '1' });
  });

  it('is reported when the session has ended meanwhile', async () => {
    const { sid, own, other, takeBack, unrestored } = await startBoth();
    await own.commit(sid, change({ set: { a: 2 } }));
    await other.destroy(sid);
    takeBack();
    await pollUntil('the loss is reported', () => unrestored.length > 0);
    expect(unrestored).toMatchObject([{ change: 'commit-session', reason: 'gone' }]);
  });
});
