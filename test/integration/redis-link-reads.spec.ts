import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisSessionStore } from '../../lib/index.js';
import { startSentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import type { SentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';

/**
 * One instance changes, another one only reads: it has no change of its own to tell it that its primary is none any more.
 */
describe('an instance that only reads, while the primary is switched', () => {
  let topology: SentinelTopology;
  beforeAll(async () => {
    topology = await startSentinelTopology({ downAfterMs: 2_000, fast: true });
  });
  afterAll(async () => {
    await topology.stop();
  });

  it('never shows a session as it was before a change that another instance was told to be stored', async () => {
    const open = () =>
      new RedisSessionStore({
        application: 'reads',
        redis: { ...topology.redisOptions, operationTimeoutMs: 30_000 },
        durability: 'replicated',
      });
    const [writer, reader] = [open(), open()];
    const sid = randomUUID();
    let acknowledged = 0;
    let isDone = false;
    let outdated = 0;
    let reads = 0;
    const write = async (): Promise<void> => {
      for (let n = 1; !isDone; n++) {
        await writer.set(sid, { n });
        acknowledged = n;
      }
    };
    const read = async (): Promise<void> => {
      while (!isDone) {
        const least = acknowledged;
        const data = (await reader.get(sid)) as unknown as { n: number } | undefined;
        if ((data?.n ?? 0) < least) outdated += 1;
        reads += 1;
      }
    };
    const work = Promise.all([write(), read(), read(), read(), read()]);
    try {
      for (let time = 0; time < 4; time++) {
        await topology.failover();
        await topology.whenStable(30_000);
      }
    } finally {
      isDone = true;
      await work;
      await Promise.all([writer.close(), reader.close()]);
    }
    expect(reads).toBeGreaterThan(100);
    expect(outdated).toBe(0);
  }, 120_000);
});
