import type { RedisTarget } from '../http/variants.js';
import type { StoreName } from './stores.js';

export const STORE_OPERATIONS = ['get', 'change', 'touch', 'create', 'destroy'] as const;
export type StoreOperation = (typeof STORE_OPERATIONS)[number];

/** One piece of work for a worker: a fresh process with one store. */
export type WorkerRequest =
  /** Makes sessions `from` … `to`. */
  | { readonly type: 'populate'; readonly from: number; readonly to: number; readonly bytes: number }
  /** Repeats an operation on sessions that were made before. */
  | {
      readonly type: 'repeat';
      readonly operation: StoreOperation;
      readonly inFlight: number;
      readonly bytes: number;
      /** Ends after so many; else by time. */
      readonly count?: number;
      readonly durationMs?: number;
    }
  /** Counts the sessions, `times` times. */
  | { readonly type: 'count'; readonly times: number };

export interface WorkerSettings {
  readonly store: StoreName;
  readonly redis: RedisTarget;
}

/** How the work went. */
export interface WorkerReply {
  readonly operations: number;
  readonly elapsedMs: number;
  /** Of the worker process. @unit microseconds */
  readonly cpuMicros: number;
  /** Of a count: how many, and the median time of one. */
  readonly counted?: number;
  readonly medianMs?: number;
}
