import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SessionLink } from '../../lib/core/session-link.js';
import type { SessionUnavailableError } from '../../lib/errors/session-unavailable.error.js';
import type { SessionRedisOptions } from '../../lib/index.js';
import { resolveStoreOptions } from '../../lib/options/resolve-session-options.js';
import { makeCertificates, type LabCertificates } from '../../tools/redis-lab/certificates.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startRedisServer, type RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { startSentinelTopology, type SentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { startTcpProxy } from '../../tools/redis-lab/tcp-proxy.js';
import { GET, linkKeeper, PUT } from './redis-link.support.js';

const host = '127.0.0.1';
const RIGHTS = 'rights: docs/operations.md#acl-users';
const links = linkKeeper();
let plain: RedisProcess;
let locked: RedisProcess;
let tls: RedisProcess;
let certificates: LabCertificates;
let topology: SentinelTopology;
let guarded: SentinelTopology;

beforeAll(async () => {
  certificates = makeCertificates();
  const users = [
    'user no-script on >x ~portal:* +@all -evalsha',
    'user other-keys on >x ~{other:* +@all',
    'user no-set on >x ~{* -@all +ping +role +info +time +eval +evalsha',
    'user no-wait on >x ~{* +@all -wait',
  ];
  [plain, locked, tls, topology, guarded] = await Promise.all([
    startRedisServer(),
    startRedisServer({ config: ['requirepass sesame', ...users], access: { password: 'sesame' } }),
    startRedisServer({ config: certificates.config, access: { tls: { ca: certificates.ca } } }),
    startSentinelTopology(),
    startSentinelTopology({ sentinelAuth: { username: 'viewer', password: 'sesame' } }),
  ]);
}, 60_000);

afterEach(() => links.closeAll());

afterAll(async () => {
  await Promise.all([plain, locked, tls, topology, guarded].map((thing) => thing.stop()));
  certificates.remove();
});

function open(redis: SessionRedisOptions): SessionLink {
  return links.open(resolveStoreOptions({ application: 'silent', redis }).redis);
}

