import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import { startSentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { RedisMeter } from '../redis-meter.js';
import type { Spread } from '../report/statistics.js';
import { pairwiseRatio, spreadOf } from '../report/statistics.js';
import { measureCount } from './count.js';
import type { CountResult } from './count.js';
import { measureMemory } from './memory.js';
import type { MemoryResult } from './memory.js';
import type { MicroPlan } from './plan.js';
import { measureScripts } from './scripts.js';
import type { ScriptResults } from './scripts.js';
import type { StoreName } from './stores.js';
import { startWorker } from './worker-process.js';
import { STORE_OPERATIONS } from './worker-protocol.js';
import type { StoreOperation } from './worker-protocol.js';

/** A store's operation, without HTTP. */
export interface OperationRow {
  readonly store: StoreName;
  readonly operation: StoreOperation;
  readonly bytes: number;
  readonly inFlight: number;
  readonly operationsPerSecond: Spread;
  /** @unit microseconds */
  readonly cpuMicros: Spread;
}

/** What waiting for a replica costs. */
export interface DurabilityRow {
  readonly inFlight: number;
  readonly primaryPerSecond: Spread;
  readonly replicatedPerSecond: Spread;
  /** Replicated over primary, of the same round. */
  readonly ratio: Spread;
}

export interface MicroResults {
  readonly operations?: readonly OperationRow[];
  readonly durability?: readonly DurabilityRow[];
  readonly scripts?: ScriptResults;
  readonly count?: CountResult;
  readonly memory?: MemoryResult;
}

export const MICRO_PARTS = ['operations', 'durability', 'scripts', 'memory', 'count'] as const;
export type MicroPart = (typeof MICRO_PARTS)[number];

const STORES: readonly StoreName[] = ['connect-redis-8', 'connect-redis-9', 'ours', 'ours-encrypted'];

/** Runs the parts, one after the other. */
export async function runMicroBench(
  plan: MicroPlan,
  parts: ReadonlySet<MicroPart>,
  progress: (text: string) => void,
): Promise<MicroResults> {
  return {
    ...(parts.has('operations') && { operations: await measureOperations(plan, progress) }),
    ...(parts.has('durability') && { durability: await measureDurability(plan, progress) }),
    ...(parts.has('scripts') && { scripts: await measureScripts(plan, progress) }),
    ...(parts.has('memory') && { memory: await measureMemory(plan, progress) }),
    ...(parts.has('count') && { count: await measureCount(plan, progress) }),
  };
}

async function measureOperations(plan: MicroPlan, progress: (text: string) => void): Promise<OperationRow[]> {
  const server = await startRedisServer();
  const meter = new RedisMeter(server);
  const samples = new Map<
    string,
    { row: Omit<OperationRow, 'operationsPerSecond' | 'cpuMicros'>; rates: number[]; cpu: number[] }
  >();
  try {
    for (let round = 0; round < plan.rounds; round += 1) {
      for (const bytes of plan.sizes) {
        for (const store of STORES) {
          progress(`store operations, round ${round + 1}/${plan.rounds}, ${bytes / 1_024} KB, ${store}`);
          await meter.flush();
          const worker = await startWorker({ store, redis: server });
          try {
            for (const inFlight of plan.inFlight) {
              for (const operation of STORE_OPERATIONS) {
                const { operations, elapsedMs, cpuMicros } = await worker.run({
                  type: 'repeat',
                  operation,
                  inFlight,
                  bytes,
                  durationMs: plan.measureMs,
                  // Each creates or needs a session that stays; 32 KB of each soon fill the memory.
                  ...((operation === 'create' || operation === 'destroy') && { count: 2_000 }),
                });
                const row = { store, operation, bytes, inFlight };
                const key = JSON.stringify(row);
                const kept = samples.get(key) ?? { row, rates: [], cpu: [] };
                kept.rates.push(operations / (elapsedMs / 1_000));
                kept.cpu.push(cpuMicros / operations);
                samples.set(key, kept);
              }
            }
          } finally {
            await worker.stop();
          }
        }
      }
    }
  } finally {
    meter.close();
    await server.stop();
  }
  return [...samples.values()].map(({ row, rates, cpu }) => ({
    ...row,
    operationsPerSecond: spreadOf(rates),
    cpuMicros: spreadOf(cpu),
  }));
}

async function measureDurability(plan: MicroPlan, progress: (text: string) => void): Promise<DurabilityRow[]> {
  const topology = await startSentinelTopology();
  const { sentinels, name } = topology.redisOptions;
  const primary = topology.nodes[0]!;
  const redis = { host: primary.host, port: primary.port, sentinel: { sentinels, name } };
  const rates = new Map<string, { round: number; value: number }[]>();
  try {
    for (let round = 0; round < plan.rounds; round += 1) {
      for (const store of ['ours', 'ours-replicated'] as const) {
        progress(`durability, round ${round + 1}/${plan.rounds}, ${store}`);
        const worker = await startWorker({ store, redis });
        try {
          for (const inFlight of plan.durabilityInFlight) {
            const repeat = { type: 'repeat', operation: 'change', inFlight, bytes: 512 } as const;
            await worker.run({ ...repeat, durationMs: plan.measureMs / 3 });
            const { operations, elapsedMs } = await worker.run({ ...repeat, durationMs: plan.measureMs });
            const key = `${store} ${inFlight}`;
            rates.set(key, [...(rates.get(key) ?? []), { round, value: operations / (elapsedMs / 1_000) }]);
          }
        } finally {
          await worker.stop();
        }
      }
    }
  } finally {
    await topology.stop();
  }
  return plan.durabilityInFlight.map((inFlight) => {
    const [own, base] = [rates.get(`ours-replicated ${inFlight}`)!, rates.get(`ours ${inFlight}`)!];
    return {
      inFlight,
      primaryPerSecond: spreadOf(base.map(({ value }) => value)),
      replicatedPerSecond: spreadOf(own.map(({ value }) => value)),
      ratio: pairwiseRatio(own, base)!,
    };
  });
}
