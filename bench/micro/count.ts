import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { MicroPlan } from './plan.js';
import type { StoreName } from './stores.js';
import { startWorker } from './worker-process.js';

/** How long it takes to count the sessions. */
export interface CountResult {
  readonly sessions: number;
  /** @unit milliseconds */
  readonly connectRedisMs: number;
  readonly oursMs: number;
  /** Ours with `fewSessions`. */
  readonly oursFewMs: number;
  readonly timesFaster: number;
}

/** Counts the same number of sessions with connect-redis's `length()` and ours. */
export async function measureCount(
  { fewSessions, manySessions }: MicroPlan,
  progress: (text: string) => void,
): Promise<CountResult> {
  const countIn = async (store: StoreName, sessions: number, times: number): Promise<number> => {
    progress(`count of ${sessions.toLocaleString('en')} sessions, ${store}`);
    const server = await startRedisServer({ config: ['enable-debug-command yes'] });
    const worker = await startWorker({ store, redis: server });
    try {
      // Its keys are plain strings, which Redis can make itself in a second.
      if (store === 'connect-redis-8') await server.cli('DEBUG', 'POPULATE', String(sessions), 'sess', '512');
      else await worker.run({ type: 'populate', from: 0, to: sessions, bytes: 0 });
      const { counted, medianMs = Number.NaN } = await worker.run({ type: 'count', times });
      if (counted !== sessions) throw new Error(`${store} counted ${counted ?? 0} of ${sessions} sessions`);
      return medianMs;
    } finally {
      await worker.stop();
      await server.stop();
    }
  };
  const connectRedisMs = await countIn('connect-redis-8', manySessions, 3);
  const oursFewMs = await countIn('ours', fewSessions, 200);
  const oursMs = await countIn('ours', manySessions, 200);
  return { sessions: manySessions, connectRedisMs, oursMs, oursFewMs, timesFaster: connectRedisMs / oursMs };
}
