import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { startSentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import type { SentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import type { ServerProcess } from '../http/server-process.js';
import { startServer } from '../http/server-process.js';
import type { Fault, FaultName } from './faults.js';
import { startUsers } from './users.js';
import type { Users } from './users.js';

/** What the users of one application saw of one fault. */
export interface FailoverSample {
  readonly fault: FaultName;
  readonly run: number;
  readonly variant: string;
  /** From the fault until another node accepted a write. @unit milliseconds */
  readonly sentinelMs: number;
  /** Longest time without an acknowledged change. @unit milliseconds */
  readonly pauseMs: number;
  /** Whether changes were acknowledged again before the observation ended. */
  readonly hasRecovered: boolean;
  readonly failures: number;
  readonly acknowledged: number;
  readonly lost: number;
}

/** The applications; all of them live through the same faults at the same time. */
export const FAILOVER_VARIANTS = ['ours-replicated', 'connect-redis-8-sentinel'] as const;

const CALM_MS = 1_500;
/** How long an application is given to go on. @unit milliseconds */
const OBSERVED_MS = 30_000;
const STABLE_MS = 90_000;

/** Lets every application live through every fault, several times, each time in fresh processes. */
export async function runFailoverBench(options: {
  readonly faults: readonly Fault[];
  readonly runs: number;
  /** Whether Sentinel's own periods are shortened; its default ones are what users have. */
  readonly isFast: boolean;
  readonly progress: (text: string) => void;
}): Promise<FailoverSample[]> {
  const { faults, runs, isFast, progress } = options;
  const topology = await startSentinelTopology({ fast: isFast });
  try {
    const samples: FailoverSample[] = [];
    for (let run = 0; run < runs; run += 1) {
      for (const fault of faults) {
        progress(`run ${run + 1}/${runs}, ${fault.name}: waiting for a stable lab`);
        await topology.whenStable(STABLE_MS);
        progress(`run ${run + 1}/${runs}, ${fault.name}`);
        samples.push(...(await observe(topology, fault, run)));
      }
    }
    return samples;
  } finally {
    await topology.stop();
  }
}

async function observe(topology: SentinelTopology, fault: Fault, run: number): Promise<FailoverSample[]> {
  const primary = await topology.primary();
  const [successor] = await topology.replicas();
  if (!successor) throw new Error('the lab has no replica');
  const servers: ServerProcess[] = [];
  const audiences: Users[] = [];
  const serverOf = async (variant: string): Promise<ServerProcess> => {
    const redis = { host: primary.host, port: primary.port, sentinel: topology.redisOptions };
    const server = await startServer({ variant, redis }, { isQuiet: true });
    servers.push(server);
    return server;
  };
  try {
    for (const variant of FAILOVER_VARIANTS) audiences.push(await startUsers((await serverOf(variant)).origin));
    await delay(CALM_MS);
    const start = performance.now();
    // The probe must not wait for an injection that itself takes its time.
    const [sentinelMs] = await Promise.all([timeToWrite(successor, start), fault.inject(topology, primary)]);
    const promotedAt = start + sentinelMs;
    const deadline = promotedAt + OBSERVED_MS;
    const haveAllRecovered = (): boolean => audiences.every((users) => users.hasSucceededAfter(promotedAt));
    while (!haveAllRecovered() && performance.now() < deadline) await delay(50);
    // A second wave of trouble belongs to the fault.
    await delay(CALM_MS);
    const seen = audiences.map((users) => ({
      pauseMs: users.pauseMs(start),
      hasRecovered: users.hasSucceededAfter(promotedAt),
    }));
    await Promise.all(audiences.map((users) => users.stop()));
    await fault.repair(primary);
    await topology.whenStable(STABLE_MS);
    const samples: FailoverSample[] = [];
    for (const [index, variant] of FAILOVER_VARIANTS.entries()) {
      const users = audiences[index]!;
      const { failures, acknowledged } = users;
      // Asked of a process that finds the primary anew; the first one may still be talking to the old one.
      const lost = await users.lost((await serverOf(variant)).origin);
      samples.push({ fault: fault.name, run, variant, sentinelMs, ...seen[index]!, failures, acknowledged, lost });
    }
    return samples;
  } finally {
    await Promise.all(audiences.map((users) => users.stop()));
    await Promise.all(servers.map((server) => server.stop()));
  }
}

/** Milliseconds from `start` until the node accepts a write. */
async function timeToWrite(node: RedisProcess, start: number): Promise<number> {
  const client = new Redis({ host: node.host, port: node.port, protocol: 2 });
  client.on('error', () => undefined);
  try {
    for (;;) {
      try {
        await client.set('failover-bench-probe', '1', 'PX', 60_000);
        return performance.now() - start;
      } catch (error) {
        if (performance.now() - start > OBSERVED_MS) throw new Error('no node was promoted', { cause: error });
        await delay(2);
      }
    }
  } finally {
    client.disconnect();
  }
}
