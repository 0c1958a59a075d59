import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import { RedisMeter } from '../redis-meter.js';
import { medianOf } from '../report/statistics.js';
import type { MicroPlan } from './plan.js';
import type { WorkerProcess } from './worker-process.js';
import { startWorker } from './worker-process.js';
import type { WorkerRequest } from './worker-protocol.js';

/** What a script costs Redis, with few and with many sessions in it. */
export interface ScriptRow {
  readonly command: string;
  /** Per call, as `INFO commandstats` says. @unit microseconds */
  readonly fewMicros: number;
  readonly manyMicros: number;
  readonly ratio: number;
}

export interface ScriptResults {
  readonly fewSessions: number;
  readonly manySessions: number;
  readonly rows: readonly ScriptRow[];
}

const BYTES = 512;

/** Measures every script of a request's path, with the users' index, on two servers that differ in their sessions only. */
export async function measureScripts(plan: MicroPlan, progress: (text: string) => void): Promise<ScriptResults> {
  const places = [];
  try {
    for (const sessions of [plan.fewSessions, plan.manySessions]) {
      progress(`scripts: making ${sessions.toLocaleString('en')} sessions`);
      const server = await startRedisServer();
      const worker = await startWorker({ store: 'ours-user', redis: server });
      places.push({ server, worker, meter: new RedisMeter(server) });
      await worker.run({ type: 'populate', from: 0, to: sessions, bytes: BYTES });
    }
    const costs = new Map<string, number[][]>();
    for (let round = 0; round < plan.rounds; round += 1) {
      progress(`scripts, round ${round + 1}/${plan.rounds}`);
      for (const [index, { worker, meter }] of places.entries()) {
        for (const [command, micros] of await measureRound(worker, meter, plan.scriptCalls)) {
          const both = costs.get(command) ?? [[], []];
          both[index]?.push(micros);
          costs.set(command, both);
        }
      }
    }
    const rows = [...costs].map(([command, [few = [], many = []]]) => {
      const [fewMicros, manyMicros] = [medianOf(few), medianOf(many)];
      return { command, fewMicros, manyMicros, ratio: manyMicros / fewMicros };
    });
    return { fewSessions: plan.fewSessions, manySessions: plan.manySessions, rows };
  } finally {
    for (const { server, worker, meter } of places) {
      await worker.stop();
      meter.close();
      await server.stop();
    }
  }
}

async function measureRound(worker: WorkerProcess, meter: RedisMeter, calls: number): Promise<Map<string, number>> {
  const repeat = { type: 'repeat', inFlight: 8, bytes: BYTES, count: calls } as const;
  const requests: [name: string, command: string, request: WorkerRequest][] = [
    ['load (HGETALL)', 'hgetall', { ...repeat, operation: 'get' }],
    ['commit, one field', 'evalsha', { ...repeat, operation: 'change' }],
    ['touch', 'evalsha', { ...repeat, operation: 'touch' }],
    ['create', 'evalsha', { ...repeat, operation: 'create' }],
    ['count', 'evalsha', { type: 'count', times: calls }],
  ];
  const micros = new Map<string, number>();
  for (const [name, command, request] of requests) {
    const { used } = await meter.during(() => worker.run(request));
    micros.set(name, (used.micros.get(command) ?? Number.NaN) / (used.calls.get(command) ?? Number.NaN));
  }
  return micros;
}
