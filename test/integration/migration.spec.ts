import { randomUUID } from 'node:crypto';
import { RedisStore } from 'connect-redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionMigrationOptions } from '../../lib/index.js';
import { ConnectRedisSessions } from '../../lib/migration/index.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { startNewSite, startOldSite, Visitor } from '../support/moving-site.js';
import type { MovingSite } from '../support/moving-site.js';

/** An application before and after it moved from connect-redis, over one Redis. */
interface Moving {
  readonly old: MovingSite;
  readonly now: MovingSite;
  readonly prefix: string;
  /** A further instance of now. */
  another(migrateFrom?: Partial<SessionMigrationOptions>): Promise<MovingSite>;
  /** What connect-redis has of a session. */
  kept(sid: string): Promise<string | null>;
}

describe('sessions of connect-redis', () => {
  let redis: RedisProcess;
  let client: Redis;
  beforeAll(async () => {
    redis = await startRedisServer();
    client = new Redis({ host: redis.host, port: redis.port });
  });
  afterAll(async () => {
    client.disconnect();
    await redis.stop();
  });

  async function move(migrateFrom: Partial<SessionMigrationOptions> = {}): Promise<Moving> {
    const application = randomUUID();
    const prefix = `${application}[a]:`;
    const store = new RedisStore({ client, prefix });
    const another = async (more: Partial<SessionMigrationOptions> = {}): Promise<MovingSite> =>
      startNewSite({
        application,
        redis: { host: redis.host, port: redis.port },
        migrateFrom: { store: new ConnectRedisSessions({ client, prefix }), ...migrateFrom, ...more },
      });
    const kept = async (sid: string): Promise<string | null> => client.get(prefix + sid);
    return { old: await startOldSite(store), now: await another(), prefix, another, kept };
  }

  describe('without a mirror', () => {
    it('moves a session with its id, its data and the life of its cookie', async () => {
      const { old, now, kept } = await move();
      const visitor = new Visitor();
      await visitor.login(old, 'ada');
      const before = await visitor.set(old, 'cart', { lines: [1, 'zwei', null] });
      expect(await visitor.show(now)).toEqual(before);
      expect(await kept(before.sid)).toBeNull();
      await visitor.set(now, 'cart', 'changed');
      expect((await visitor.show(now)).data).toEqual({ user: 'ada', cart: 'changed' });
    });

    it('moves it once when many requests ask for it at the same time, at several instances', async () => {
      const { old, now, another } = await move();
      const other = await another();
      const visitor = new Visitor();
      const before = await visitor.login(old, 'ada');
      const tabs = Array.from({ length: 12 }, () => visitor.copy());
      const shown = await Promise.all(tabs.map((tab, index) => tab.set(index % 2 ? now : other, `f${index}`, index)));
      expect(new Set(shown.map(({ sid }) => sid))).toEqual(new Set([before.sid]));
      const fields = Object.fromEntries(tabs.map((_tab, index) => [`f${index}`, index]));
      expect((await visitor.show(now)).data).toEqual({ user: 'ada', ...fields });
    });

    it('keeps what is left of its life', async () => {
      const { old, now, prefix } = await move();
      const visitor = new Visitor();
      const { sid } = await visitor.login(old, 'ada');
      await client.pexpire(prefix + sid, 1);
      await expect.poll(() => client.exists(prefix + sid)).toBe(0);
      expect((await visitor.show(now)).data).toEqual({});
    });

    it('ends it for good: a request of before that stores it again does not bring it back', async () => {
      const { old, now, prefix } = await move();
      const visitor = new Visitor();
      const { sid } = await visitor.login(old, 'ada');
      const text = await client.get(prefix + sid);
      const tab = visitor.copy();
      await visitor.show(now);
      await visitor.logout(now);
      await client.set(prefix + sid, text ?? '', 'PX', 60_000);
      expect((await tab.copy().show(now)).data).toEqual({});
      // What is there is taken away, so that instances of before do not go on with it either.
      expect((await tab.show(old)).data).toEqual({});
    });

    it('ends a session that was never asked for here', async () => {
      const { old, now, prefix } = await move();
      const visitor = new Visitor();
      const { sid } = await visitor.login(old, 'ada');
      const text = await client.get(prefix + sid);
      await visitor.copy().logout(now);
      expect(await client.get(prefix + sid)).toBeNull();
      await client.set(prefix + sid, text ?? '', 'PX', 60_000);
      expect((await visitor.show(now)).data).toEqual({});
    });

    it('takes what is no session for none', async () => {
      const { now, prefix } = await move();
      const visitor = new Visitor();
      const { sid } = await visitor.set(now, 'a', 1);
      await visitor.copy().logout(now);
      const other = visitor.copy();
      await client.set(prefix + sid, 'no JSON', 'PX', 60_000);
      expect((await other.show(now)).data).toEqual({});
    });

    it('answers 503 while the other store does not answer, and logs nobody out', async () => {
      const application = randomUUID();
      const dead = await startRedisServer();
      const old = new Redis({ host: dead.host, port: dead.port, maxRetriesPerRequest: 0 });
      old.on('error', () => undefined);
      const store = new RedisStore({ client: old });
      const before = await startOldSite(store);
      const now = await startNewSite({
        application,
        redis: { host: redis.host, port: redis.port, operationTimeoutMs: 1000 },
        migrateFrom: { store: new ConnectRedisSessions({ client: old }) },
      });
      const visitor = new Visitor();
      await visitor.login(before, 'ada');
      dead.freeze();
      expect(await visitor.status(now)).toBe(503);
      dead.thaw();
      expect((await visitor.show(now)).data).toEqual({ user: 'ada' });
      old.disconnect();
      await dead.stop();
    });
  });

  describe('with a mirror', () => {
    const mirrored = (): Promise<Moving> => move({ mirror: true });

    it('shows every change at both, whoever makes it', async () => {
      const { old, now } = await mirrored();
      const visitor = new Visitor();
      await visitor.login(old, 'ada');
      for (let round = 0; round < 3; round++) {
        for (const [site, other] of [
          [old, now],
          [now, old],
        ] as const) {
          await visitor.set(site, 'count', `${round} ${site === old ? 'old' : 'new'}`);
          await visitor.set(site, `f${round}`, site === old);
          const shown = await visitor.show(site);
          expect(await visitor.show(other)).toEqual(shown);
        }
      }
      await visitor.drop(old, 'f0');
      expect((await visitor.show(now)).data).not.toHaveProperty('f0');
      await visitor.drop(now, 'f1');
      expect((await visitor.show(old)).data).not.toHaveProperty('f1');
    });

    it('loses no change of requests that run at the same time at both', async () => {
      const { old, now, prefix } = await mirrored();
      const visitor = new Visitor();
      const { sid } = await visitor.login(old, 'ada');
      await visitor.set(now, 'mine', 1);
      // A request of before has read the session, and stores the whole of it after a change here.
      const before = JSON.parse((await client.get(prefix + sid)) ?? '') as Record<string, unknown>;
      await visitor.set(now, 'mine', 2);
      await client.set(prefix + sid, JSON.stringify({ ...before, theirs: 1 }), 'PX', 60_000);
      expect((await visitor.show(now)).data).toEqual({ user: 'ada', mine: 2, theirs: 1 });
      expect((await visitor.show(old)).data).toEqual({ user: 'ada', mine: 2, theirs: 1 });
    });

    it('ends a session at both, whoever ends it', async () => {
      const { old, now } = await mirrored();
      for (const [one, other] of [
        [old, now],
        [now, old],
      ] as const) {
        const visitor = new Visitor();
        await visitor.login(one, 'ada');
        await visitor.set(other, 'a', 1);
        const tab = visitor.copy();
        await visitor.logout(one);
        expect((await tab.copy().show(other)).data).toEqual({});
        expect((await tab.show(one)).data).toEqual({});
      }
    });

    it('follows a sign-in under a new id at either', async () => {
      const { old, now, kept } = await mirrored();
      const visitor = new Visitor();
      for (const [one, other] of [
        [old, now],
        [now, old],
        [old, now],
      ] as const) {
        const before = await visitor.set(one, 'anonymous', true);
        const tab = visitor.copy();
        const after = await visitor.login(one, 'ada');
        expect(after.sid).not.toBe(before.sid);
        expect(await visitor.show(other)).toEqual(after);
        expect(await kept(before.sid)).toBeNull();
        expect((await tab.show(other)).data).toEqual({});
        await visitor.logout(other);
      }
    });

    it('keeps a session that is used at instances of before alone while it expires here', async () => {
      const { old, now, another, prefix } = await mirrored();
      const visitor = new Visitor();
      const { sid } = await visitor.login(old, 'ada');
      await visitor.show(now);
      const [key = ''] = await client.keys(`{${prefix.slice(0, 36)}:0}:s:*`);
      await client.del(key);
      expect(await visitor.show(await another())).toMatchObject({ sid, data: { user: 'ada' } });
    });

    it('can be left: without it the sessions stay where they are', async () => {
      const { now, another } = await mirrored();
      const alone = await another({ mirror: false });
      const visitor = new Visitor();
      await visitor.login(alone, 'ada');
      expect((await visitor.show(now)).data).toEqual({ user: 'ada' });
      await visitor.set(now, 'a', 1);
      await visitor.set(alone, 'a', 2);
      expect((await visitor.show(now)).data).toEqual({ user: 'ada', a: 2 });
    });
  });

  it('moves a session that connect-redis has touched, through connect-redis itself as the store', async () => {
    const application = randomUUID();
    const store = new RedisStore({ client, prefix: `${application}:` });
    const old = await startOldSite(store, { cookie: { maxAge: 60_000 } });
    const now = await startNewSite({
      application,
      redis: { host: redis.host, port: redis.port },
      migrateFrom: { store, mirror: true },
    });
    const visitor = new Visitor();
    const { sid } = await visitor.login(old, 'ada');
    // What it stores of the cookie's life is never moved on.
    const stale = JSON.parse((await client.get(`${application}:${sid}`)) ?? '') as { cookie: { expires: string } };
    stale.cookie.expires = new Date(Date.now() - 1000).toISOString();
    await client.set(`${application}:${sid}`, JSON.stringify(stale), 'PX', 30_000);
    expect(await visitor.show(now)).toEqual({ sid, data: { user: 'ada' }, maxAge: 60_000 });
    await visitor.set(now, 'a', 1);
    expect((await visitor.show(old)).data).toEqual({ user: 'ada', a: 1 });
  });
});

