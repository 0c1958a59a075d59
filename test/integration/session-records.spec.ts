import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SessionLink } from '../../lib/core/session-link.js';
import { resolveStoreOptions } from '../../lib/options/resolve-session-options.js';
import { createSessionLink } from '../../lib/redis/link/redis-link.factory.js';
import { RedisKeyLayout } from '../../lib/store/redis-key-layout.js';
import { RedisSessionRepository } from '../../lib/store/redis-session.repository.js';
import { createRedisProbe } from '../../lib/store/session-repository.factory.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import { change } from '../contract/session-repository.contract.js';
import { flat } from '../support/flat-repository.js';
import type { FlatRepository } from '../support/flat-repository.js';

const HOUR_MS = 3_600_000;
const layout = new RedisKeyLayout('records', 1);

describe('the records of sessions in Redis', () => {
  let server: Awaited<ReturnType<typeof startRedisServer>>;
  let link: SessionLink;
  let redis: Redis;
  let repository: FlatRepository;
  let sid: string;
  const undecodable: string[] = [];
  const keys = () => layout.session(sid);

  beforeAll(async () => {
    server = await startRedisServer();
    const address = { host: server.host, port: server.port };
    const options = resolveStoreOptions({ application: 'records', redis: address });
    link = createSessionLink(options.redis, createRedisProbe(options));
    redis = new Redis(address);
    repository = open();
  });
  beforeEach(() => {
    sid = randomUUID();
    undecodable.length = 0;
  });
  afterAll(async () => {
    redis.disconnect();
    await link.close();
    await server.stop();
  });

  function open(max: number | null = null): FlatRepository {
    return flat(
      new RedisSessionRepository(link, layout, {
        absoluteTimeoutMs: null,
        tombstoneMs: 60_000,
        userLimit: max === null ? null : { max, evict: 'oldest' },
        onUndecodable: (id, field) => undecodable.push(`${id} ${field}`),
      }),
    );
  }

  describe('that cannot be read count as none, are reported, and harm nobody', () => {
    const garble: [string, string, (key: string) => Promise<unknown>][] = [
      ['a text', 'meta', (key) => redis.set(key, 'x')],
      ['a list', 'meta', (key) => redis.rpush(key, 'x')],
      ['a sorted set', 'meta', (key) => redis.zadd(key, 1, 'x')],
      ['a hash without meta', 'meta', (key) => redis.hset(key, 'd:a', '1')],
      ['meta of another format', 'meta', (key) => redis.hset(key, 'meta', '2 what else')],
      ['an endless life', 'meta', (key) => redis.hset(key, 'meta', `1 ${Date.now()} 0 ${'9'.repeat(308)} 0 1`)],
      ['a life in another notation', 'meta', (key) => redis.hset(key, 'meta', `1 ${Date.now()} 0 1e308 0 1`)],
      ['a creation after the end of time', 'meta', (key) => redis.hset(key, 'meta', `1 ${'8'.repeat(17)} 0 1 0 1`)],
      ['an about that is not JSON', 'about', (key) => redis.hset(key, 'meta', meta(), 'about', '{garbled')],
      ['an about that is null', 'about', (key) => redis.hset(key, 'meta', meta(), 'about', 'null')],
      ['an auth that says nothing', 'auth', (key) => redis.hset(key, 'meta', meta(), 'auth', 'yesterday')],
    ];
    const meta = () => `1 ${Date.now()} 0 ${HOUR_MS} 0 1`;

    it.each(garble)('%s', async (_what, field, write) => {
      await write(keys().session);
      expect(await repository.load(sid)).toBeNull();
      expect(undecodable).toEqual([`${keys().id} ${field}`]);
      if (field !== 'meta') return;
      expect(await repository.commit(sid, change({ set: { a: 2 } }))).toEqual({ outcome: 'gone' });
      expect(await repository.touch(sid, HOUR_MS, null)).toEqual({ outcome: 'gone' });
      const move = { to: randomUUID(), graceMs: 0, keep: 'all' as const, change: change() };
      expect(await repository.move(sid, move)).toEqual({ outcome: 'gone' });
      expect(await repository.create(sid, change())).toEqual({ outcome: 'exists' });
      // Logout, and the next sign-in of a user whose id the application chooses.
      expect(await repository.destroy(sid)).toBe('destroyed');
      expect(await redis.exists(keys().session)).toBe(0);
      await write(keys().session);
      await repository.replace(sid, change({ set: { a: 3 } }));
      expect((await repository.load(sid))?.fields.get('a')).toBe('3');
    });
  });

  it.each(['live', 'user'] as const)(
    'stay as they are when the index "%s" was overwritten: nothing is written halfway',
    async (which) => {
      const user = `u-${randomUUID()}`;
      await repository.create(sid, change({ set: { a: 1 }, userId: user, isSignIn: true }));
      const overwritten = which === 'live' ? keys().live : layout.user(user).user;
      await redis.rename(overwritten, `${overwritten}:aside`);
      await redis.set(overwritten, 'x');
      try {
        const before = await redis.hgetall(keys().session);
        const next = randomUUID();
        const changed = change({ set: { a: 2 }, userId: user, keepsUser: true });
        const attempts = [
          () => repository.commit(sid, changed),
          () => repository.touch(sid, 2 * HOUR_MS, user),
          () => repository.replace(sid, changed),
          () => repository.move(sid, { to: next, graceMs: 0, keep: 'all', change: changed }),
          () => repository.create(next, changed),
          () => repository.destroyStored(keys().id, user),
        ];
        for (const attempt of attempts) await expect(attempt()).rejects.toThrow('WRONGTYPE');
        expect(await redis.hgetall(keys().session)).toEqual(before);
        expect(await redis.exists(layout.session(next).session, keys().tombstone)).toBe(0);
      } finally {
        await redis.rename(`${overwritten}:aside`, overwritten);
      }
    },
  );

  it('of the version before are read, and can be changed, listed and moved', async () => {
    const created = Date.now() - 60_000;
    const { session, live, id } = keys();
    const deadline = created + HOUR_MS;
    await redis.hset(session, {
      meta: `1 ${created} 30000 ${HOUR_MS - 30_000} 86400000 3 abcdefghi`,
      cookie: 'm,h,p,l',
    });
    await redis.hset(session, { user: 'old', about: '{"agent":"x"}', 'd:cart': '"' + 'x'.repeat(63), '1d:cart': 'y"' });
    await redis.pexpireat(session, deadline);
    await redis.zadd(live, deadline, id);
    await redis.zadd(layout.user('old').user, deadline, id);
    expect(await repository.load(sid)).toMatchObject({
      ...{ userId: 'old', createdAtMs: created, authenticatedAtMs: created, method: null, actor: null },
      ...{ lineage: id, version: 3, isRotated: false },
    });
    expect(await repository.commit(sid, change({ set: { n: 1 }, userId: 'old', keepsUser: true }))).toMatchObject({
      outcome: 'committed',
      version: 4,
    });
    const to = randomUUID();
    const result = await repository.move(sid, { to, graceMs: 0, keep: 'all', change: change({ userId: 'old' }) });
    expect(result).toMatchObject({ outcome: 'moved', userId: 'old' });
    const moved = await repository.load(to);
    expect(moved?.fields.get('cart')).toBe(`"${'x'.repeat(63)}y"`);
    expect(moved?.authenticatedAtMs).toBe(created);
    expect(await repository.listByUser('old')).toHaveLength(1);
    // Given up by an instance of that version for a successor that it did not name.
    await redis.hset(session, { meta: `rotated 1 ${created} 0 ${HOUR_MS} 0 3`, 'd:a': '1' });
    expect(await repository.load(sid)).toMatchObject({ isRotated: true });
  });

  it('cost nothing that were never stored: 10,000 logouts without a session leave no key', async () => {
    const before = await redis.dbsize();
    for (let i = 0; i < 50; i++) {
      await Promise.all(Array.from({ length: 100 }, () => repository.destroy(randomUUID())));
      await Promise.all(Array.from({ length: 100 }, () => repository.destroyStored(layout.session(randomUUID()).id)));
    }
    // Keys of other tests may expire meanwhile.
    expect(await redis.dbsize()).toBeLessThanOrEqual(before);
  });

  describe('of one user with 12,000 of them', () => {
    const COUNT = 12_000;
    let user: string;
    beforeEach(async () => {
      user = `many-${randomUUID()}`;
      for (let i = 0; i < COUNT / 200; i++) {
        const page = Array.from({ length: 200 }, () =>
          repository.create(randomUUID(), change({ userId: user, isSignIn: true })),
        );
        await Promise.all(page);
      }
    }, 60_000);

    /** The longest that somebody else's read takes while something runs. */
    async function worstOfOthers<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly worstMs: number }> {
      let [isOver, worstMs] = [false, 0];
      const others = (async () => {
        while (!isOver) {
          const begun = performance.now();
          await repository.load('somebody else');
          worstMs = Math.max(worstMs, performance.now() - begun);
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
      })();
      const result = await work().finally(() => (isOver = true));
      await others;
      return { result, worstMs };
    }

    it('are listed and ended in pages, and nobody waits for that', async () => {
      const list = await worstOfOthers(() => repository.listByUser(user));
      expect(list.result).toHaveLength(COUNT);
      const ended = await worstOfOthers(() => repository.signOut(user));
      expect(ended.result).toHaveLength(COUNT);
      expect(await repository.listByUser(user)).toEqual([]);
      // A page takes some milliseconds; a busy machine adds its own.
      expect(Math.max(list.worstMs, ended.worstMs)).toBeLessThan(1_000);
    }, 60_000);

    it('shrink to a limit that is switched on, a bounded number with each sign-in', async () => {
      const limited = open(10);
      const signIn = () => limited.create(randomUUID(), change({ userId: user, isSignIn: true }));
      const first = await signIn();
      expect(first).toMatchObject({ outcome: 'created' });
      expect(first.outcome === 'created' && first.evicted.length).toBe(1_000);
      for (let i = 0; i < 12; i++) await signIn();
      expect(await limited.listByUser(user)).toHaveLength(10);
    }, 60_000);
  });
});
