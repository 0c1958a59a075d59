import { randomUUID } from 'node:crypto';
import type { StoredSession } from '../../lib/core/session-record.js';
import { decodeSession } from '../../lib/store/session-codec.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FlatRepository } from '../support/flat-repository.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startRedisServer, type RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { change } from '../contract/session-repository.contract.js';
import { openNear, openPlain, serving, tamper, type NearRepository, type TamperedLink } from './near-cache.support.js';
import { linkKeeper, standaloneOptions } from './redis-link.support.js';

const keeper = linkKeeper();
let server: RedisProcess;
/** The instance under test. */
let link: TamperedLink;
let near: NearRepository;
/** Another instance. */
let other: FlatRepository;
let sid: string;

beforeAll(async () => {
  server = await startRedisServer({ config: ['enable-debug-command yes'] });
});
afterAll(async () => {
  await server.stop();
});
beforeEach(async () => {
  link = tamper(keeper.open(standaloneOptions(server.port)));
  near = openNear(link);
  other = openPlain(keeper.open(standaloneOptions(server.port)));
  sid = randomUUID();
  await serving(near);
});
afterEach(async () => {
  link.releaseAnswers();
  await keeper.closeAll();
});

/** Gives the session a new id; the old one can still be read. */
function moved(repository: FlatRepository): Promise<unknown> {
  const to = repository.successorSid(sid, randomUUID());
  return repository.move(sid, { to, graceMs: 60_000, keep: 'all', change: change() });
}

async function valueOf(repository: FlatRepository, id = sid): Promise<string | undefined> {
  return (await repository.load(id))?.fields.get('n');
}

/** Stores a session by another instance and waits until that is heard of; `n` is 1. */
async function stored(): Promise<void> {
  await heard(() => other.create(sid, change({ set: { n: 1 } })));
}

/** Makes a change and waits until it is heard of. */
async function heard(make: () => Promise<unknown>): Promise<void> {
  const { invalidations } = near.cache.status();
  await make();
  await pollUntil('the change is heard of', () => near.cache.status().invalidations > invalidations, { intervalMs: 2 });
}

const set = (n: number) => other.commit(sid, change({ set: { n } }));

async function loadsInRedis(): Promise<number> {
  return Number(/cmdstat_hgetall:calls=(\d+)/.exec(String(await server.cli('info', 'commandstats')))?.[1] ?? 0);
}

describe('a near cache', () => {
  it('answers a second read without a command', async () => {
    await stored();
    expect(await valueOf(near)).toBe('1');
    const before = await loadsInRedis();
    for (let read = 0; read < 10; read++) expect(await valueOf(near)).toBe('1');
    expect(await loadsInRedis()).toBe(before);
    expect(near.cache.status()).toMatchObject({ state: 'serving', reason: null, entries: 1, hits: 10, misses: 1 });
  });

  it('knows the same of a session as Redis does', async () => {
    const cookie = '{"path":"/"}';
    await heard(() =>
      other.create(sid, change({ set: { n: 1, a: { b: [1] } }, cookie, userId: 'u', about: '{"a":1}' })),
    );
    const loaded = await near.load(sid);
    const known = await near.load(sid);
    expect(near.cache.status().hits).toBe(1);
    expect({ ...known, remainingMs: 0, values: undefined }).toEqual({ ...loaded, remainingMs: 0, values: undefined });
    expect(loaded?.remainingMs).toBeGreaterThanOrEqual(known?.remainingMs ?? Infinity);
    expect(known?.remainingMs).toBeGreaterThan(3_590_000);
    for (let read = 0; read < 2; read++) {
      expect(decodeSession(known as StoredSession, Date.now())).toMatchObject({ n: 1, a: { b: [1] } });
    }
  });

  it.each<[string, () => Promise<unknown>]>([
    ['a change', () => set(2)],
    ['a touch that moves the deadline', () => other.touch(sid, 7_200_000, null)],
    ['a logout', () => other.destroy(sid)],
    ['a new id', () => moved(other)],
    ['a replacement', () => other.replace(sid, change({ set: { n: 3 } }))],
    ['a revocation', async () => other.destroyStored((await other.load(sid))?.id ?? '')],
    ['the end of all sessions', () => other.clear()],
  ])('hears of %s by another instance', async (_what, make) => {
    await stored();
    await near.load(sid);
    await heard(make);
    expect(near.cache.status().entries).toBe(0);
    const [mine, theirs] = [await near.load(sid), await other.load(sid)];
    expect(mine?.fields).toEqual(theirs?.fields);
    expect(mine?.isRotated).toBe(theirs?.isRotated);
  });

  it("answers at the end of the event loop's turn, when all requests that came with this one have been begun", async () => {
    await stored();
    await near.load(sid);
    let isEndOfTurn = false;
    setImmediate(() => (isEndOfTurn = true));
    expect(await near.load(sid).then(() => isEndOfTurn)).toBe(true);
    expect(near.cache.status()).toMatchObject({ hits: 1, misses: 1 });
  });

  it('is not asked for what is heard to be outdated between the question and the end of the turn', async () => {
    await stored();
    await near.load(sid);
    link.isDeaf = true;
    await set(2);
    const read = valueOf(near);
    near.cache.forget(sid);
    expect(await read).toBe('2');
  });

  it('is not disturbed by a touch that moves nothing', async () => {
    await stored();
    await near.load(sid);
    const { invalidations } = near.cache.status();
    await other.touch(sid, 1_000, null);
    // What is told of a later change would come after it.
    await heard(() => other.create(randomUUID(), change()));
    expect(near.cache.status()).toMatchObject({ entries: 1, invalidations: invalidations + 1 });
  });

  it('is emptied when the whole database is (null invalidation)', async () => {
    await stored();
    await near.load(sid);
    await server.cli('flushall');
    await pollUntil('it is empty', () => near.cache.status().entries === 0, { intervalMs: 2 });
    expect(await near.load(sid)).toBeNull();
  });

  it('takes no more than it may, and forgets what was used least recently', async () => {
    const small = openNear(tamper(keeper.open(standaloneOptions(server.port))), { maxBytes: 1_048_576 });
    await serving(small);
    const ids = Array.from({ length: 40 }, () => randomUUID());
    await heard(() => Promise.all(ids.map((id) => other.create(id, change({ set: { n: 'x'.repeat(20_000) } })))));
    for (const id of ids) await small.load(id);
    const { bytes, entries } = small.cache.status();
    expect(bytes).toBeLessThanOrEqual(1_048_576);
    expect(entries).toBeGreaterThan(5);
    expect(entries).toBeLessThan(40);
    await small.load(ids.at(-1) ?? '');
    await small.load(ids[0] ?? '');
    expect(small.cache.status()).toMatchObject({ hits: 1, misses: 41 });
  });

  it('keeps nothing of a session that is not there, nor of one that was given up for another id', async () => {
    await near.load(sid);
    await stored();
    await moved(other);
    await pollUntil('it is heard of', async () => (await near.load(sid))?.isRotated, { intervalMs: 2 });
    await near.load(sid);
    expect(near.cache.status().entries).toBe(0);
  });
});

