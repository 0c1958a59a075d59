import { randomUUID } from 'node:crypto';
import { RedisStore } from 'connect-redis';
import session from 'express-session';
import type { SessionData, Store } from 'express-session';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisSessionStore } from '../../lib/index.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';

type Live = session.Session & Record<string, unknown>;
type AnyStore = Pick<Store, 'createSession'> & {
  get(sid: string): Promise<SessionData | null | undefined>;
  set(sid: string, data: object): Promise<unknown>;
  touch(sid: string, data: object): Promise<unknown>;
  length(): Promise<number | undefined>;
  all(): Promise<unknown>;
  clear(): Promise<unknown>;
};

/** Defects of connect-redis 8.1 that show without HTTP: each is proven of it, and proven absent here. */
describe('what connect-redis gets wrong in the store', () => {
  let redis: RedisProcess;
  let client: Redis;
  const ours: RedisSessionStore[] = [];
  beforeAll(async () => {
    redis = await startRedisServer();
    client = new Redis({ host: redis.host, port: redis.port });
  });
  afterAll(async () => {
    client.disconnect();
    for (const store of ours) await store.close();
    await redis.stop();
  });

  const own = (application = `own-${randomUUID()}`): AnyStore => {
    const store = new RedisSessionStore({
      application,
      redis: { host: redis.host, port: redis.port },
      touchIntervalMs: 0,
    });
    ours.push(store);
    return store as unknown as AnyStore;
  };
  const peer = (prefix = `peer-${randomUUID()}:`): AnyStore => new RedisStore({ client, prefix });

  async function request(store: AnyStore, sid: string): Promise<Live> {
    const req = { sessionID: sid, sessionStore: store } as unknown as Parameters<Store['createSession']>[0];
    const data = (await store.get(sid)) ?? { cookie: new session.Cookie() };
    return store.createSession(req, data) as unknown as Live;
  }
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  describe('an early save() after a touch', () => {
    async function isAliveAfterEarlySave(store: AnyStore): Promise<boolean> {
      const sid = randomUUID();
      const login = await request(store, sid);
      login['user'] = 1;
      login.cookie.maxAge = 1_500;
      await store.set(sid, login);
      await pause(1_000);
      const ping = await request(store, sid);
      ping.touch();
      await store.touch(sid, ping);
      await pause(1_000);
      const early = await request(store, sid);
      early['early'] = true;
      await store.set(sid, early);
      return (await store.get(sid)) !== null && (await store.get(sid)) !== undefined;
    }
    it('keeps the session', async () => {
      expect(await isAliveAfterEarlySave(own())).toBe(true);
    });
    it('connect-redis shows the defect: the user is logged out', async () => {
      expect(await isAliveAfterEarlySave(peer())).toBe(false);
    });
  });

  describe('a change of the cookie alone', () => {
    async function maxAgeAfterTouch(store: AnyStore): Promise<number | null | undefined> {
      const sid = randomUUID();
      const login = await request(store, sid);
      login['user'] = 1;
      await store.set(sid, login);
      const remember = await request(store, sid);
      remember.cookie.maxAge = 7_200_000;
      await store.touch(sid, remember);
      return (await store.get(sid))?.cookie.originalMaxAge;
    }
    it('is stored', async () => {
      expect(await maxAgeAfterTouch(own())).toBeGreaterThan(7_199_000);
    });
    it('connect-redis shows the defect: it is not', async () => {
      expect(await maxAgeAfterTouch(peer())).toBeNull();
    });
  });

  describe('a life of less than a second', () => {
    async function isGoneInTime(store: AnyStore): Promise<boolean> {
      const sid = randomUUID();
      await store.set(sid, {
        cookie: { originalMaxAge: 100, expires: new Date(Date.now() + 100).toISOString() },
        a: 1,
      });
      await pause(400);
      const data = await store.get(sid);
      return data === null || data === undefined;
    }
    it('ends in time', async () => {
      expect(await isGoneInTime(own())).toBe(true);
    });
    it('connect-redis shows the defect: it is rounded up to a second', async () => {
      expect(await isGoneInTime(peer())).toBe(false);
    });
  });

  describe('clear()', () => {
    it('ends the sessions of its own application and nothing else', async () => {
      const name = randomUUID();
      const [store, neighbour] = [own(`x.${name}`), own(`xy${name}`)];
      await store.set(randomUUID(), { a: 1 });
      await neighbour.set(randomUUID(), { a: 1 });
      await store.clear();
      expect(await store.length()).toBe(0);
      expect(await neighbour.length()).toBe(1);
    });
    it('connect-redis shows the defect: glob characters in its prefix delete foreign keys', async () => {
      const name = randomUUID();
      await client.set(`${name}-xyz:other`, 'foreign');
      await peer(`${name}-x*:`).clear();
      expect(await client.exists(`${name}-xyz:other`)).toBe(0);
    });
  });

  describe('one value that is no JSON', () => {
    it('leaves all others readable', async () => {
      const application = `corrupt-${randomUUID()}`;
      const store = own(application);
      await store.set('a', { a: 1 });
      await store.set('b', { b: 1 });
      const [key = ''] = await client.keys(`{${application}:0}:s:*`);
      await client.hset(key, 'd:x', '{broken');
      expect(await store.all()).toHaveLength(1);
    });
    it('connect-redis shows the defect: all() rejects', async () => {
      const prefix = `corrupt-${randomUUID()}:`;
      const store = peer(prefix);
      await store.set('a', { cookie: {}, a: 1 });
      await client.set(`${prefix}b`, '{broken');
      await expect(store.all()).rejects.toThrow();
    });
  });

  describe('a count', () => {
    async function scansOf(store: AnyStore): Promise<number> {
      await store.set(randomUUID(), { cookie: {}, a: 1 });
      await client.config('RESETSTAT');
      await store.length();
      return Number(/cmdstat_scan:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0);
    }
    it('scans nothing', async () => {
      expect(await scansOf(own())).toBe(0);
    });
    it('connect-redis shows the defect: it scans the whole keyspace', async () => {
      expect(await scansOf(peer())).toBeGreaterThan(0);
    });
  });
});
