import { Cluster, Redis } from 'ioredis';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { SessionLink } from '../../lib/core/session-link.js';
import { createRedisClient } from '../../lib/redis/link/redis-client.factory.js';
import { startClusterTopology, type ClusterTopology } from '../../tools/redis-lab/cluster-topology.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startRedisServer, type RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { startSentinelTopology, type SentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { GET, LIMITS, linkKeeper, PUT, PUT_ONE, sentinelOptions, standaloneOptions } from './redis-link.support.js';

const links = linkKeeper();
const clients: (Redis | Cluster)[] = [];
const things: (RedisProcess | SentinelTopology | ClusterTopology)[] = [];

afterEach(async () => {
  await links.closeAll();
  for (const client of clients.splice(0)) client.disconnect();
  await Promise.all(things.splice(0).map((thing) => thing.stop()));
});

function keep<T extends RedisProcess | SentinelTopology | ClusterTopology>(thing: T): T {
  things.push(thing);
  return thing;
}

function over(client: Redis | Cluster, operationTimeoutMs = 5000): SessionLink {
  clients.push(client);
  return links.open({ ...LIMITS, operationTimeoutMs, durability: 'primary', topology: { kind: 'client', client } });
}

describe("a link over the application's client", () => {
  it('uses it, whatever protocol it speaks, and leaves it as it was', async () => {
    const server = keep(await startRedisServer());
    for (const protocol of [2, 3] as const) {
      const client = new Redis({ port: server.port, protocol });
      client.on('error', () => undefined);
      const listeners = client.eventNames().map((name) => `${String(name)} ${client.listenerCount(name)}`);
      const link = over(client);
      expect(await link.execute({ run: PUT, keys: ['k'], args: ['v'] })).toBe('stored');
      expect(await link.execute({ run: GET, keys: ['k'], args: [] })).toBe('v');
      await client.hset('h', 'a', '1');
      expect(await link.execute({ run: 'hgetall', keys: ['h'], args: [] })).toEqual(['a', '1']);
      expect(link.status()).toMatchObject({ mode: 'client', state: 'ready', primary: `localhost:${server.port}` });
      await link.close();
      expect(await client.ping()).toBe('PONG');
      expect(client.eventNames().map((name) => `${String(name)} ${client.listenerCount(name)}`)).toEqual(listeners);
    }
  });

  it('outlasts a restart of the server with every setting of the client', async () => {
    const server = keep(await startRedisServer());
    const settings = [
      {},
      { autoResendUnfulfilledCommands: false },
      { enableOfflineQueue: false },
      { maxRetriesPerRequest: 0 },
      { commandTimeout: 100 },
    ];
    const all = settings.map((options) => {
      const client = new Redis({ port: server.port, retryStrategy: () => 50, ...options });
      client.on('error', () => undefined);
      return over(client);
    });
    await Promise.all(all.map((link) => link.execute({ run: PUT, keys: ['k'], args: ['v'] })));
    server.freeze();
    const pending = all.map((link, i) => link.execute({ run: PUT, keys: [`k${i}`], args: ['v'] }));
    await server.kill();
    await server.restart();
    expect(await Promise.all(pending)).toEqual(settings.map(() => 'stored'));
  });

  it('fails by the deadline on a frozen server, and nothing is executed later', async () => {
    const server = keep(await startRedisServer());
    const client = new Redis({ port: server.port });
    client.on('error', () => undefined);
    const link = over(client, 1500);
    await link.execute({ run: PUT, keys: ['k'], args: ['v'] });
    server.freeze();
    await expect(link.execute({ run: PUT, keys: ['ghost'], args: ['v'] })).rejects.toMatchObject({
      reason: 'deadline',
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    server.thaw();
    await client.ping();
    expect(await server.cli('EXISTS', 'ghost')).toBe(0);
  });

  it('fails at once when its owner has closed it, also what waits already', async () => {
    const server = keep(await startRedisServer());
    const client = new Redis({ port: server.port });
    client.on('error', () => undefined);
    const link = over(client, 10_000);
    await link.execute({ run: PUT, keys: ['k'], args: ['v'] });
    server.freeze();
    const waiting = link.execute({ run: GET, keys: ['k'], args: [] });
    await pollUntil('the command to be out', () => link.status().state === 'ready');
    client.disconnect();
    const startedAt = performance.now();
    await expect(waiting).rejects.toMatchObject({ reason: 'closed' });
    await expect(link.execute({ run: GET, keys: ['k'], args: [] })).rejects.toMatchObject({
      reason: 'closed',
      message: expect.stringContaining('the ioredis client has been closed by the application') as string,
    });
    expect(performance.now() - startedAt).toBeLessThan(3000);
    server.thaw();
  });

  it('works over a Cluster', async () => {
    const cluster = keep(await startClusterTopology());
    const client = new Cluster([...cluster.seeds]);
    client.on('error', () => undefined);
    const link = over(client);
    await Promise.all(
      Array.from({ length: 50 }, (_, i) => link.execute({ run: PUT_ONE, keys: [`k${i}`], args: ['v'] })),
    );
    expect(await client.get('k49')).toBe('v');
  });
});

describe('the client that is injected', () => {
  it('is the one that was given', () => {
    const client = new Redis({ lazyConnect: true });
    clients.push(client);
    expect(createRedisClient({ ...LIMITS, durability: 'primary', topology: { kind: 'client', client } })).toBe(client);
  });

  it('connects with its first command and follows the primary through a failover', async () => {
    const topology = keep(await startSentinelTopology());
    const client = createRedisClient(sentinelOptions(topology.redisOptions, 'replicated')) as Redis;
    clients.push(client);
    expect(client.status).toBe('wait');
    await client.set('k', '1');
    (await topology.primary()).freeze();
    await client.set('k', '2');
    expect(await client.get('k')).toBe('2');
  });

  it('says nothing on the console when the server is away, and leaves nothing open when it is closed', async () => {
    const server = keep(await startRedisServer());
    const logged = vi.spyOn(console, 'error');
    try {
      const client = createRedisClient(standaloneOptions(server.port)) as Redis;
      clients.push(client);
      await client.ping();
      await server.kill();
      await pollUntil('the loss', () => client.status === 'reconnecting');
      client.disconnect();
      await pollUntil('all sockets to be closed', () => !process.getActiveResourcesInfo().includes('TCPSocketWrap'), {
        timeoutMs: 3000,
      });
      expect(logged).not.toHaveBeenCalled();
    } finally {
      logged.mockRestore();
    }
  });
});
