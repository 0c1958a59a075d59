/** Takes word of keys that changed. @internal */
export interface KeyListener {
  /** From now on every change is told. Nothing that was read before may be kept. */
  onStart(): void;
  /** These keys changed, or are gone; `null`: any of them may have. */
  onChange(keys: readonly string[] | null): void;
  /** Changes are not told any more. */
  onStop(): void;
  /** This server will not tell of changes; `reason` says why, and what an operator can do. Another primary is asked again. */
  onRefused(reason: string): void;
}

/** A watch of keys that is under way. @internal */
export interface KeyWatch {
  /**
   * Every change that was acknowledged to anybody before this moment has been told to the listener, provided that the watch
   * had started by then. On the clock of `performance.now()`; `-Infinity` before the first proof.
   */
  readonly provenAt: number;
}

/** Which keys are watched, and how closely. @internal */
export interface KeyWatchRequest {
  /** What the names of the keys begin with. */
  readonly prefix: string;
  /** How often it is proven that changes arrive. @unit milliseconds */
  readonly proofPeriodMs: number;
  readonly listener: KeyListener;
}
