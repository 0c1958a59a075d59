import type { MicroResults } from '../micro/micro-bench.js';
import { short, textTable } from './text-table.js';

/** The micro-benches as tables for a terminal. */
export function microReport({ operations, durability, scripts, memory, count }: MicroResults): string {
  const blocks: string[] = [];
  if (operations) {
    blocks.push(
      `Store operations, without HTTP\n${textTable(
        ['store', 'operation', 'KB', 'in flight', 'per s', 'CPU us', '(min-max)'],
        operations.map((row) => [
          row.store,
          row.operation,
          short(row.bytes / 1_024, 1),
          short(row.inFlight),
          short(row.operationsPerSecond.median),
          short(row.cpuMicros.median),
          `${short(row.cpuMicros.min)}-${short(row.cpuMicros.max)}`,
        ]),
      )}`,
    );
  }
  if (durability) {
    blocks.push(
      `Changes per second, store level\n${textTable(
        ['in flight', "'primary'", "'replicated'", 'ratio', '(min-max)'],
        durability.map(({ inFlight, primaryPerSecond, replicatedPerSecond, ratio }) => [
          short(inFlight),
          short(primaryPerSecond.median),
          short(replicatedPerSecond.median),
          short(ratio.median, 2),
          `${short(ratio.min, 2)}-${short(ratio.max, 2)}`,
        ]),
      )}`,
    );
  }
  if (scripts) {
    const { fewSessions, manySessions, rows } = scripts;
    blocks.push(
      `Cost in Redis, us per call\n${textTable(
        ['command', `${short(fewSessions)} sessions`, `${short(manySessions)} sessions`, 'ratio'],
        rows.map((row) => [row.command, short(row.fewMicros, 1), short(row.manyMicros, 1), short(row.ratio, 2)]),
      )}`,
    );
  }
  if (memory) {
    blocks.push(
      `Bytes of Redis's memory per 0.5 KB session (${short(memory.sessions)} sessions)\n${textTable(
        ['what', 'bytes', '/connect-redis'],
        [
          ['connect-redis', short(memory.connectRedis), '1.00'],
          ['ours without users', short(memory.ours), short(memory.ours / memory.connectRedis, 2)],
          ['  of it the live index', short(memory.liveIndex), short(memory.liveIndex / memory.connectRedis, 2)],
          ['ours with a user each', short(memory.oursWithUser), short(memory.ratio, 2)],
          [
            '  of it the user and its index',
            short(memory.oursWithUser - memory.ours),
            short((memory.oursWithUser - memory.ours) / memory.connectRedis, 2),
          ],
        ],
      )}`,
    );
  }
  if (count) {
    blocks.push(
      `Counting ${short(count.sessions)} sessions: connect-redis length() ${short(count.connectRedisMs, 1)} ms, ` +
        `ours ${short(count.oursMs, 3)} ms (with few sessions ${short(count.oursFewMs, 3)} ms), ${short(count.timesFaster)} times faster`,
    );
  }
  return blocks.join('\n\n');
}
