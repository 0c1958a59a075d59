import { afterEach, expect, it } from 'vitest';
import { GroupCommit } from '../../lib/redis/group-commit.js';
import { PrimaryNode } from '../../lib/redis/primary-node.js';
import { ProvisionalLog } from '../../lib/redis/provisional-log.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import { GET, LIMITS, PUT } from './redis-link.support.js';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

it('reads from a promoted node that acknowledges changes, also while no majority has confirmed the promotion', async () => {
  const server = await startRedisServer();
  ends.push(() => server.stop());
  const node = await new PrimaryNode(
    { address: server, generation: 0, isPromoted: true },
    { node: {}, connectTimeoutMs: LIMITS.connectTimeoutMs, silenceTimeoutMs: LIMITS.attemptTimeoutMs },
  ).open();
  ends.push(() => {
    node.leave('the test is over');
  });
  const commits = new GroupCommit({
    node,
    // One Sentinel has promoted the node; the former primary is its replica to be, and nothing is proven yet.
    authority: {
      required: () => new Set(['former-primary:6379']),
      isLone: () => false,
      isElected: () => true,
      watch: () => undefined,
    },
    isStrict: false,
    log: new ProvisionalLog(1_000_000),
    onDegraded: () => undefined,
    onRecovered: () => undefined,
  });
  const notAfterMs = Date.now() + 60_000;
  const put = { run: PUT, keys: ['key'], args: ['value'] };
  await commits.commit({ command: put, isReplay: false, notAfterMs: () => notAfterMs, isWanted: () => true });
  const read = commits.read(() => node.run({ run: GET, keys: ['key'], args: [] }, notAfterMs));
  await expect(read).resolves.toBe('value');
});
