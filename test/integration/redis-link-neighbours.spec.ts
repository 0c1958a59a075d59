import { createRequire } from 'node:module';
import { inspect } from 'node:util';
import { afterEach, expect, it, onTestFinished } from 'vitest';
import { RedisSessionStore } from '../../lib/index.js';
import { createRedisRepository } from '../../lib/store/session-repository.factory.js';
import { createRedisClient } from '../../lib/redis/link/redis-client.factory.js';
import { resolveSessionOptions, resolveStoreOptions } from '../../lib/options/resolve-session-options.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import { change } from '../contract/session-repository.contract.js';
import { GET, linkKeeper } from './redis-link.support.js';

const links = linkKeeper();
afterEach(() => links.closeAll());

it('is not killed by what others publish to the channel of changed keys', async () => {
  const server = await startRedisServer();
  onTestFinished(() => server.stop());
  const store = new RedisSessionStore({
    application: 'near',
    redis: { host: server.host, port: server.port },
    nearCache: true,
  });
  onTestFinished(() => store.close());
  const thrown: unknown[] = [];
  const onThrown = (error: unknown): void => void thrown.push(error);
  process.on('uncaughtException', onThrown);
  onTestFinished(() => void process.off('uncaughtException', onThrown));
  await pollUntil('the cache', () => store.nearCache?.state === 'serving');
  const before = store.nearCache?.invalidations ?? 0;
  for (const message of ['foo', '', '\0', '*1\r\n$1\r\nx\r\n'])
    expect(await server.cli('PUBLISH', '__redis__:invalidate', message)).toBe(1);
  // The last that arrives on the same connection.
  await server.cli('SET', '{near:0}:s:x', 'x');
  await pollUntil('the messages', () => (store.nearCache?.invalidations ?? 0) > before || thrown.length > 0);
  expect(thrown).toEqual([]);
  await pollUntil('the cache', () => store.nearCache?.state === 'serving');
});

it('shows no user id in names of keys and marks of sign-outs when `hashUserIds` is given, and finds the sessions by it', async () => {
  const server = await startRedisServer();
  onTestFinished(() => server.stop());
  const keys = async (hashUserIds: string | undefined): Promise<string> => {
    await server.cli('FLUSHALL');
    const options = resolveStoreOptions({
      application: 'hashed',
      redis: { host: server.host, port: server.port },
      hashUserIds,
    });
    const link = links.open(options.redis);
    const repository = createRedisRepository(link, options);
    await repository.records.create('sid', change({ set: { a: 1 }, userId: 'ada@example.org' }));
    expect(await repository.directory.listByUser('ada@example.org')).toHaveLength(1);
    expect(await repository.directory.listByUser('bob@example.org')).toHaveLength(0);
    const names = String(await server.cli('KEYS', '*'));
    await repository.endings.signOut('ada@example.org');
    return `${names} ${String(await server.cli('ZRANGE', '{hashed:0}:ended', '0', '-1'))}`;
  };
  expect(await keys(undefined)).toContain('ada@example.org');
  const hashed = await keys('a-secret-of-the-hash-tests-0123456789');
  expect(hashed).toMatch(/\{hashed:0\}:u:[\w-]{43}/);
  expect(hashed).toMatch(/ u:[\w-]{43}$/);
  expect(hashed).not.toContain('ada');
});

it('shows no password to the debug output of ioredis', async () => {
  const server = await startRedisServer({ config: ['requirepass SESAME'], access: { password: 'SESAME' } });
  onTestFinished(() => server.stop());
  const require = createRequire(createRequire(import.meta.url).resolve('ioredis'));
  const debug = require('debug') as { enable(names: string): void; disable(): string; log: unknown };
  const lines: unknown[] = [];
  const { log } = debug;
  debug.log = (...parts: unknown[]) => void lines.push(parts);
  debug.enable('ioredis:*');
  onTestFinished(() => {
    debug.disable();
    debug.log = log;
  });
  for (const protocol of [2, 3] as const) {
    const redis = { host: server.host, port: server.port, password: 'SESAME', protocol };
    const options = resolveStoreOptions({ application: 'debug', redis }).redis;
    await links.open(options).execute({ run: GET, keys: ['user-42'], args: [] });
    const client = createRedisClient(options);
    await client.ping();
    client.disconnect();
  }
  const text = inspect(lines, { depth: 5, maxArrayLength: null, maxStringLength: null });
  expect(text).toContain('auth');
  expect(text).not.toMatch(/SESAME|user-42/);
});

it('shows no secret to whoever prints options, stores and clients', async () => {
  const options = {
    application: 'printed',
    secret: 'COOKIE-SECRET-0123456789-0123456789',
    hashUserIds: 'USER-ID-SECRET-0123456789-0123456789',
    redis: {
      sentinels: [{ host: '127.0.0.1', port: 1 }],
      name: 'lab',
      password: 'NODE-SECRET',
      sentinelPassword: 'SENTINEL-SECRET',
      tls: { passphrase: 'TLS-SECRET' },
    },
  };
  const resolved = resolveSessionOptions(options, { isProduction: true });
  const { secret: _secret, ...storeOptions } = options;
  const store = new RedisSessionStore(storeOptions);
  onTestFinished(() => store.close());
  const cluster = resolveStoreOptions({
    application: 'printed',
    redis: { cluster: [1], password: 'NODE-SECRET', clusterOptions: { redisOptions: { username: 'u' } } },
  });
  const client = createRedisClient(resolved.redis as NonNullable<typeof resolved.redis>);
  client.disconnect();
  for (const thing of [resolved, store, cluster, client, links.open(cluster.redis), { nested: [resolved] }]) {
    expect(inspect(thing, { depth: 20 })).not.toMatch(/-SECRET/);
    expect(inspect(thing, { depth: 20 }), 'something is shown').toMatch(/\w/);
  }
  for (const thing of [resolved, cluster, client, { nested: [resolved] }])
    expect(JSON.stringify(thing)).not.toMatch(/-SECRET/);
  expect(JSON.stringify(resolved)).toContain('"application":"printed"');
});
