import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { GroupCommit } from '../../lib/redis/replication/group-commit.js';
import { addressKey } from '../../lib/redis/connection/node-address.js';
import { PrimaryNode } from '../../lib/redis/primary/primary-node.js';
import { WaitingMemory } from '../../lib/redis/connection/waiting-memory.js';
import { ProvisionalLog } from '../../lib/redis/replication/provisional-log.js';
import type { LoneClaim, ReplicaAuthority } from '../../lib/redis/replication/replica-authority.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import { GET, LIMITS, PROBE, PUT } from './redis-link.support.js';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function startCommits({
  isPromoted = false,
  promotable,
  isLone,
}: Pick<ReplicaAuthority, 'isLone'> & { readonly promotable: readonly string[]; readonly isPromoted?: boolean }) {
  const primary = await startRedisServer();
  ends.push(() => primary.stop());
  const node = await new PrimaryNode(
    { address: primary, generation: 0, isPromoted },
    { node: {}, connectTimeoutMs: LIMITS.connectTimeoutMs, silenceTimeoutMs: 10_000 },
  ).open(PROBE);
  ends.push(() => {
    node.leave('the test is over');
  });
  const commits = new GroupCommit({
    node,
    authority: {
      promotable: () => promotable.map((name) => ({ name, isCertain: true })),
      lostSightAt: () => null,
      sightedAt: () => Infinity,
      isActedUpon: () => false,
      isLone,
      isElected: () => isPromoted,
      watch: () => undefined,
    },
    isStrict: false,
    log: new ProvisionalLog(new WaitingMemory(1_000_000)),
    onDegraded: () => undefined,
    onRecovered: () => undefined,
  });
  const read = () => commits.read(() => node.run({ run: GET, keys: ['key'], args: [] }, 0));
  const put = (value: string) =>
    commits.commit({
      command: { run: PUT, keys: ['key'], args: [value] },
      isReplay: false,
      notAfterMs: () => Date.now() + 60_000,
      isWanted: () => true,
    });
  return { primary, node, read, put };
}

it('reads from a promoted node that acknowledges changes, also while no majority has confirmed the promotion', async () => {
  // One Sentinel has promoted the node; the former primary is its replica to be, and nothing is proven yet.
  const { read, put } = await startCommits({
    isPromoted: true,
    promotable: ['former-primary:6379'],
    isLone: () => false,
  });
  await put('value');
  await expect(read()).resolves.toBe('value');
});

it('counts the absence of a replica from when it was seen last, also when it was excused before', async () => {
  const replica = await startRedisServer();
  ends.push(() => replica.stop());
  const claims: LoneClaim[] = [];
  const { primary, node, read } = await startCommits({
    promotable: [addressKey(replica)],
    isLone: (_node, claim) => claims.push(claim) > 0,
  });
  const isConnected = async (): Promise<boolean> => {
    await read();
    return ((await node.tell()).replicas ?? []).length > 0;
  };

  // Never seen: excused since the beginning, as far as anybody knows.
  await read();
  expect(claims.length).toBeGreaterThan(0);
  const attachedAt = performance.now();
  await replica.cli('REPLICAOF', primary.host, String(primary.port));
  await pollUntil('the replica is connected', isConnected, { intervalMs: 5 });
  await read();
  // It may be promoted the moment that it goes.
  await replica.cli('REPLICAOF', 'NO', 'ONE');
  claims.length = 0;
  await pollUntil('it is found missing', async () => (await read(), claims.length > 0), { intervalMs: 5 });
  for (const { missingSinceAt } of claims) expect(missingSinceAt).toBeGreaterThan(attachedAt);
});

it('waits for a replica that is back before it has said what it has, however sure it was to be alone', async () => {
  const replica = await startRedisServer();
  ends.push(() => replica.stop());
  const { primary, put } = await startCommits({
    promotable: [addressKey(replica)],
    isLone: () => true,
  });
  await put('alone');
  await replica.cli('REPLICAOF', primary.host, String(primary.port));
  const isOnline = async (): Promise<boolean> =>
    ((await primary.cli('ROLE')) as [string, number, unknown[]])[2].length > 0;
  await pollUntil('the replica is connected', isOnline, { intervalMs: 1 });
  replica.freeze();
  let isAcknowledged = false;
  const change = put('together').then(() => (isAcknowledged = true));
  // Longer than a WAIT and a look take, shorter than the patience with a replica that lags.
  await delay(300);
  expect(isAcknowledged).toBe(false);
  replica.thaw();
  await change;
});