describe('a near cache never shows what was', () => {
  it('when a change is heard of while the read is under way, even if another read begins meanwhile', async () => {
    await stored();
    link.holdAnswers();
    const first = valueOf(near);
    await pollUntil('the first read is executed', () => link.heldCount === 1, { intervalMs: 2 });
    await heard(() => set(2));
    const second = valueOf(near);
    await pollUntil('the second read is executed', () => link.heldCount === 2, { intervalMs: 2 });
    link.releaseAnswers(1);
    expect(await first).toBe('1');
    expect(near.cache.status().entries).toBe(0);
    link.releaseAnswers();
    expect(await second).toBe('2');
    expect(await valueOf(near)).toBe('2');
    expect(near.cache.status()).toMatchObject({ entries: 1, hits: 1 });
  });

  it('of an earlier connection: a read that began before a reconnect is not kept', async () => {
    await stored();
    link.holdAnswers();
    const read = valueOf(near);
    await pollUntil('the read is executed', () => link.heldCount === 1, { intervalMs: 2 });
    const lost = new Promise((resolve) => link.on('lost', resolve));
    await server.cli('client', 'kill', 'type', 'normal');
    await lost;
    // Nobody listened, so nobody heard.
    await set(2);
    await serving(near);
    link.releaseAnswers();
    expect(await read).toBe('1');
    expect(near.cache.status().entries).toBe(0);
    expect(await valueOf(near)).toBe('2');
  });

  it('when the own change is under way: what is known is dropped before it is sent', async () => {
    await stored();
    link.isDeaf = true;
    await near.load(sid);
    link.holdAnswers();
    const committing = near.commit(sid, change({ set: { n: 2 } }));
    await pollUntil('the change is executed', () => link.heldCount === 1, { intervalMs: 2 });
    expect(near.cache.status().entries).toBe(0);
    link.releaseAnswers();
    await committing;
  });

  it('after the own change, although word of it has not come and a read was faster', async () => {
    await stored();
    link.isDeaf = true;
    link.holdAnswers();
    const early = valueOf(near);
    await pollUntil('the read is executed', () => link.heldCount === 1, { intervalMs: 2 });
    const committing = near.commit(sid, change({ set: { n: 2 } }));
    await pollUntil('the change is executed', () => link.heldCount === 2, { intervalMs: 2 });
    link.releaseAnswers(1);
    expect(await early).toBe('1');
    link.releaseAnswers();
    expect((await committing).outcome).toBe('committed');
    expect(await valueOf(near)).toBe('2');
  });

  it.each<[string, (repository: FlatRepository) => Promise<unknown>]>([
    ['create', (repository) => repository.create(sid, change({ set: { n: 2 } }))],
    ['commit', (repository) => repository.commit(sid, change({ set: { n: 2 } }))],
    ['replace', (repository) => repository.replace(sid, change({ set: { n: 2 } }))],
    ['touch', (repository) => repository.touch(sid, 7_200_000, null)],
    ['destroy', (repository) => repository.destroy(sid)],
    ['destroyStored', async (repository) => repository.destroyStored((await other.load(sid))?.id ?? '')],
    ['move', (repository) => moved(repository)],
    ['clear', (repository) => repository.clear()],
  ])('after an error of its own %s, which may have been made', async (_name, make) => {
    await stored();
    link.isDeaf = true;
    link.holdAnswers();
    const early = near.load(sid);
    await pollUntil('the read is executed', () => link.heldCount === 1, { intervalMs: 2 });
    link.releaseAnswers(1);
    await early;
    expect(near.cache.status().entries).toBe(1);
    const making = make(near);
    await pollUntil('the change is executed', () => link.heldCount === 1, { intervalMs: 2 });
    // Somebody reads while the change is under way; what he finds is older than the change may be.
    const between = near.load(sid);
    await pollUntil('the read is executed', () => link.heldCount === 2, { intervalMs: 2 });
    link.failure = new Error('no answer');
    link.releaseAnswers(1);
    await expect(making).rejects.toThrow('no answer');
    link.releaseAnswers();
    await between;
    expect(near.cache.status().entries).toBe(0);
  });

  it.each([
    ['deadline', 60_000, null],
    ['longest life, however busy', 3_600_000, 60_000],
  ])('past its %s, by the clock of Redis', async (_name, idleTimeoutMs, absoluteTimeoutMs) => {
    await server.cli('debug', 'set-active-expire', '0');
    try {
      const creator = openPlain(keeper.open(standaloneOptions(server.port)), absoluteTimeoutMs);
      await heard(() => creator.create(sid, change({ set: { n: 1 }, idleTimeoutMs })));
      await near.load(sid);
      link.aheadMs = 58_000;
      const known = await near.load(sid);
      expect(near.cache.status().hits).toBe(1);
      expect(known?.remainingMs).toBeLessThanOrEqual(3_000);
      if (absoluteTimeoutMs !== null) expect(known?.longestRemainingMs).toBeLessThanOrEqual(3_000);
      // Nothing is heard of an end that Redis itself has not noticed.
      link.aheadMs = 61_000;
      await near.load(sid);
      expect(near.cache.status().hits).toBe(1);
    } finally {
      await server.cli('debug', 'set-active-expire', '1');
    }
  });

  it('when it is not proven any more that changes are heard of: it is emptied and not asked', async () => {
    const silent = tamper(keeper.open(standaloneOptions(server.port)));
    const quick = openNear(silent, { maxStalenessMs: 500 });
    await serving(quick);
    await stored();
    await quick.load(sid);
    expect(quick.cache.status().entries).toBe(1);
    silent.isDeaf = true;
    silent.isSilent = true;
    await set(2);
    await pollUntil('the proof is too old', () => quick.cache.status().state === 'waiting', { intervalMs: 5 });
    expect(await valueOf(quick)).toBe('2');
    expect(quick.cache.status()).toMatchObject({ entries: 0, hits: 0 });
    expect(await valueOf(quick)).toBe('2');
    expect(quick.cache.status()).toMatchObject({ entries: 0, hits: 0 });
    // Proven again, it begins with nothing.
    silent.isSilent = false;
    await serving(quick);
    expect(await valueOf(quick)).toBe('2');
    expect(await valueOf(quick)).toBe('2');
    expect(quick.cache.status()).toMatchObject({ entries: 1, hits: 1 });
  });

  it.each(['normal', 'pubsub'])('after its connection was lost (%s): it is emptied', async (type) => {
    await stored();
    await near.load(sid);
    expect(near.cache.status().entries).toBe(1);
    link.isDeaf = true;
    await server.cli('client', 'kill', 'type', type);
    await pollUntil('the loss is noticed', () => near.cache.status().entries === 0, {
      intervalMs: 2,
      timeoutMs: 1_000,
    });
    link.isDeaf = false;
    await serving(near);
    expect(near.cache.status().entries).toBe(0);
    await set(2);
    expect(await valueOf(near)).toBe('2');
  });

  it('to the holder of the exclusive lock, not even what was changed by the holder before', async () => {
    await stored();
    await near.load(sid);
    link.isDeaf = true;
    await other.lock(sid, 'other', 8_000);
    await other.commit(sid, change({ set: { n: 2 }, owner: 'other' }));
    await other.unlock(sid, 'other');
    expect(await near.lock(sid, 'mine', 8_000)).toBe(0);
    // As the reload under the lock does.
    near.cache.forget(sid);
    expect(await valueOf(near)).toBe('2');
  });

  it('to who asks for the newest', async () => {
    await stored();
    await near.load(sid);
    link.isDeaf = true;
    await set(2);
    expect(await valueOf(near)).toBe('1');
    near.cache.forget(sid);
    expect(await valueOf(near)).toBe('2');
  });
});
