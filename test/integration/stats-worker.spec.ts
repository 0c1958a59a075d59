import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { SessionLink } from '../../lib/core/session-link.js';
import { InstallationWorker } from '../../lib/stats/installation-worker.js';
import { RESOLUTIONS, SessionHistoryKeeper } from '../../lib/stats/session-history.js';
import type { SampleParts } from '../../lib/stats/session-history.js';
import { RedisSessionLease } from '../../lib/stats/session-lease.js';
import { RedisKeyLayout } from '../../lib/store/redis-key-layout.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { linkKeeper, standaloneOptions } from './redis-link.support.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const layout = new RedisKeyLayout('stats', 1);
const leaseKey = layout.lease('worker');
const links = linkKeeper();
let server: RedisProcess;
let link: SessionLink;
let redis: Redis;

beforeAll(async () => {
  server = await startRedisServer();
  link = links.open(standaloneOptions(server.port));
  redis = new Redis(server.port, server.host);
});

afterAll(async () => {
  redis.disconnect();
  await links.closeAll();
  await server.stop();
});

beforeEach(async () => {
  await redis.flushall();
});

describe('a lease', () => {
  it('is held by one at a time, renewed by its holder, and its term grows with every change of the holder', async () => {
    const [a, b] = [new RedisSessionLease(link, leaseKey), new RedisSessionLease(link, leaseKey)];
    expect([await a.take(), await b.take(), await a.take()]).toEqual([true, false, true]);
    expect([a.isHeld, b.isHeld, a.term]).toEqual([true, false, 1]);
    await a.drop();
    expect([await b.take(), await a.take(), b.term]).toEqual([true, false, 2]);
  });

  it('ends by itself when its holder is gone', async () => {
    const [a, b] = [new RedisSessionLease(link, leaseKey), new RedisSessionLease(link, leaseKey)];
    await a.take();
    await pollUntil('the lease of a holder that is gone', () => b.take(), { timeoutMs: 8000 });
    expect(a.isHeld).toBe(false);
    expect(b.term).toBe(2);
  });
});

