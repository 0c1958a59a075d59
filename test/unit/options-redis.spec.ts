import { createRequire } from 'node:module';
import { Cluster, Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { isRedisClient } from '../../lib/options/redis-client.guard.js';
import type { ResolvedRedisOptions } from '../../lib/options/redis.options.js';
import { resolveStoreOptions } from '../../lib/options/resolve-session-options.js';
import { faultsWith, pathsWith } from './options-faults.support.js';

const resolve = (redis: unknown, others: object = {}): ResolvedRedisOptions =>
  resolveStoreOptions({ application: 'portal', redis, ...others }).redis;

/** ioredis as another package of the application may have it: other classes of the same name. */
function otherCopyOfIoredis(): { Redis: typeof Redis } {
  const require = createRequire(import.meta.url);
  const entry = require.resolve('ioredis');
  const folder = entry.slice(0, entry.indexOf('/built/'));
  const cached = Object.entries(require.cache).filter(([path]) => path.startsWith(folder));
  for (const [path] of cached) Reflect.deleteProperty(require.cache, path);
  try {
    return require('ioredis') as { Redis: typeof Redis };
  } finally {
    for (const path of Object.keys(require.cache))
      if (path.startsWith(folder)) Reflect.deleteProperty(require.cache, path);
    Object.assign(require.cache, Object.fromEntries(cached));
  }
}

describe('Redis by Sentinel', () => {
  it('takes what ioredis takes, with the defaults of this package', () => {
    const natMap = { '10.0.0.1:6379': { host: 'outside', port: 7000 } };
    const redis = {
      sentinels: [{ host: 's1' }, { host: '10.0.0.2', port: 5000 }, { host: '::1' }],
      name: 'portal',
      username: 'app',
      password: 'p',
      sentinelUsername: 'watcher',
      sentinelPassword: 'q',
      tls: { ca: 'data' },
      sentinelTLS: { ca: 'sentinel' },
      natMap,
      db: 3,
      family: 4,
      connectionName: 'portal-1',
      keepAlive: 1000,
      noDelay: true,
      protocol: 2,
    };
    expect(resolve(redis)).toEqual({
      topology: {
        kind: 'sentinel',
        sentinels: [
          { host: 's1', port: 26_379 },
          { host: '10.0.0.2', port: 5000 },
          { host: '::1', port: 26_379 },
        ],
        name: 'portal',
        sentinelUsername: 'watcher',
        sentinelPassword: 'q',
        sentinelTLS: { ca: 'sentinel' },
        natMap,
        discoverSentinels: true,
        node: {
          username: 'app',
          password: 'p',
          db: 3,
          tls: { ca: 'data' },
          family: 4,
          connectionName: 'portal-1',
          keepAlive: 1000,
          noDelay: true,
          protocol: 2,
        },
      },
      durability: 'replicated',
      operationTimeoutMs: 10_000,
      attemptTimeoutMs: 1000,
      connectTimeoutMs: 500,
      sentinelTimeoutMs: 300,
      maxWaitingCount: 10_000,
      maxWaitingBytes: 67_108_864,
    });
  });

  it('hands TLS settings and address maps on as they are', () => {
    const tls = { checkServerIdentity: () => undefined };
    const natMap = () => null;
    const { topology } = resolve({ sentinels: [{ host: 'a' }], name: 'x', tls, natMap });
    expect(topology).toMatchObject({ natMap, node: { tls } });
    expect(topology.kind === 'sentinel' && topology.node.tls).toBe(tls);
  });

  it.each([
    [
      { sentinels: [], name: 'x' },
      [
        'redis.sentinels: must be an array of at least one Sentinel: [{ host, port }, …], all of them, not an empty array.',
      ],
    ],
    [
      { sentinels: 's1:26379', name: 'x' },
      ['redis.sentinels: must be an array of at least one Sentinel: [{ host, port }, …], all of them, not a string.'],
    ],
    [
      { sentinels: [{ host: 'a' }] },
      ['redis.name: is missing: it must be the name of the group, as in `sentinel monitor <name>`.'],
    ],
    [
      { name: 'x' },
      ['redis.sentinels: is missing: it must be an array of at least one Sentinel: [{ host, port }, …], all of them.'],
    ],
    [
      { sentinels: [{ port: 5 }], name: 'x' },
      ['redis.sentinels[0].host: is missing: it must be a host name or an IP address, without scheme and port.'],
    ],
    [
      { sentinels: [{ host: 'a:26379' }], name: 'x' },
      [
        'redis.sentinels[0].host: must be a host name or an IP address, without scheme and port, not "a:26379". Give the port as `port`.',
      ],
    ],
    [
      { sentinels: [{ host: 'a' }, 'b'], name: 'x' },
      ['redis.sentinels[1]: must be an object with options, not a string.'],
    ],
    [
      { sentinels: [{ host: 'a' }, { host: 'b', port: 65_536 }], name: 'x' },
      ['redis.sentinels[1].port: must be a port, a whole number from 1 to 65535, not 65536.'],
    ],
    [
      { sentinels: [{ host: 'a' }, { host: 'a', port: 26_379 }], name: 'x' },
      ['redis.sentinels[1]: is a:26379, as redis.sentinels[0] is. Name each once.'],
    ],
    [
      { sentinels: [{ host: 'a' }], name: 'x', tls: true },
      ['redis.tls: must be an object with options of tls.connect ({} for the defaults), not a boolean.'],
    ],
    [
      { sentinels: [{ host: 'a' }], name: 'x', natMap: { 'a:1': 'b:2' } },
      [
        "redis.natMap: must be an object { 'host:port': { host, port } } or a function that returns { host, port }, not an object.",
      ],
    ],
  ])('cannot be %j', (redis, faults) => {
    expect(faultsWith({ redis })).toEqual(faults);
  });
});

describe('One Redis server', () => {
  it('is the one of this machine when nothing is said', () => {
    expect(resolve({})).toMatchObject({
      topology: { kind: 'standalone', host: '127.0.0.1', port: 6379, node: {} },
      durability: 'primary',
    });
  });

  it('may listen on a Unix socket instead of a port', () => {
    expect(resolve({ path: '/run/redis.sock', db: 2 }).topology).toMatchObject({
      path: '/run/redis.sock',
      node: { db: 2 },
    });
    expect(faultsWith({ redis: { path: '/run/redis.sock', port: 6379 } })).toEqual([
      'redis.path: stands beside host or port: a Unix socket has neither. Give one or the other.',
    ]);
  });

  it.each([
    [{ host: 'redis://a' }, 'redis.host'],
    [{ host: '' }, 'redis.host'],
    [{ port: '6379' }, 'redis.port'],
    [{ port: 1.5 }, 'redis.port'],
    [{ db: -1 }, 'redis.db'],
    [{ family: 5 }, 'redis.family'],
    [{ protocol: 1 }, 'redis.protocol'],
    [{ username: '' }, 'redis.username'],
    [{ password: 5 }, 'redis.password'],
    [{ path: 'redis.sock' }, 'redis.path'],
    [{ retryStrategy: () => 0 }, 'redis.retryStrategy'],
    [{ toString: 1 }, 'redis.toString'],
  ])('cannot be %j', (redis, path) => {
    expect(pathsWith({ redis })).toEqual([path]);
  });

  it.each([5, true, null, [], () => 0])('cannot be %s', (redis) => {
    expect(faultsWith({ redis })).toEqual([
      expect.stringMatching(
        /^redis: must be options, an ioredis client or a URL \(redis:\/\/…, redis\+sentinel:\/\/…\), not /,
      ),
    ]);
  });
});

describe('A Redis Cluster', () => {
  it('takes seeds in the forms of ioredis', () => {
    const redis = { cluster: [{ host: 'a' }, { host: 'b', port: 7001 }, 'c:7002', 7003, '[::1]:7004', { port: 7005 }] };
    expect(resolve(redis)).toMatchObject({
      topology: {
        kind: 'cluster',
        seeds: [
          { host: 'a', port: 6379 },
          { host: 'b', port: 7001 },
          { host: 'c', port: 7002 },
          { host: '127.0.0.1', port: 7003 },
          { host: '::1', port: 7004 },
          { host: '127.0.0.1', port: 7005 },
        ],
        options: {},
        buckets: 64,
      },
      durability: 'primary',
    });
  });

  it('gives settings of the nodes to each of them, under those of ioredis', () => {
    const clusterOptions = { scaleReads: 'master' as const, redisOptions: { password: 'from clusterOptions' } };
    const { topology } = resolve({ cluster: ['a:1'], username: 'u', password: 'p', clusterOptions });
    expect(topology).toMatchObject({
      options: { scaleReads: 'master', redisOptions: { username: 'u', password: 'from clusterOptions' } },
    });
    expect(clusterOptions.redisOptions).toEqual({ password: 'from clusterOptions' });
  });

  it.each([
    [{ cluster: [] }, 'redis.cluster'],
    [{ cluster: 'a:1' }, 'redis.cluster'],
    [{ cluster: ['a:b'] }, 'redis.cluster[0]'],
    [{ cluster: [''] }, 'redis.cluster[0]'],
    [{ cluster: [70_000] }, 'redis.cluster[0].port'],
    [{ cluster: [{ host: 'a' }, 'a:6379'] }, 'redis.cluster[1]'],
    [{ cluster: ['a'], buckets: 0 }, 'redis.buckets'],
    [{ cluster: ['a'], buckets: 1025 }, 'redis.buckets'],
    [{ cluster: ['a'], clusterOptions: 5 }, 'redis.clusterOptions'],
    [{ cluster: ['a'], db: 1 }, 'redis.db'],
    [{ buckets: 5 }, 'redis.cluster'],
  ])('cannot be %j', (redis, path) => {
    expect(pathsWith({ redis })).toEqual([path]);
  });
});

describe("An application's own client", () => {
  it('is refused with settings under which our commands mean something else', () => {
    const given: [options: object, fault: string][] = [
      [
        { keyPrefix: 'test:' },
        'redis.client: has a `keyPrefix`, which our scripts do not see: two environments would share sessions. Use `application` instead.',
      ],
      [
        { stringNumbers: true },
        'redis.client: has `stringNumbers: true`: replies would not be what they are. Leave it out.',
      ],
    ];
    for (const [options, fault] of given) {
      const client = new Redis({ lazyConnect: true, ...options });
      const cluster = new Cluster([1], { lazyConnect: true, redisOptions: options });
      expect(faultsWith({ redis: client })).toEqual([fault]);
      expect(faultsWith({ redis: { client: cluster } })).toEqual([fault]);
      cluster.disconnect();
      client.disconnect();
    }
  });

  it('is known whichever copy of ioredis made it, and is used as it is', () => {
    const OtherRedis = otherCopyOfIoredis().Redis;
    const clients = [
      new Redis({ lazyConnect: true }),
      new Cluster([{ host: '127.0.0.1' }], { lazyConnect: true }),
      new OtherRedis({ lazyConnect: true }),
    ];
    expect(clients[2]).not.toBeInstanceOf(Redis);
    for (const client of clients) {
      const { topology, durability } = resolve(client);
      expect(topology.kind === 'client' && topology.client).toBe(client);
      expect(durability).toBe('primary');
      expect(Object.isFrozen(client)).toBe(false);
      const withTimeout = resolve({ client, operationTimeoutMs: 5000 });
      expect(withTimeout.topology.kind === 'client' && withTimeout.topology.client).toBe(client);
      expect(withTimeout.operationTimeoutMs).toBe(5000);
    }
  });

  it('is told from what is none', () => {
    const others = [null, undefined, 'redis', {}, { status: 'ready' }, { sendCommand: () => 0, options: {} }, Redis];
    expect(others.map(isRedisClient)).toEqual(others.map(() => false));
    expect(faultsWith({ redis: { client: {} } })).toEqual([
      'redis.client: must be an ioredis client, Redis or Cluster, not an object.',
    ]);
  });

  it('of node-redis is refused by name', () => {
    const nodeRedis = { sendCommand: () => 0, isOpen: false, options: {} };
    expect(faultsWith({ redis: nodeRedis })).toEqual([
      'redis: is a client of node-redis: give an ioredis client, options, or a URL.',
    ]);
  });

  it('stands alone', () => {
    const client = new Redis({ lazyConnect: true });
    expect(faultsWith({ redis: { client, sentinels: [{ host: 'a' }] } })).toEqual([
      'redis: has sentinels and client: give one of them, there is one Redis.',
      expect.stringMatching(/^redis\.sentinels: /),
    ]);
  });
});

describe('durability', () => {
  const sentinel = { sentinels: [{ host: 'a' }], name: 'x' };

  it('is replicated with Sentinel and primary else, unless something is said', () => {
    expect(resolve(sentinel).durability).toBe('replicated');
    expect(resolve({}).durability).toBe('primary');
    expect(resolve({ cluster: ['a'] }).durability).toBe('primary');
    expect(resolve(sentinel, { durability: 'primary' }).durability).toBe('primary');
    expect(resolve({}, { durability: 'replicated-strict' }).durability).toBe('replicated-strict');
  });

  it.each(['replicated', 'replicated-strict'])('cannot be %s with a client, nor without Redis', (durability) => {
    expect(faultsWith({ redis: new Redis({ lazyConnect: true }), durability })).toEqual([
      `durability: cannot be '${durability}' with a client of your own: that takes connections which wait for replicas. Give options or a URL as \`redis\`, or say 'primary'.`,
    ]);
    expect(faultsWith({ durability })).toEqual([
      `durability: cannot be '${durability}' without redis: sessions in this process have no replica. Give redis.`,
    ]);
  });

  it('has three values', () => {
    expect(faultsWith({ durability: 'replicate' })).toEqual([
      'durability: must be "primary", "replicated" or "replicated-strict", not "replicate". Did you mean "replicated"?',
    ]);
  });
});

describe('Times of the link', () => {
  it('fit into the operation by default', () => {
    expect(resolve({ operationTimeoutMs: 400 })).toMatchObject({
      operationTimeoutMs: 400,
      attemptTimeoutMs: 400,
      connectTimeoutMs: 400,
      sentinelTimeoutMs: 300,
    });
  });

  it('must fit into the operation when given', () => {
    const redis = { operationTimeoutMs: 2000, attemptTimeoutMs: 2001, connectTimeoutMs: 3000, sentinelTimeoutMs: 2000 };
    expect(faultsWith({ redis })).toEqual([
      'redis.attemptTimeoutMs: must be at most operationTimeoutMs (2000), not 2001: it is a part of the whole.',
      'redis.connectTimeoutMs: must be at most operationTimeoutMs (2000), not 3000: it is a part of the whole.',
    ]);
  });

  it('are told when they look like seconds', () => {
    expect(faultsWith({ redis: { operationTimeoutMs: 5 } })).toEqual([
      'redis.operationTimeoutMs: must be a whole number of milliseconds from 10 to 600000, not 5. Is that seconds? Then write 5000.',
    ]);
  });

  it.each(['maxWaitingCount', 'maxWaitingBytes'])('and %s are bounded', (name) => {
    expect(pathsWith({ redis: { [name]: 0 } })).toEqual([`redis.${name}`]);
    expect(pathsWith({ redis: { [name]: Infinity } })).toEqual([`redis.${name}`]);
  });
});

describe('Messages', () => {
  it('never show a password', () => {
    const redis = {
      sentinels: [{ host: 'a' }],
      name: 'x',
      password: { geheim: 'geheim' },
      sentinelPassword: ['geheim'],
      tls: 'geheim',
    };
    const faults = faultsWith({ redis });
    expect(faults).toHaveLength(3);
    expect(faults.join()).not.toContain('geheim');
  });
});
