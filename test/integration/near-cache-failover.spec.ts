import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RedisSessionStore } from '../../lib/index.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startSentinelTopology, type SentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';

const MAX_STALENESS_MS = 500;

let topology: SentinelTopology;
const stores: RedisSessionStore[] = [];
beforeEach(async () => {
  topology = await startSentinelTopology({ downAfterMs: 1_000, fast: true });
});
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()));
  await topology.stop();
});

function open(): RedisSessionStore {
  const store = new RedisSessionStore({
    application: 'near',
    redis: { ...topology.redisOptions, operationTimeoutMs: 30_000 },
    durability: 'replicated',
    nearCache: { maxStalenessMs: MAX_STALENESS_MS },
  });
  stores.push(store);
  return store;
}

const serving = (store: RedisSessionStore): Promise<unknown> =>
  pollUntil('the near cache serves', () => store.nearCache?.state === 'serving', { intervalMs: 5 });

describe('near caches of two instances, with real Sentinels', () => {
  it('show nothing older than maxStalenessMs while the primary is switched and killed, and serve afterwards', async () => {
    const [writer, reader] = [open(), open()];
    await Promise.all([serving(writer), serving(reader)]);
    const sid = randomUUID();
    const acknowledged: { readonly n: number; readonly at: number }[] = [];
    let isDone = false;
    const outdated: string[] = [];
    const own: string[] = [];
    let reads = 0;
    const write = async (): Promise<void> => {
      for (let n = 1; !isDone; n++) {
        await writer.set(sid, { n });
        acknowledged.push({ n, at: performance.now() });
        const data = (await writer.get(sid)) as unknown as { n: number } | undefined;
        if (data?.n !== n) own.push(`${data?.n} after ${n}`);
      }
    };
    const read = async (): Promise<void> => {
      while (!isDone) {
        const limit = performance.now() - MAX_STALENESS_MS;
        const least = acknowledged.findLast(({ at }) => at <= limit)?.n ?? 0;
        const data = (await reader.get(sid)) as unknown as { n: number } | undefined;
        if ((data?.n ?? 0) < least) outdated.push(`${data?.n ?? 0} after ${least}`);
        reads += 1;
        await nextTurn();
      }
    };
    const work = Promise.all([write(), read(), read(), read()]);
    const goesOn = async (): Promise<void> => {
      const count = acknowledged.length;
      await pollUntil('changes go on', () => acknowledged.length > count + 50, { timeoutMs: 30_000 });
    };
    try {
      for (let time = 0; time < 2; time++) {
        await goesOn();
        await topology.failover();
        await topology.whenStable(30_000);
      }
      await goesOn();
      const primary = await topology.primary();
      await primary.kill();
      await goesOn();
      await primary.restart();
      await topology.whenStable(30_000);
      await goesOn();
    } finally {
      isDone = true;
      await work;
    }
    expect(outdated).toEqual([]);
    expect(own).toEqual([]);
    expect(reads).toBeGreaterThan(100);
    await serving(reader);
    await reader.get(sid);
    const hits = reader.nearCache?.hits ?? 0;
    await reader.get(sid);
    expect(reader.nearCache?.hits).toBe(hits + 1);
    await writer.destroy(sid);
    await pollUntil('the logout is seen', async () => (await reader.get(sid)) === undefined, {
      intervalMs: 2,
      timeoutMs: MAX_STALENESS_MS,
    });
  }, 120_000);

  it('are not asked when nobody can say whether the primary still is one', async () => {
    const store = open();
    await serving(store);
    const [replica] = await topology.replicas();
    for (const sentinel of topology.sentinels) sentinel.freeze();
    await replica?.kill();
    // The server itself goes on telling of changes; but a read of it would not be confirmed either.
    await pollUntil('it does not serve', () => store.nearCache?.state === 'waiting', {
      intervalMs: 10,
      timeoutMs: 5_000,
    });
    expect(store.status.primary).not.toBeNull();
    for (const sentinel of topology.sentinels) sentinel.thaw();
    await serving(store);
  }, 60_000);
});
