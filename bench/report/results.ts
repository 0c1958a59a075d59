import type { HttpResults } from '../http/http-bench.js';
import type { MachineRecord } from '../machine.js';
import type { MicroResults } from '../micro/micro-bench.js';
import type { GoalResult } from './goals.js';
import type { SummaryRow } from './summary.js';

/** What a run of the bench leaves in `bench/results`. */
export interface BenchResults {
  readonly madeAt: string;
  readonly tookSeconds: number;
  readonly mode: string;
  readonly machine: MachineRecord;
  /** @unit milliseconds */
  readonly delayedRoundTripMs: number | null;
  readonly http: (HttpResults & { readonly rows: readonly SummaryRow[] }) | null;
  readonly micro: MicroResults | null;
  readonly goals: readonly GoalResult[];
}
