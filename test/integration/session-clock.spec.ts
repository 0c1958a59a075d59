import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { RedisSessionStore } from '../../lib/index.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';

const TEN_MINUTES_MS = 600_000;
const HOUR_MS = 3_600_000;

/** Application servers whose clocks are ten minutes apart; Redis has the one that counts. */
describe('a session lives by the clock of Redis', () => {
  let redis: RedisProcess;
  let store: RedisSessionStore;
  beforeAll(async () => {
    redis = await startRedisServer();
    const { host, port } = redis;
    store = new RedisSessionStore({ application: 'clocks', redis: { host, port }, idleTimeoutMs: HOUR_MS });
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  afterAll(async () => {
    await store.close();
    await redis.stop();
  });

  const at = (skewMs: number) => {
    vi.useRealTimers();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + skewMs });
  };
  const remainingMs = async (sid: string) => {
    const data = (await store.get(sid)) as { cookie: Record<string, unknown> } | undefined;
    return data && Date.parse(String(data.cookie['expires'])) - Date.now();
  };

  it.each([TEN_MINUTES_MS, -TEN_MINUTES_MS])(
    'neither shorter nor longer by a server that is %i ms off',
    async (skewMs) => {
      const sid = randomUUID();
      at(skewMs);
      await store.set(sid, { cookie: { originalMaxAge: HOUR_MS }, user: 1 });
      expect(Math.abs(((await remainingMs(sid)) ?? 0) - HOUR_MS)).toBeLessThan(5_000);
      at(0);
      expect(Math.abs(((await remainingMs(sid)) ?? 0) - HOUR_MS)).toBeLessThan(5_000);
      at(skewMs);
      await store.touch(sid, { cookie: { originalMaxAge: HOUR_MS } });
      const [key = ''] = (await redis.cli('keys', '{clocks:0}:s:*')) as string[];
      const left = Number(await redis.cli('pttl', key));
      expect(Math.abs(left - HOUR_MS)).toBeLessThan(5_000);
      await store.destroy(sid);
    },
  );

  it('and ends at its time for a server whose clock is far behind', async () => {
    const sid = randomUUID();
    at(-TEN_MINUTES_MS);
    await store.set(sid, { cookie: { originalMaxAge: 300 }, user: 1 });
    expect(await store.get(sid)).toBeDefined();
    await vi.waitFor(async () => {
      expect(await store.get(sid)).toBeUndefined();
    }, 5_000);
    expect(await store.length()).toBe(0);
  });
});