/** What is told of a link that finds no primary: once, within a few seconds, and the same to everybody who asks. */
async function expectTrouble(redis: object, expected: string | RegExp): Promise<void> {
  const link = open({ ...redis, operationTimeoutMs: 3000 });
  const told: string[] = [];
  link.on('unavailable', ({ cause, forMs }) => {
    expect(forMs).toBeGreaterThanOrEqual(1900);
    told.push(cause);
  });
  link.on('ready', ({ primary }) => told.push(`${primary} is in use`));
  const error = await link.execute({ run: GET, keys: ['k'], args: [] }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE', reason: 'deadline' });
  expect(told).toHaveLength(1);
  for (const text of [told[0], ((error as SessionUnavailableError).cause as Error).message, link.status().trouble])
    expect(text).toMatch(expected);
}

describe('a link that finds no usable primary says what was tried and what each said', () => {
  it.each<[what: string, options: () => object, cause: () => string | RegExp]>([
    [
      'a host that does not exist',
      () => ({ host: 'no-such-host.invalid' }),
      () => /^Redis no-such-host.invalid:6379: (getaddrinfo |no connection within)/,
    ],
    [
      'a port where nobody listens',
      () => ({ host, port: 1 }),
      () => 'Redis 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1',
    ],
    [
      'no password',
      () => ({ host, port: locked.port }),
      () => `Redis ${locked.address}: it refuses sessions: NOAUTH, it wants a password and none is given`,
    ],
    [
      'a wrong password',
      () => ({ host, port: locked.port, password: 'open' }),
      () => new RegExp(`^Redis ${locked.address}: WRONGPASS `),
    ],
    [
      'a database that does not exist',
      () => ({ host, port: plain.port, db: 99 }),
      () => `Redis ${plain.address}: ERR DB index is out of range`,
    ],
    ['TLS to a plain port', () => ({ host, port: plain.port, tls: {} }), () => /does the server speak TLS\?$/],
    ['no TLS to a TLS port', () => ({ host, port: tls.port }), () => /does it want TLS, or is it a proxy/],
    ['an unknown authority', () => ({ host, port: tls.port, tls: {} }), () => /self-signed certificate/],
    ['a replica', () => ({ host, port: topology.nodes[1]?.port }), () => /^Redis .*: it is a replica$/],
    [
      'a Sentinel',
      () => ({ host, port: topology.sentinels[0]?.port }),
      () => /it is a Sentinel; give it in `sentinels`, with the `name` of its group$/,
    ],
    [
      'no right to run scripts',
      () => ({ host, port: locked.port, username: 'no-script', password: 'x' }),
      () => `Redis ${locked.address}: it refuses sessions: NOPERM evalsha; ${RIGHTS}`,
    ],
    [
      'rights on other keys',
      () => ({ host, port: locked.port, username: 'other-keys', password: 'x' }),
      () => `Redis ${locked.address}: it refuses sessions: NOPERM on the keys; ${RIGHTS}`,
    ],
    [
      'rights for other commands',
      () => ({ host, port: locked.port, username: 'no-set', password: 'x' }),
      () => new RegExp(`^Redis ${locked.address}: it refuses sessions: NOPERM (in a script|set); ${RIGHTS}$`),
    ],
    [
      'the name of another group',
      () => ({ ...topology.redisOptions, name: 'potral' }),
      () =>
        new RegExp(
          `^No Sentinel names a primary "potral": Sentinel ${topology.sentinels[0]?.address}: no master "potral"; Sentinel `,
        ),
    ],
    [
      'no password for the Sentinels',
      () => ({ sentinels: guarded.redisOptions.sentinels, name: guarded.redisOptions.name }),
      () => /^No Sentinel names a primary "lab": Sentinel .*: NOAUTH/,
    ],
    [
      'a server in place of a Sentinel',
      () => ({ sentinels: [{ host, port: plain.port }], name: 'lab' }),
      () => `No Sentinel names a primary "lab": Sentinel ${plain.address}: it is not a Sentinel`,
    ],
    [
      'a Cluster that is none',
      () => ({ cluster: [{ host, port: plain.port }] }),
      () => new RegExp(`Redis ${plain.address}: ERR This instance has cluster support disabled`),
    ],
  ])('%s', async (_what, options, cause) => {
    await expectTrouble(options(), cause());
  });

  it('a server that takes no more clients', async () => {
    const full = await startRedisServer({ config: ['maxclients 1'] });
    const holder = full.connect();
    try {
      await pollUntil('the only place', () => holder.ping());
      const cause = `Redis ${full.address}: ERR max number of clients reached`;
      // Redis writes its reason and closes, and what is sent meanwhile crosses the two: also a handshake in several parts.
      for (const access of [{}, { username: 'default', password: 'x', db: 1 }])
        await expectTrouble({ host, port: full.port, ...access }, cause);
    } finally {
      holder.disconnect();
      await full.stop();
    }
  });

  it('and uses the server as soon as it can be used', async () => {
    const link = open({ host, port: locked.port, username: 'late', password: 'x' });
    const told: string[] = [];
    link.on('unavailable', ({ cause }) => told.push(cause));
    await pollUntil('the line', () => told.length > 0);
    await locked.cli('ACL', 'SETUSER', 'late', 'on', '>x', '~*', '+@all');
    await link.ready();
    expect(link.status()).toMatchObject({ state: 'ready', trouble: null });
    expect(told).toHaveLength(1);
  });
});

describe('ready', () => {
  it('resolves once a change is stored, and leaves a key that goes by itself', async () => {
    await open({ host, port: plain.port }).ready();
    expect(await plain.cli('KEYS', '*probe')).toEqual(['{test:0}:probe']);
    await pollUntil('the end of the key', async () => (await plain.cli('EXISTS', '{test:0}:probe')) === 0);
  });

  it('rejects with the reason when the server refuses changes', async () => {
    const server = await startRedisServer();
    try {
      const link = open({ host, port: server.port });
      await link.ready();
      await server.cli('CONFIG', 'SET', 'maxmemory', '1');
      await expect(link.ready()).rejects.toMatchObject({
        code: 'SESSION_STORE_UNAVAILABLE',
        reason: 'refused',
        message: 'Redis refuses sessions: OOM.',
      });
    } finally {
      await server.stop();
    }
  });
});

describe('an inspection', () => {
  it.each<[reason: string, spoil: (server: RedisProcess) => Promise<unknown>]>([
    ['OOM', (server) => server.cli('CONFIG', 'SET', 'maxmemory', '1')],
    [
      'MISCONF',
      async (server) => {
        const [, directory] = (await server.cli('CONFIG', 'GET', 'dir')) as [string, string];
        // A directory in the place of the file: nothing can be saved there, not even by root.
        mkdirSync(join(directory, 'dump.rdb'));
        await server.cli('CONFIG', 'SET', 'save', '3600 1');
        await server.cli('BGSAVE');
        await pollUntil('the failure', async () =>
          String(await server.cli('INFO', 'persistence')).includes('rdb_last_bgsave_status:err'),
        );
      },
    ],
  ])('says that the primary refuses changes: %s', async (reason, spoil) => {
    const server = await startRedisServer();
    try {
      const link = open({ host, port: server.port });
      expect(await link.inspect(2000)).toMatchObject({ role: 'master', refusal: null });
      await spoil(server);
      expect(await link.inspect(2000)).toMatchObject({ refusal: reason });
    } finally {
      await server.stop();
    }
  });

  it('says that a right is missing that changes need', async () => {
    const redis = { host, port: locked.port, username: 'no-wait', password: 'x' };
    const link = links.open(resolveStoreOptions({ application: 'silent', redis, durability: 'replicated' }).redis);
    const { port } = locked;
    const replica = await startRedisServer({
      config: [`replicaof ${host} ${port}`, 'masterauth sesame'],
    });
    try {
      await pollUntil('the replica', async () =>
        String(await locked.cli('INFO', 'replication')).includes('state=online'),
      );
      await pollUntil('the refusal', async () => (await link.inspect(2000)).refusal === `NOPERM wait; ${RIGHTS}`);
    } finally {
      await replica.stop();
    }
  });
});

it('does not say "restarted" of another server behind one address that continues the history', async () => {
  const lab = await startSentinelTopology();
  const primary = await lab.primary();
  const [replica] = await lab.replicas();
  const proxy = await startTcpProxy({ target: primary });
  try {
    const link = open({ host, port: proxy.port });
    const events: boolean[] = [];
    link.on('ready', ({ restarted }) => events.push(restarted));
    await link.execute({ run: PUT, keys: ['k'], args: ['v'] });
    await pollUntil('the replica to have it', async () => (await replica?.cli('GET', 'k')) === 'v');
    await primary.kill();
    await pollUntil('the failover', async () => (await lab.primary()) === replica, { timeoutMs: 30_000 });
    proxy.retarget(replica as RedisProcess);
    await pollUntil('the other server', () => events.length === 2);
    expect(events).toEqual([false, false]);
  } finally {
    await proxy.stop();
    await lab.stop();
  }
}, 60_000);
