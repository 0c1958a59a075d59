/** A change of primary as this process saw it. @public */
export interface FailoverReport {
  /** `host:port` left. */
  readonly from: string | null;
  /** `host:port` in use now. */
  readonly to: string;
  /** When the new primary was usable, epoch milliseconds of this process. */
  readonly atMs: number;
  /** From the last good answer of the old primary until its loss was noticed, in milliseconds. */
  readonly noticedMs: number;
  /** From the loss until the new primary was usable, in milliseconds. */
  readonly durationMs: number;
  /** Operations that waited meanwhile. */
  readonly held: number;
  /** Operations that were sent a second time. */
  readonly replayed: number;
  /** Whether changes were acknowledged by a lone primary afterwards. */
  readonly degraded: boolean;
}

/** Events of the link to Redis: one per happening, never one per retry. @public */
export interface SessionLinkEvents {
  /**
   * A usable primary was found for the first time or again. `restarted`: it is the one that was lost, as another process: what
   * its disk did not keep is gone, acknowledged or not.
   */
  readonly ready: { readonly primary: string; readonly restarted: boolean };
  /** The primary in use was lost; operations wait. */
  readonly lost: { readonly primary: string; readonly reason: string };
  /**
   * No primary has been usable for `forMs`: two seconds after the start, `operationTimeoutMs` after a loss; again half a minute
   * later, then every five minutes. `cause` names what was tried and what each said.
   */
  readonly unavailable: { readonly cause: string; readonly forMs: number };
  /** Another node is the primary now. */
  readonly failover: FailoverReport;
  /** Changes are acknowledged although a replica that could be promoted lacks them. */
  readonly degraded: { readonly primary: string; readonly reason: string };
  /**
   * A change that was acknowledged while degraded, and lost when the promotion of its primary did not stand, could not be made
   * again. `change` names its script; `reason`: `conflict` (somebody else has changed the session since), `gone`, `lock`, or
   * the code of the server's error.
   */
  readonly unrestored: { readonly primary: string | null; readonly change: string; readonly reason: string };
  /** Every replica that could be promoted has all changes again. */
  readonly recovered: { readonly primary: string };
  /** The near cache is not used: the server, its ACL or the way to it does not allow it. Once; `reason` says what to do. */
  readonly nearCacheOff: { readonly reason: string };
  /** These Sentinels answer, but do not know the group (`SENTINEL REMOVE`); none: all that answer know it again. */
  readonly groupUnknown: { readonly sentinels: readonly string[] };
}
