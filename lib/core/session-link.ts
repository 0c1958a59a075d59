import type { KeyWatch, KeyWatchRequest } from './key-watch.js';
import type { Script } from './script.js';
import type { FailoverReport, SessionLinkEvents } from './session-link-events.js';

/**
 * One command for the logical primary.
 *
 * @internal
 */
export interface LinkCommand {
  /** A script, or the lower-case name of a read-only Redis command. `hgetall` replies with a flat list: name, text, name, text … */
  readonly run: Script | 'hgetall' | 'ping' | 'info' | 'role' | 'time';
  /** Key names; all of them live in one slot. */
  readonly keys: readonly string[];
  /**
   * Arguments after the keys. Values of sessions travel here: no log, error or trace may show them.
   * For a script that writes the link itself puts `notAfterMs` (Redis's clock) before them.
   */
  readonly args: readonly (string | Buffer)[];
  /**
   * The same change as it is made again when the one that was acknowledged with this reply has been lost with its primary;
   * without it, this command. It must not undo what others have been given success for meanwhile.
   */
  readonly restored?: (reply: unknown) => LinkCommand;
}

/** How a single command is run. @internal */
export interface LinkCommandOptions {
  /**
   * Ends the wait of a caller that has gone; the command is not sent afterwards. Asked for only when the command has to wait
   * for a primary: to make a signal and to listen to it costs more than the whole of a read that is answered at once.
   */
  readonly signal?: (() => AbortSignal) | undefined;
  /** No caller waits for it, so it ends at once when the link is closed while no primary is usable. */
  readonly background?: boolean | undefined;
}

/** Counts of a link since its start. @public */
export interface SessionLinkTotals {
  /** Operations that had to wait for a usable primary. */
  readonly held: number;
  /** Operations that were sent again, since nobody knew whether they had been executed. */
  readonly resent: number;
  /** Changes that were acknowledged although only the primary had them. */
  readonly acknowledgedAlone: number;
}

/** Where a link stands, for health, metrics and logs. @public */
export interface SessionLinkStatus {
  /** How the primary is found. */
  readonly mode: 'standalone' | 'sentinel' | 'cluster' | 'client';
  /** `ready`: a usable primary; `degraded`: usable, but a replica that could be promoted lacks changes; `lost`: none at the moment. */
  readonly state: 'connecting' | 'ready' | 'degraded' | 'lost' | 'closed';
  /** `host:port` of the primary in use, or `null`. */
  readonly primary: string | null;
  /** Operations that wait for a usable primary or for a replica's acknowledgement now. */
  readonly waiting: number;
  /** Age of the oldest operation that is not answered yet; 0 without one. @unit milliseconds */
  readonly oldestMs: number;
  /** Counts since the start. */
  readonly totals: SessionLinkTotals;
  /** The last failover as this process saw it, or `null`. */
  readonly lastFailover: FailoverReport | null;
  /** Why no primary is usable now: what was tried and what each said, with addresses; `null` when one is, or nobody knows yet. */
  readonly trouble: string | null;
}

/** The Sentinels' answers to a health check. @public */
export interface SessionSentinelInspection {
  /** Sentinels that count in a majority: those that answer, and those that these list. */
  readonly known: number;
  /** Known Sentinels that answer and know the group. */
  readonly reachable: number;
  /** Whether enough Sentinels are there to agree on a failover, by `SENTINEL CKQUORUM`; `null` when none answers it. */
  readonly quorum: boolean | null;
  /** Sentinels that answer, but do not know the group (`SENTINEL REMOVE`). */
  readonly unaware: readonly string[];
  /** Replicas that a Sentinel lists and that are not connected to the primary. */
  readonly unconnected: readonly string[];
}

/** The nodes' answers to a health check. A field that the server does not report is `null`. @public */
export interface SessionLinkInspection {
  /** Round trip of the check on the connection the application uses, in milliseconds. */
  readonly roundTripMs: number;
  /** `master`, `slave` … as `ROLE` says. */
  readonly role: string | null;
  /** Replicas the primary knows, with how far they lag behind it. */
  readonly replicas: readonly { readonly address: string; readonly lagBytes: number; readonly online: boolean }[];
  /** Sentinel's side, or `null` when no Sentinel is in use. */
  readonly sentinels: SessionSentinelInspection | null;
  /** Why the primary takes no change now, `MISCONF`, `OOM`, `NOPERM evalsha` …; `null` when it does. */
  readonly refusal: string | null;
  /** `used_memory` in bytes, or `null`. */
  readonly usedMemoryBytes: number | null;
  /** `maxmemory` in bytes, or `null` when unlimited or unknown. */
  readonly maxMemoryBytes: number | null;
}

/**
 * One logical primary, wherever it runs at the moment. All that the store knows of Redis.
 *
 * @internal
 */
export interface SessionLink {
  /**
   * Runs one command on the primary and resolves with its reply once it counts as done: for a script that writes that is
   * once it is as durable as configured. Retries until the operation's deadline.
   *
   * @throws SessionUnavailableError when no usable primary answered by the deadline, when too much is waiting already, or
   *   when the link is closed; such a command is never sent later.
   * @throws the server's own error for a reply that no retry mends (`OOM`, `NOPERM`, `WRONGTYPE`, a script's error).
   */
  execute(command: LinkCommand, options?: LinkCommandOptions): Promise<unknown>;
  /**
   * Resolves once a change on a key of the application is as durable as configured.
   *
   * @throws SessionUnavailableError when that is not so by the operation's deadline, or when the server refuses it.
   */
  ready(): Promise<void>;
  /** The primary's clock as known here: epoch milliseconds. */
  nowMs(): number;
  /** Where the link stands; answers at once, asks nobody. */
  status(): SessionLinkStatus;
  /**
   * Asks the nodes themselves, on the connection the application uses.
   *
   * @throws SessionUnavailableError when there is no answer within `timeoutMs`.
   */
  inspect(timeoutMs: number): Promise<SessionLinkInspection>;
  /** Subscribes to a link event; the returned function unsubscribes. */
  on<E extends keyof SessionLinkEvents>(event: E, listener: (payload: SessionLinkEvents[E]) => void): () => void;
  /**
   * Reports every change of some keys on the primary in use, whoever makes it, until the link is closed; once for each link.
   * A server that cannot do so makes the listener's `onRefused` run, and the event `nearCacheOff` is emitted once.
   */
  watch(request: KeyWatchRequest): KeyWatch;
  /** Lets in-flight operations finish or fail by their deadline, then closes what the link opened. */
  close(): Promise<void>;
}
