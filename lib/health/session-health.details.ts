import type { FailoverReport } from '../core/session-link-events.js';
import type { SessionFinding } from '../doctor/session-finding.js';
import type { SessionNearCacheStatus } from '../store/session-repository.js';
import type { SessionLinkInspection, SessionLinkStatus } from '../core/session-link.js';

/**
 * What a health check tells besides `status`: without the option `details` only `mode`, `state`, `degraded` and `reasons`, and
 * `liveSessions` where that was asked for.
 *
 * @remarks Holds addresses of nodes, but no password or session id. Fields that nobody could tell are `null`; those that make no sense where the sessions live are absent.
 * @public
 */
export interface SessionHealthDetails {
  /** Where the sessions live: how the Redis primary is found, `memory` (this process) or `store` (a foreign store). */
  readonly mode: SessionLinkStatus['mode'] | 'memory' | 'store';
  /** Whether it serves, but impaired. The only sign of that with Terminus 11, where such a check counts as `up`. */
  readonly degraded: boolean;
  /** Why the check is `degraded` or `down`, in sentences; empty when all is well. */
  readonly reasons: readonly string[];
  /** Sessions that live now; absent when they are not counted. */
  readonly liveSessions?: number | null;
  /** Where the application's link to Redis stands. */
  readonly state?: SessionLinkStatus['state'];
  /** Why no primary is usable: what was tried and what each said; `null` when one is. */
  readonly trouble?: string | null;
  /** `host:port` of the primary in use. */
  readonly primary?: string | null;
  /** What the node in use says it is: `master`, `slave`. */
  readonly role?: string | null;
  /** Round trip on the connection the application uses, in milliseconds. */
  readonly roundTripMs?: number | null;
  /** Replicas that the primary knows, with their lag in bytes. */
  readonly replicas?: SessionLinkInspection['replicas'] | null;
  /** The Sentinels, and whether enough of them are there to agree on a failover (`SENTINEL CKQUORUM`). */
  readonly sentinels?: SessionLinkInspection['sentinels'];
  /** `used_memory` and `maxmemory` of the primary, in bytes. */
  readonly memory?: { readonly usedBytes: number | null; readonly maxBytes: number | null };
  /** The near cache and its counts; absent without one. Whether it serves does not make a check `degraded`. */
  readonly nearCache?: Omit<SessionNearCacheStatus, 'reason'>;
  /** Operations that wait for a usable primary or for a replica now. */
  readonly waiting?: number;
  /** The last change of primary as this process saw it. */
  readonly lastFailover?: FailoverReport | null;
  /**
   * Findings of the doctor, at most a minute old; `null` when its examination is not over by then. With the option `findings` alone.
   * They do not make a check `degraded`.
   */
  readonly findings?: readonly SessionFinding[] | null;
}

/** The outcome of one check. @internal */
export interface SessionHealthVerdict {
  readonly condition: 'up' | 'degraded' | 'down';
  readonly details: SessionHealthDetails;
}

/** What anybody may be shown: no address, no count but the one that was asked for. @internal */
export function briefOf({ mode, degraded, reasons, state, liveSessions }: SessionHealthDetails): SessionHealthDetails {
  return {
    mode,
    degraded,
    reasons,
    ...(state === undefined ? {} : { state }),
    ...(liveSessions === undefined ? {} : { liveSessions }),
  };
}
