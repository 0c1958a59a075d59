import { SessionConfigurationError } from '../errors/session-configuration.error.js';
import type { SessionConfigurationFault } from '../errors/session-configuration.error.js';

/** What one health check may take, and from where on it says `degraded`. @public */
export interface SessionHealthOptions {
  /**
   * Time the whole check may take; without an answer by then the result is `down`.
   *
   * @remarks During a failover the check is `down`, unless this outlasts the failover: the check then waits for the new
   *   primary as a request does.
   * @defaultValue 1000
   * @unit milliseconds
   * @range 1 … 60000
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Share of `maxmemory` from which on the result is `degraded`. A server without `maxmemory` is never over it.
   *
   * @defaultValue 0.9
   * @range 0 … 1
   */
  readonly memoryThreshold?: number | undefined;
  /**
   * Replicas that must be online; with fewer the result is `degraded`.
   *
   * @defaultValue 1 with Sentinel, else 0
   */
  readonly minReplicasCount?: number | undefined;
  /**
   * Whether to tell all that is known: addresses of nodes, counts, memory, the last failover, and why no primary is usable. For
   * a route that only operators can ask; without it the check tells its status, `mode`, `state` and `reasons`.
   *
   * @defaultValue false
   */
  readonly details?: boolean | undefined;
  /**
   * Whether to tell what `SessionDoctor` finds, too; with `details` alone. The servers are examined once a minute at the most, over
   * connections of the doctor's own, and a check waits for that no longer than its timeout.
   *
   * @defaultValue false
   */
  readonly findings?: boolean | undefined;
  /**
   * Whether to say how many sessions live.
   *
   * @remarks Our own store counts exactly and without a scan. A foreign store's `length` may scan its whole database, which
   *   is no thing to do every few seconds: hence it is asked only on demand.
   * @defaultValue true with `details`; false without, and with a foreign store
   */
  readonly countSessions?: boolean | undefined;
}

const DEFAULTS = { timeoutMs: 1000, memoryThreshold: 0.9 };

/** Options with their defaults; what depends on where the sessions live stays `undefined`. @internal */
export interface ResolvedSessionHealthOptions {
  readonly timeoutMs: number;
  readonly memoryThreshold: number;
  readonly minReplicasCount: number | undefined;
  readonly details: boolean;
  readonly findings: boolean;
  readonly countSessions: boolean | undefined;
}

/**
 * Fills in the defaults.
 *
 * @throws SessionConfigurationError that lists every value out of range.
 * @internal
 */
export function resolveSessionHealthOptions(options: SessionHealthOptions): ResolvedSessionHealthOptions {
  const resolved = {
    timeoutMs: options.timeoutMs ?? DEFAULTS.timeoutMs,
    memoryThreshold: options.memoryThreshold ?? DEFAULTS.memoryThreshold,
    minReplicasCount: options.minReplicasCount,
    details: options.details ?? false,
    findings: options.findings ?? false,
    countSessions: options.countSessions ?? (options.details === true ? undefined : false),
  };
  const faults: SessionConfigurationFault[] = [];
  if (!isWithin(resolved.timeoutMs, 1, 60_000)) {
    faults.push({ path: 'timeoutMs', message: 'must be a number of milliseconds from 1 to 60000.' });
  }
  if (!isWithin(resolved.memoryThreshold, 0, 1)) {
    faults.push({ path: 'memoryThreshold', message: 'must be a share of maxmemory from 0 to 1: 0.9 is 90 %.' });
  }
  const replicas = resolved.minReplicasCount;
  if (replicas !== undefined && !(Number.isInteger(replicas) && replicas >= 0)) {
    faults.push({ path: 'minReplicasCount', message: 'must be a whole number from 0.' });
  }
  if (faults.length > 0) {
    throw new SessionConfigurationError(faults);
  }
  return resolved;
}

function isWithin(value: number, lowest: number, highest: number): boolean {
  return Number.isFinite(value) && value >= lowest && value <= highest;
}
