import { describe, expect, it } from 'vitest';
import { MemorySessionRepository } from '../../lib/store/memory-session.repository.js';
import { SessionLocks } from '../../lib/store/session-locks.js';

const places = () =>
  new MemorySessionRepository({ absoluteTimeoutMs: null, tombstoneMs: 60_000, userLimit: null }).locks;

describe('exclusive locks of sessions', () => {
  it('are had one after the other, in the order of asking, also by two processes', async () => {
    const repository = places();
    const [one, two] = [new SessionLocks(repository, 5_000, 0), new SessionLocks(repository, 5_000, 0)];
    const order: number[] = [];
    let holders = 0;
    const work = Array.from({ length: 20 }, async (_, index) => {
      const lock = await (index % 2 ? one : two).acquire('a');
      holders += 1;
      expect(holders).toBe(1);
      order.push(index);
      await new Promise((resolve) => setImmediate(resolve));
      holders -= 1;
      await lock.release();
    });
    await Promise.all(work);
    expect(order.filter((index) => index % 2 === 1)).toEqual([1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
  });

  it('of different sessions do not wait for each other', async () => {
    const locks = new SessionLocks(places(), 5_000, 0);
    const first = await locks.acquire('a');
    const second = await locks.acquire('b');
    await Promise.all([first.release(), second.release()]);
  });

  it('are refused in time, and the next one in the queue is not held up by that', async () => {
    const repository = places();
    const locks = new SessionLocks(repository, 200, 0);
    const held = await locks.acquire('a');
    await expect(Promise.all([locks.acquire('a')])).rejects.toMatchObject({ code: 'SESSION_LOCK_TIMEOUT' });
    await held.release();
    await (await locks.acquire('a')).release();
    expect(await repository.lock('a', 'another process', 60_000)).toBe(0);
    await expect(locks.acquire('a')).rejects.toMatchObject({ code: 'SESSION_LOCK_TIMEOUT' });
  });

  it('are given back at once, also when nobody hears of it', async () => {
    const place = places();
    const lock = await new SessionLocks(place, 5_000, 0).acquire('a');
    place.unlock = () => new Promise(() => undefined);
    const startedAt = performance.now();
    await lock.release();
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });

  it('of a process that died end by themselves', async () => {
    const repository = places();
    await repository.lock('a', 'a process that died', 300);
    const lock = await new SessionLocks(repository, 5_000, 0).acquire('a');
    await lock.release();
  });

  it('are no longer waited for by a request whose client has gone', async () => {
    const locks = new SessionLocks(places(), 60_000, 0);
    const held = await locks.acquire('a');
    const gone = new AbortController();
    const waiting = locks.acquire('a', gone.signal);
    const next = locks.acquire('a');
    gone.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    await held.release();
    await (await next).release();
  });

  it('refuse at once when too many wait already', async () => {
    const locks = new SessionLocks(places(), 60_000, 0);
    const held = await locks.acquire('a');
    const waiting = Array.from({ length: 255 }, () => locks.acquire('a'));
    await expect(locks.acquire('a')).rejects.toThrow('256 requests wait');
    await held.release();
    for (const lock of waiting) await (await lock).release();
  });

  it('outlive the longest wait of a change for Redis, and the renewal before it', async () => {
    const repository = places();
    const lock = await new SessionLocks(repository, 5_000, 10_000).acquire('a');
    expect(await repository.lock('a', 'another', 1)).toBeGreaterThan(12_000);
    await lock.release();
  });

  it('are renewed while they are held', async () => {
    const repository = places();
    const lock = await new SessionLocks(repository, 5_000, 0).acquire('a');
    const before = await repository.lock('a', 'another', 1);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    const after = await repository.lock('a', 'another', 1);
    expect(after).toBeGreaterThan(before - 1_500);
    await lock.release();
    expect(await repository.lock('a', 'another', 1)).toBe(0);
  });
});
