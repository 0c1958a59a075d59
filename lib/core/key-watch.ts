/** Receives key invalidations. @internal */
export interface KeyListener {
  /** Every change is reported from now on. Nothing that was read before may be kept. */
  onStart(): void;
  /** These keys changed, or are gone; `null`: any of them may have. */
  onChange(keys: readonly string[] | null): void;
  /** Changes are not reported any more. */
  onStop(): void;
  /** This server does not report changes; `reason` says why, and what an operator can do. Another primary is asked again. */
  onRefused(reason: string): void;
}

/** A watch of keys that is under way. @internal */
export interface KeyWatch {
  /**
   * The listener has received every change that was acknowledged to anybody before this moment, provided that the watch had
   * started by then. On the clock of `performance.now()`; `-Infinity` before the first proof.
   */
  readonly provenAt: number;
}

/** Which keys are watched, and how closely. @internal */
export interface KeyWatchRequest {
  /** Beginning of the keys' names. */
  readonly prefix: string;
  /** How often it is proven that changes arrive. @unit milliseconds */
  readonly proofPeriodMs: number;
  readonly listener: KeyListener;
}
