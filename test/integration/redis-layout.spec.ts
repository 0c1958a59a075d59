import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionLink } from '../../lib/core/session-link.js';
import { resolveStoreOptions } from '../../lib/options/resolve-session-options.js';
import { PROBE } from './redis-link.support.js';
import { RedisKeyLayout } from '../../lib/store/redis-key-layout.js';
import { createSessionLink } from '../../lib/redis/link/redis-link.factory.js';
import { RedisSessionRepository } from '../../lib/store/redis-session.repository.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import { flat } from '../support/flat-repository.js';
import type { FlatRepository } from '../support/flat-repository.js';
import { change } from '../contract/session-repository.contract.js';

/** Some hundred bytes, and characters of every length. */
const LONG = { text: 'Ä€😀 of some length, '.repeat(12) };
const HOUR_MS = 3_600_000;

describe('the layout of a session in Redis', () => {
  const layout = new RedisKeyLayout('layout', 1);
  let server: Awaited<ReturnType<typeof startRedisServer>>;
  let link: SessionLink;
  let redis: Redis;
  let repository: FlatRepository;

  beforeAll(async () => {
    server = await startRedisServer();
    const address = { host: server.host, port: server.port };
    link = createSessionLink(resolveStoreOptions({ application: 'layout', redis: address }).redis, PROBE);
    redis = new Redis(address);
    repository = flat(
      new RedisSessionRepository(link, layout, {
        absoluteTimeoutMs: 10 * HOUR_MS,
        userLimit: null,
        tombstoneMs: 60_000,
      }),
    );
  });
  afterAll(async () => {
    redis.disconnect();
    await link.close();
    await server.stop();
  });

  const encodingOf = (sid: string) => redis.object('ENCODING', layout.session(sid).session);
  const namesOf = async (sid: string) => {
    const names = await redis.hkeys(layout.session(sid).session);
    return names.filter((name) => !name.endsWith('meta')).sort();
  };
  const fieldsOf = async (sid: string) => {
    const stored = await repository.load(sid);
    return Object.fromEntries([...(stored?.fields ?? [])].map(([name, text]) => [name, JSON.parse(text) as unknown]));
  };
  const created = async (set: Record<string, unknown>, length?: number) => {
    const sid = randomUUID();
    await repository.create(sid, change({ set, userId: 'ada', ...(length !== undefined && { length }) }));
    return sid;
  };

  it('keeps a small session in one block, through a busy minute too', async () => {
    const cookie =
      '{"originalMaxAge":null,"httpOnly":true,"domain":"a-rather-long-name.of-a-portal.example.org","path":"/"}';
    const sid = await created({ cart: LONG, visits: 0 });
    await repository.commit(sid, change({ cookie, about: JSON.stringify(LONG), userId: 'ada' }));
    for (let visits = 1; visits <= 20; visits += 1) {
      await repository.commit(sid, change({ set: { visits }, userId: 'ada' }));
      await repository.touch(sid, HOUR_MS + visits, 'ada');
    }
    expect(await encodingOf(sid)).toBe('listpack');
    expect(await fieldsOf(sid)).toEqual({ cart: LONG, visits: 20 });
    const stored = await repository.load(sid);
    expect(stored).toMatchObject({ cookie, about: JSON.stringify(LONG), userId: 'ada', version: 22 });
    expect(Math.abs((stored?.longestRemainingMs ?? 0) - 10 * HOUR_MS)).toBeLessThan(10_000);
    expect(Math.abs((stored?.remainingMs ?? 0) - HOUR_MS)).toBeLessThan(10_000);
  });

  it('leaves nothing of a longer text behind when it becomes shorter or goes', async () => {
    const sid = await created({ a: LONG, b: LONG, c: LONG });
    await repository.commit(sid, change({ set: { a: { text: LONG.text.slice(0, 80) } } }));
    await repository.commit(sid, change({ set: { b: 1 } }));
    await repository.commit(sid, change({ remove: ['c'] }));
    expect(await fieldsOf(sid)).toEqual({ a: { text: LONG.text.slice(0, 80) }, b: 1 });
    expect(await namesOf(sid)).toEqual(['1d:a', 'd:a', 'd:b']);
    await repository.commit(sid, change({ set: { b: LONG } }));
    expect(await fieldsOf(sid)).toMatchObject({ b: LONG });
    await repository.replace(sid, change({ set: { a: 1 } }));
    expect(await namesOf(sid)).toEqual(['d:a']);
  });

  it('stores the texts of a session that is not small as they are, and takes back the pieces of what is written', async () => {
    const sid = await created({ a: LONG, b: LONG });
    expect(await namesOf(sid)).toContain('1d:a');
    await repository.commit(sid, change({ set: { a: LONG, big: 'x'.repeat(2_000) }, length: 3_000 }));
    expect(await namesOf(sid)).not.toContain('1d:a');
    expect(await redis.hget(layout.session(sid).session, 'd:a')).toBe(JSON.stringify(LONG));
    // A hash table has no order: many pieces are put together by their numbers.
    expect(await fieldsOf(sid)).toEqual({ a: LONG, b: LONG, big: 'x'.repeat(2_000) });
  });

  it('compares the whole of a text in pieces before it is overwritten', async () => {
    const sid = await created({ a: LONG });
    const expected = new Map([['a', JSON.stringify(LONG)]]);
    const other = { text: `${LONG.text}!` };
    expect(await repository.commit(sid, change({ set: { a: other }, expected }))).toMatchObject({
      outcome: 'committed',
    });
    expect(await repository.commit(sid, change({ set: { a: 1 }, expected }))).toEqual({
      outcome: 'conflict',
      fields: ['a'],
    });
    expect(await fieldsOf(sid)).toEqual({ a: other });
  });

  it('gives back every cookie as it was, and needs a few bytes for a usual one', async () => {
    const cookies = {
      '{"originalMaxAge":null,"httpOnly":true,"path":"/"}': 'm,h,p',
      '{"originalMaxAge":1200000,"secure":true,"httpOnly":true,"path":"/","sameSite":"lax"}':
        '"originalMaxAge":1200000,s,h,p,l',
      '{"path":"/a,p,b"}': '{"path":"/a,p,b"}',
      '{}': '{}',
    };
    for (const [cookie, code] of Object.entries(cookies)) {
      const sid = randomUUID();
      await repository.create(sid, change({ cookie }));
      expect((await repository.load(sid))?.cookie).toBe(cookie);
      expect(await redis.hget(layout.session(sid).session, 'cookie')).toBe(code);
    }
  });
});
