import { afterAll, expect, it } from 'vitest';
import { meaningOf } from '../../lib/redis/connection/server-reply.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';

const replica = await startRedisServer({ config: ['replicaof 127.0.0.1 1'] });
afterAll(() => replica.stop());

it.each([
  ['a change', ['SET', 'key', 'value']],
  ['a WAIT for a change made before its demotion', ['WAIT', '1', '10']],
])('goes elsewhere when a replica refuses %s', async (_what, command) => {
  const error: unknown = await replica.cli(...command).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(Error);
  expect(meaningOf(error)).toBe('elsewhere');
});