describe('the elected worker', () => {
  const start = (runs: string[], name: string, instance: SessionLink = link) => {
    const job = { periodMs: 1, run: async () => runs.push(name) };
    const worker = new InstallationWorker(new RedisSessionLease(instance, leaseKey), [job]);
    onTestFinished(() => worker.stop());
    worker.start();
    return worker;
  };

  it('is one of several, and another takes over within a few seconds when it shuts down', async () => {
    const runs: string[] = [];
    const workers = [start(runs, 'a'), start(runs, 'b'), start(runs, 'c')];
    await pollUntil('work', () => runs.length >= 3, { timeoutMs: 8000 });
    expect(new Set(runs).size).toBe(1);
    const index = workers.findIndex((worker) => worker.isElected());
    await workers[index]!.stop();
    const [count, stoppedAt] = [runs.length, performance.now()];
    await pollUntil('work of another', () => runs.length > count, { timeoutMs: 8000 });
    expect(performance.now() - stoppedAt).toBeLessThan(3000);
    expect(runs.at(-1)).not.toBe(runs[count - 1]);
    expect(new Set(runs.slice(count)).size).toBe(1);
  });

  it('is replaced within seconds when its instance is cut off, and knows that it is not elected any more', async () => {
    const runs: string[] = [];
    const instance = links.open(standaloneOptions(server.port));
    const first = start(runs, 'first', instance);
    await pollUntil('an election', () => first.isElected(), { timeoutMs: 5000 });
    start(runs, 'second');
    await instance.close();
    const lostAt = performance.now();
    await pollUntil('a successor', () => runs.includes('second'), { timeoutMs: 9000 });
    expect(performance.now() - lostAt).toBeLessThan(8000);
    expect(first.isElected()).toBe(false);
  });

  it('goes on renewing while a job takes longer than the lease lives', async () => {
    let isSlow = true;
    const job = { periodMs: 1, run: () => pollUntil('the end of a long job', () => !isSlow, { timeoutMs: 20_000 }) };
    const worker = new InstallationWorker(new RedisSessionLease(link, leaseKey), [job]);
    onTestFinished(async () => {
      isSlow = false;
      await worker.stop();
    });
    worker.start();
    await pollUntil('an election', () => worker.isElected(), { timeoutMs: 5000 });
    const startedAt = performance.now();
    while (performance.now() - startedAt < 6500) {
      expect(worker.isElected()).toBe(true);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
});

describe('the history', () => {
  const parts = (atMs: number, live: number): SampleParts => ({
    counts: {
      atMs,
      live,
      authenticated: 1,
      anonymous: live - 1,
      active: live,
      total: { created: live * 2, ended: { logout: live, expired: 0, revoked: 0, limit: 0, rotated: 0 } },
    },
    users: { count: 1, isExact: true },
    memory: { usedBytes: 1000 + live, maxBytes: null, sessionBytes: 600 },
  });

  const elected = async () => {
    const lease = new RedisSessionLease(link, leaseKey);
    await lease.take();
    return lease.owner;
  };

  it('has one sample for each minute, whoever writes, and none by one that lost the lease', async () => {
    const [former, nowMs] = [new RedisSessionLease(link, leaseKey), Date.now()];
    await former.take();
    await former.drop();
    const [owner, keeper] = [await elected(), new SessionHistoryKeeper(link, layout)];
    await keeper.write(former.owner, parts(nowMs, 5));
    expect(await redis.xlen(layout.samples('minutes'))).toBe(0);
    await keeper.write(owner, parts(nowMs, 7));
    await keeper.write(owner, parts(nowMs, 9));
    const { samples } = await keeper.read('minutes', nowMs, nowMs);
    expect(samples).toMatchObject([{ live: 7, peak: 7, users: { count: 1, isExact: true }, flow: null }]);
  });

  it('makes hours of minutes, also after a pause of hours, and shows gaps as gaps', async () => {
    const [owner, keeper] = [await elected(), new SessionHistoryKeeper(link, layout)];
    const hourMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
    for (const [minute, live] of [4, 8, 6].entries()) {
      await keeper.write(owner, parts(hourMs - 4 * HOUR_MS + minute * MINUTE_MS, live));
    }
    await keeper.write(owner, parts(hourMs + 1, 3));
    const { samples, fromMs } = await keeper.read('hours', hourMs - 5 * HOUR_MS, hourMs);
    expect(fromMs).toBe(hourMs - 5 * HOUR_MS);
    expect(samples.map((sample) => sample?.peak ?? null)).toEqual([null, 8, null, null, null, null]);
    expect(samples[1]).toMatchObject({ live: 6, memory: { usedBytes: 1008 } });
    const minutes = await keeper.read('minutes', hourMs - 4 * HOUR_MS, hourMs - 4 * HOUR_MS + 3 * MINUTE_MS);
    // The count went back in the third: nobody knows what began in it.
    expect(minutes.samples.map((sample) => sample?.flow?.created ?? null)).toEqual([null, 8, null, null]);
  });

  it('is bounded: the oldest samples go', async () => {
    const [owner, keeper] = [await elected(), new SessionHistoryKeeper(link, layout)];
    const nowMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
    const { count } = RESOLUTIONS.minutes;
    const fill = redis.pipeline();
    for (let minute = count + 10; minute > 0; minute--) {
      fill.xadd(layout.samples('minutes'), `${nowMs - minute * MINUTE_MS}-0`, 'live', String(minute), 'peak', '1');
    }
    await fill.exec();
    await keeper.write(owner, parts(nowMs, 1));
    expect(await redis.xlen(layout.samples('minutes'))).toBe(count + 1);
    const { samples } = await keeper.read('minutes', -Infinity, Infinity);
    expect(samples.length).toBeGreaterThanOrEqual(count);
    expect(samples.filter((sample) => sample === null).length).toBeLessThanOrEqual(1);
  });
});