describe('another cookie than before', () => {
  let redis: RedisProcess;
  let client: Redis;
  beforeAll(async () => {
    redis = await startRedisServer();
    client = new Redis({ host: redis.host, port: redis.port });
  });
  afterAll(async () => {
    client.disconnect();
    await redis.stop();
  });

  async function move(mirror: boolean): Promise<Record<'old' | 'now', MovingSite>> {
    const application = randomUUID();
    const store = new RedisStore({ client, prefix: `${application}:` });
    const old = await startOldSite(store, { name: 'before.sid', secret: 'the secret of before' });
    const now = await startNewSite({
      application,
      redis: { host: redis.host, port: redis.port },
      cookie: { name: 'now.sid' },
      migrateFrom: {
        store: new ConnectRedisSessions({ client, prefix: `${application}:` }),
        ...{ mirror, cookieName: 'before.sid', secrets: 'the secret of before' },
      },
    });
    return { old, now };
  }

  it('is given to a session that comes with the one of before, which is then taken away', async () => {
    const { old, now } = await move(false);
    const visitor = new Visitor();
    const before = await visitor.login(old, 'ada');
    expect(visitor.cookieNames).toEqual(['before.sid']);
    expect(await visitor.show(now)).toEqual(before);
    expect(visitor.cookieNames).toEqual(['now.sid']);
    expect((await visitor.show(now)).data).toEqual({ user: 'ada' });
  });

  it('stands beside the one of before while instances of before run', async () => {
    const { old, now } = await move(true);
    const visitor = new Visitor();
    await visitor.set(old, 'a', 1);
    await visitor.show(now);
    expect(visitor.cookieNames).toEqual(['before.sid', 'now.sid']);
    const there = await visitor.login(now, 'ada');
    expect(await visitor.show(old)).toEqual(there);
    const back = await visitor.login(old, 'bob');
    expect(await visitor.show(now)).toEqual(back);
    await visitor.logout(now);
    expect(visitor.cookieNames).toEqual([]);
  });

  it('may have another secret alone', async () => {
    const application = randomUUID();
    const store = new RedisStore({ client, prefix: `${application}:` });
    const old = await startOldSite(store, { secret: 'the secret of before' });
    const now = await startNewSite({
      application,
      redis: { host: redis.host, port: redis.port },
      migrateFrom: { store, secrets: ['the secret of before'] },
    });
    const visitor = new Visitor();
    const before = await visitor.login(old, 'ada');
    expect(await visitor.show(now)).toEqual(before);
  });
});
