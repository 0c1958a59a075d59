import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storedId } from '../../lib/core/session-id.js';
import { startRedisServer, type RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { change } from '../contract/session-repository.contract.js';
import { openNear, openPlain, serving, tamper, type NearRepository } from './near-cache.support.js';
import { linkKeeper, standaloneOptions } from './redis-link.support.js';

const MAX_STALENESS_MS = 500;
const SESSIONS = 12;
const CHANGES = 1_000;
const READERS = 4;

interface Instance {
  readonly near: NearRepository;
  /** For each session: what this instance has heard of, so that nothing older may be read here from now on. */
  readonly floor: number[];
}

/** What one session is known to be; the numbers rise with each change, and a session that has ended is `Infinity`. */
interface Truth {
  sid: string;
  acknowledged: { readonly n: number; readonly at: number }[];
}

const keeper = linkKeeper();
let server: RedisProcess;

beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(async () => {
  await keeper.closeAll();
  await server.stop();
});

describe('near caches of two instances over one Redis, with random writers', () => {
  it('show nothing that is older than they have heard, nor ever older than maxStalenessMs', async () => {
    const truths: Truth[] = Array.from({ length: SESSIONS }, () => ({ sid: randomUUID(), acknowledged: [] }));
    /** Sessions that are stored after a change was acknowledged: who hears of one has heard of the change before it. */
    const marks = new Map<string, { readonly index: number; readonly n: number; readonly at: number }>();
    const delays: number[] = [];
    const open = (): Instance => {
      const link = tamper(keeper.open(standaloneOptions(server.port)));
      const instance = { near: openNear(link, { maxStalenessMs: MAX_STALENESS_MS }), floor: truths.map(() => 0) };
      link.onHeard = (keys) => {
        for (const key of keys ?? []) {
          const mark = marks.get(key.slice('{near:0}:s:'.length));
          if (!mark) continue;
          instance.floor[mark.index] = Math.max(instance.floor[mark.index] ?? 0, mark.n);
          delays.push(performance.now() - mark.at);
        }
      };
      return instance;
    };
    const instances = [open(), open()] as const;
    const any = (): Instance => instances[Math.random() < 0.5 ? 0 : 1];
    await Promise.all(instances.map(({ near }) => serving(near)));
    await Promise.all(truths.map(({ sid }) => any().near.create(sid, change({ set: { n: 0 } }))));
    const marker = openPlain(keeper.open(standaloneOptions(server.port)));
    let changes = 0;

    const make = async (index: number, n: number, how: (near: NearRepository) => Promise<unknown>): Promise<void> => {
      const maker = any();
      await how(maker.near);
      const at = performance.now();
      truths[index]?.acknowledged.push({ n, at });
      maker.floor[index] = n;
      const mark = randomUUID();
      marks.set(storedId(mark, 1).id, { index, n, at });
      await marker.create(mark, change());
    };
    const write = async (index: number): Promise<void> => {
      const { sid } = truths[index] as Truth;
      for (let n = 1; changes < CHANGES; n++) {
        changes += 1;
        await make(index, n, (near) => near.commit(sid, change({ set: { n } })));
        if (Math.random() < 0.1) await any().near.touch(sid, 3_600_000 + 60_000 * n, null);
        // Without a pause there would be nothing to hit.
        for (let turn = 0; turn < 150 * Math.random(); turn++) await nextTurn();
      }
      await make(index, Infinity, (near) => near.destroy(sid));
    };

    let isDone = false;
    let reads = 0;
    const faults: string[] = [];
    const read = async (): Promise<void> => {
      while (!isDone) {
        const index = Math.floor(Math.random() * SESSIONS);
        const { sid, acknowledged } = truths[index] as Truth;
        const { near, floor } = any();
        const limit = performance.now() - MAX_STALENESS_MS;
        const oldest = acknowledged.findLast(({ at }) => at <= limit)?.n ?? 0;
        const least = floor[index] ?? 0;
        const stored = await near.load(sid);
        const n = stored ? Number(stored.fields.get('n')) : Infinity;
        reads += 1;
        if (n < least) faults.push(`session ${index}: ${n} was read after ${least} had been heard of`);
        if (n < oldest)
          faults.push(`session ${index}: ${n} was read ${MAX_STALENESS_MS} ms after ${oldest} was acknowledged`);
        if (Math.random() < 0.2) await nextTurn();
      }
    };
    const disturb = async (): Promise<void> => {
      while (!isDone) {
        const before = changes;
        while (!isDone && changes < before + CHANGES / 6) await nextTurn();
        if (!isDone) await server.cli('client', 'kill', 'type', Math.random() < 0.5 ? 'pubsub' : 'normal');
      }
    };
    const others = [...Array.from({ length: READERS }, read), disturb()];
    await Promise.all(truths.map((_truth, index) => write(index)));
    isDone = true;
    await Promise.all(others);

    expect(faults).toEqual([]);
    expect(reads).toBeGreaterThan(CHANGES);
    const statuses = instances.map(({ near }) => near.cache.status());
    for (const { hits } of statuses) expect(hits).toBeGreaterThan(100);
    for (const { sid } of truths) for (const { near } of instances) expect(await near.load(sid)).toBeNull();
    delays.sort((a, b) => a - b);
    console.info(
      `${reads} reads (${statuses.map(({ hits }) => hits).join(' and ')} hits), heard after the acknowledgement: ` +
        `median ${delays[delays.length >> 1]?.toFixed(2)} ms, longest ${delays.at(-1)?.toFixed(2)} ms`,
    );
  }, 120_000);
});
