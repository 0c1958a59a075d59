import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { SessionLink } from '../../lib/core/session-link.js';
import { RedisSessionStore } from '../../lib/index.js';
import type { SessionRedisOptions } from '../../lib/index.js';
import { resolveStoreOptions } from '../../lib/options/resolve-session-options.js';
import { createSessionLink } from '../../lib/redis/link/redis-link.factory.js';
import { createRedisProbe } from '../../lib/store/session-repository.factory.js';
import { startClusterTopology } from '../../tools/redis-lab/cluster-topology.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startRedisServer, type RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { startTcpProxy } from '../../tools/redis-lab/tcp-proxy.js';
import { applicationRights, furtherRights } from '../support/acl-lists.js';
import { change } from '../contract/session-repository.contract.js';
import { openNear, openPlain, serving } from './near-cache.support.js';
import { linkKeeper, standaloneOptions } from './redis-link.support.js';

const keeper = linkKeeper();
const stops: (() => unknown)[] = [];
let server: RedisProcess;
let sid: string;

beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(async () => {
  await server.stop();
});
beforeEach(() => {
  sid = randomUUID();
});
afterEach(async () => {
  await keeper.closeAll();
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** The reasons for which a near cache of this link is off, as they are told. */
function refusalsOf(link: SessionLink): string[] {
  const reasons: string[] = [];
  link.on('nearCacheOff', ({ reason }) => void reasons.push(reason));
  return reasons;
}

function openLink(redis: SessionRedisOptions): SessionLink {
  const options = resolveStoreOptions({ application: 'near', redis });
  const link = createSessionLink(options.redis, createRedisProbe(options));
  stops.push(() => link.close());
  return link;
}

describe('the server that tells of changes', () => {
  it('must be the one that sessions are read from, by its run id', async () => {
    const another = await startRedisServer();
    const proxy = await startTcpProxy({ target: server });
    stops.push(
      () => another.stop(),
      () => proxy.stop(),
    );
    const link = keeper.open(standaloneOptions(proxy.port));
    await pollUntil('the link is ready', () => link.status().state === 'ready', { intervalMs: 5 });
    proxy.retarget(another);
    const reasons = refusalsOf(link);
    const near = openNear(link);
    await pollUntil('it is refused', () => reasons.length > 0, { intervalMs: 5 });
    expect(reasons).toEqual([expect.stringMatching(/lead to two servers; give `redis` an address/)]);
    expect(near.cache.status()).toMatchObject({ state: 'off', reason: reasons[0] });
  });

  it('is asked again and again whether changes arrive, and a frozen one is no proof', async () => {
    const frozen = await startRedisServer();
    stops.push(() => frozen.stop());
    const link = keeper.open(standaloneOptions(frozen.port, { attemptTimeoutMs: 5_000, operationTimeoutMs: 6_000 }));
    const near = openNear(link, { maxStalenessMs: 200 });
    await serving(near);
    await near.create(sid, change({ set: { n: 1 } }));
    await pollUntil('it is kept', async () => (await near.load(sid)) && near.cache.status().hits > 0, {
      intervalMs: 5,
    });
    frozen.freeze();
    await pollUntil('it does not serve', () => near.cache.status().state === 'waiting', { intervalMs: 5 });
    const read = near.load(sid);
    await new Promise((resolve) => setImmediate(resolve));
    expect(near.cache.status().entries).toBe(0);
    frozen.thaw();
    expect((await read)?.fields.get('n')).toBe('1');
    await serving(near);
  });
});

describe('where the server cannot tell of changes', () => {
  /** A server with one more user. */
  async function withUser(...rights: string[]): Promise<Redis> {
    const admin = server.connect();
    stops.push(async () => {
      await admin.call('acl', 'deluser', 'portal');
      admin.disconnect();
    });
    await admin.call('acl', 'setuser', 'portal', 'on', '>secret', '~{near:*', 'resetchannels', '+@all', ...rights);
    return admin;
  }

  it.each([
    ['CLIENT TRACKING', ['-client|tracking'], /NOPERM.*grant `\+client\|id \+client\|tracking/],
    ['CLIENT', ['-client'], /NOPERM.*grant `\+client\|id \+client\|tracking/],
    ['the channel', [], /NOPERM.*&__redis__:invalidate/],
    ['INFO', ['&__redis__:invalidate', '-info'], /NOPERM.*\+info/],
  ])('an ACL without %s: off, said once, and every request is served', async (_what, rights, reason) => {
    await withUser(...rights);
    const link = openLink({ host: server.host, port: server.port, username: 'portal', password: 'secret' });
    const reasons = refusalsOf(link);
    const near = openNear(link);
    await near.create(sid, change({ set: { n: 1 } }));
    await pollUntil('it is refused', () => reasons.length > 0, { intervalMs: 5 });
    expect(reasons).toEqual([expect.stringMatching(reason)]);
    expect(near.cache.status()).toMatchObject({ state: 'off', reason: reasons[0], entries: 0 });
    const refuse = vi.spyOn(near.cache, 'onRefused');
    await server.cli('client', 'kill', 'type', 'normal', 'user', 'portal');
    await pollUntil('it is refused again', () => refuse.mock.calls.length > 0, { intervalMs: 5 });
    for (let read = 0; read < 3; read++) expect((await near.load(sid))?.fields.get('n')).toBe('1');
    expect(near.cache.status()).toMatchObject({ state: 'off', hits: 0 });
    expect(reasons).toHaveLength(1);
  });

  it('an ACL user with the rights that docs/operations.md names: on', async () => {
    const admin = await withUser();
    await admin.call('acl', 'setuser', 'portal', 'reset', 'on', '>secret');
    const rights = [...applicationRights('near'), ...furtherRights(/nearCache/)];
    await admin.call('acl', 'setuser', 'portal', ...rights);
    const near = openNear(openLink({ host: server.host, port: server.port, username: 'portal', password: 'secret' }));
    await serving(near);
    await near.create(sid, change({ set: { n: 1 } }));
    await pollUntil('it is kept', async () => (await near.load(sid)) && near.cache.status().hits > 0, {
      intervalMs: 5,
    });
  });

  it("over the application's own client: off, said once, and every request is served", async () => {
    const client = new Redis({ host: server.host, port: server.port });
    stops.push(() => {
      client.disconnect();
    });
    const link = openLink({ client });
    const reasons = refusalsOf(link);
    const near = openNear(link);
    await near.create(sid, change({ set: { n: 1 } }));
    expect((await near.load(sid))?.fields.get('n')).toBe('1');
    expect(reasons).toEqual([expect.stringMatching(/client; give the options of the connection as `redis`/)]);
    expect(near.cache.status()).toMatchObject({ state: 'off', hits: 0 });
  });

  it('in a Cluster: off, said once, and every request is served', async () => {
    const cluster = await startClusterTopology({ replicasPerMaster: 0 });
    stops.push(() => cluster.stop());
    const store = new RedisSessionStore({ application: 'near', redis: { cluster: cluster.seeds }, nearCache: true });
    stops.push(() => store.close());
    const reasons: string[] = [];
    store.onLink('nearCacheOff', ({ reason }) => void reasons.push(reason));
    await store.set(sid, { n: 1 });
    expect(await store.get(sid)).toMatchObject({ n: 1 });
    expect(reasons).toEqual([expect.stringMatching(/does not work with a Redis Cluster; leave `nearCache` out/)]);
    expect(store.nearCache).toMatchObject({ state: 'off', hits: 0 });
  });
});

describe('in an outage', () => {
  let lost: RedisProcess;
  beforeEach(async () => {
    lost = await startRedisServer();
    stops.push(() => lost.stop());
  });

  const open = (staleOnOutageMs: number) => {
    const link = keeper.open(standaloneOptions(lost.port, { operationTimeoutMs: 500, attemptTimeoutMs: 500 }));
    return { link, near: openNear(link, { staleOnOutageMs }) };
  };

  async function keep(near: ReturnType<typeof openNear>): Promise<void> {
    await serving(near);
    await near.create(sid, change({ set: { n: 1 } }));
    await pollUntil('it is kept', async () => (await near.load(sid)) && near.cache.status().hits > 0, {
      intervalMs: 5,
    });
  }

  it('nothing is read from it unless that is wanted', async () => {
    const { link, near } = open(0);
    await keep(near);
    const gone = new Promise((resolve) => link.on('lost', resolve));
    await lost.kill();
    await gone;
    expect(near.cache.status()).toMatchObject({ state: 'waiting', entries: 0 });
    await expect(near.load(sid)).rejects.toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' });
  });

  it('it is read from for as long as is wanted, and no longer', async () => {
    const { link, near } = open(600);
    await keep(near);
    const gone = new Promise((resolve) => link.on('lost', resolve));
    const killedAt = performance.now();
    await lost.kill();
    await gone;
    const read = await near.load(sid).catch(() => null);
    // On a machine that is busy for so long it is right to refuse.
    if (performance.now() - killedAt < 500) expect(read?.fields.get('n')).toBe('1');
    await pollUntil('it is over', () => near.cache.status().state === 'waiting', { intervalMs: 10, timeoutMs: 2_000 });
    expect(performance.now() - killedAt).toBeLessThan(2_000);
    await expect(near.load(sid)).rejects.toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' });
  });

  it('nothing is read from it that this instance itself tried to change', async () => {
    const { link, near } = open(60_000);
    await keep(near);
    const gone = new Promise((resolve) => link.on('lost', resolve));
    await lost.kill();
    await gone;
    expect(near.cache.status().state).toBe('outage');
    await expect(near.destroy(sid)).rejects.toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' });
    await expect(near.load(sid)).rejects.toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE' });
  });

  it('nothing is read from it that this instance itself has read in a newer state', async () => {
    const { link, near } = open(60_000);
    await keep(near);
    const waiting = pollUntil('the feed is lost', () => near.cache.status().state === 'waiting', { intervalMs: 1 });
    await lost.cli('client', 'kill', 'type', 'pubsub');
    await waiting;
    await openPlain(keeper.open(standaloneOptions(lost.port))).commit(sid, change({ set: { n: 2 } }));
    expect((await near.load(sid))?.fields.get('n')).toBe('2');
    const gone = new Promise((resolve) => link.on('lost', resolve));
    await lost.kill();
    await gone;
    const read = await near.load(sid).catch(() => null);
    expect(read?.fields.get('n') ?? '2').toBe('2');
  });

  it('begins with nothing when it is over', async () => {
    const { link, near } = open(60_000);
    await keep(near);
    const gone = new Promise((resolve) => link.on('lost', resolve));
    await lost.kill();
    await gone;
    expect(near.cache.status()).toMatchObject({ state: 'outage', entries: 1 });
    const back = new Promise((resolve) => link.on('ready', resolve));
    await lost.restart();
    await back;
    expect(near.cache.status().entries).toBe(0);
    expect(await near.load(sid)).toBeNull();
  });
});
