import { afterAll, expect, it } from 'vitest';
import { meaningOf, refusalOf } from '../../lib/redis/connection/server-reply.js';
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

it.each([
  ['Redis 7.0', "ERR The user executing the script can't run this command or subcommand script: 0a3d", 'in a script'],
  ['Redis 7.2', "ERR ACL failure in script: User x has no permissions to run the 'set' command script: 0a3d", 'set'],
  ['Valkey 8', 'ERR ACL failure in script: No permissions to access a key script: 0a3d', 'on the keys'],
])('knows a right that a script lacks, in the words of %s', (_server, message, what) => {
  const error = Object.assign(new Error(message), { name: 'ReplyError' });
  expect(refusalOf(error)).toBe(`NOPERM ${what}; rights: docs/operations.md#acl-users`);
});
