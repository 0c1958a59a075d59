import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import { RedisMeter } from '../redis-meter.js';
import type { MicroPlan } from './plan.js';
import type { StoreName } from './stores.js';
import { startWorker } from './worker-process.js';

/** Bytes of Redis's memory per session of 0.5 KB, everything included. */
export interface MemoryResult {
  readonly sessions: number;
  readonly connectRedis: number;
  /** Without users. */
  readonly ours: number;
  /** Of `ours`: the index of live sessions. */
  readonly liveIndex: number;
  /** With a user for each session, and the index of the user's sessions. */
  readonly oursWithUser: number;
  /** `oursWithUser` over `connectRedis`. */
  readonly ratio: number;
}

/** Fills an empty server with each store's sessions and looks at `used_memory`. */
export async function measureMemory(
  { memorySessions }: MicroPlan,
  progress: (text: string) => void,
): Promise<MemoryResult> {
  const perSession = async (store: StoreName): Promise<{ total: number; liveIndex: number }> => {
    progress(`memory of ${memorySessions.toLocaleString('en')} sessions, ${store}`);
    const server = await startRedisServer();
    const meter = new RedisMeter(server);
    const worker = await startWorker({ store, redis: server });
    try {
      // Connections and scripts have their memory before the clock runs.
      await worker.run({ type: 'populate', from: 0, to: 512, bytes: 512 });
      const { used } = await meter.during(() =>
        worker.run({ type: 'populate', from: 512, to: 512 + memorySessions, bytes: 512 }),
      );
      const [live] = (await server.cli('KEYS', '*:live')) as string[];
      const index = live === undefined ? 0 : Number(await server.cli('MEMORY', 'USAGE', live, 'SAMPLES', '0'));
      return { total: used.usedMemoryBytes / memorySessions, liveIndex: index / memorySessions };
    } finally {
      await worker.stop();
      meter.close();
      await server.stop();
    }
  };
  const connectRedis = (await perSession('connect-redis-8')).total;
  const { total: ours, liveIndex } = await perSession('ours');
  const { total: oursWithUser } = await perSession('ours-user');
  return { sessions: memorySessions, connectRedis, ours, liveIndex, oursWithUser, ratio: oursWithUser / connectRedis };
}
