import { afterEach, expect, it } from 'vitest';
import { GroupCommit } from '../../lib/redis/group-commit.js';
import { addressKey } from '../../lib/redis/node-address.js';
import { PrimaryNode } from '../../lib/redis/primary-node.js';
import { ProvisionalLog } from '../../lib/redis/provisional-log.js';
import type { LoneClaim } from '../../lib/redis/replica-authority.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import { GET, LIMITS } from './redis-link.support.js';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

it('counts the absence of a replica from when it was seen last, also when it was excused before', async () => {
  const [primary, replica] = [await startRedisServer(), await startRedisServer()];
  ends.push(
    () => primary.stop(),
    () => replica.stop(),
  );
  const node = await new PrimaryNode(
    { address: primary, generation: 0, isPromoted: false },
    { node: {}, connectTimeoutMs: LIMITS.connectTimeoutMs, silenceTimeoutMs: LIMITS.attemptTimeoutMs },
  ).open();
  ends.push(() => {
    node.leave('the test is over');
  });
  const claims: LoneClaim[] = [];
  const commits = new GroupCommit({
    node,
    authority: {
      required: () => new Set([addressKey(replica)]),
      isLone: (_node, claim) => {
        claims.push(claim);
        return true;
      },
      isElected: () => false,
      watch: () => undefined,
    },
    isStrict: false,
    log: new ProvisionalLog(1_000_000),
    onDegraded: () => undefined,
    onRecovered: () => undefined,
  });
  const read = () => commits.read(() => node.run({ run: GET, keys: ['key'], args: [] }, 0));
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
