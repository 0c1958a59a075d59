import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import type { SentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';

export const FAULT_NAMES = ['kill -9', 'freeze', 'SENTINEL FAILOVER', 'FAILOVER'] as const;
export type FaultName = (typeof FAULT_NAMES)[number];

/** A way for a primary to stop being one. */
export interface Fault {
  readonly name: FaultName;
  /** What is asked of ours: the pause may be so many times Sentinel's own time, and so much longer. */
  readonly goal: { readonly ratio: number; readonly extraMs: number };
  inject(topology: SentinelTopology, primary: RedisProcess): Promise<void>;
  /** Makes the lab whole again. */
  repair(primary: RedisProcess): Promise<void>;
}

const nothing = async (): Promise<void> => undefined;

export const FAULTS: readonly Fault[] = [
  {
    name: 'kill -9',
    goal: { ratio: 1.05, extraMs: 100 },
    inject: (_topology, primary) => primary.kill(),
    repair: (primary) => primary.restart(),
  },
  {
    name: 'freeze',
    goal: { ratio: 1.05, extraMs: 100 },
    inject: async (_topology, primary) => primary.freeze(),
    repair: async (primary) => primary.thaw(),
  },
  {
    name: 'SENTINEL FAILOVER',
    goal: { ratio: 0, extraMs: 150 },
    inject: async ({ sentinels, name }) => {
      await sentinels[0]?.cli('SENTINEL', 'FAILOVER', name);
    },
    repair: nothing,
  },
  {
    name: 'FAILOVER',
    goal: { ratio: 0, extraMs: 1_000 },
    inject: async (_topology, primary) => {
      await primary.cli('FAILOVER');
    },
    repair: nothing,
  },
];
