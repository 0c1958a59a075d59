/** One operation on Redis that is under way. @internal */
export interface ObservedOperation {
  /** What it is: `load`, `create`, `commit` … by the script's name; their number is bounded by the scripts. */
  readonly kind: string;
  /** Whether it changes anything. */
  readonly isWrite: boolean;
}

/** How an operation ended. @internal */
export interface ObservedEnd {
  /**
   * `ok`; `absent`: there is no such session; what a script refused by: `gone`, `conflict`, `lock` …; why the link gave up:
   * `deadline`, `overload`, `aborted`, `closed`; or `error`.
   */
  readonly outcome: string;
  /** @unit milliseconds */
  readonly durationMs: number;
  /** Of what was sent for a change, or read for a load. @unit bytes */
  readonly payloadBytes: number;
}

/** Looks on: what it does costs every operation, and must neither throw nor wait. @internal */
export interface SessionObserver {
  /** An operation begins; returns what takes its end. */
  begin(operation: ObservedOperation): (end: ObservedEnd) => void;
  /** A request had, or did not have, a session's exclusive lock. */
  locked(waitedMs: number, isTaken: boolean): void;
}

/** Those who look on; nobody, unless an entry for metrics is in use. @internal */
export class SessionObservers {
  #all: readonly SessionObserver[] = [];

  /** Whether nobody looks on: then nothing is measured. */
  get isEmpty(): boolean {
    return this.#all.length === 0;
  }

  /** Adds one; returns the way to remove it. */
  add(observer: SessionObserver): () => void {
    this.#all = [...this.#all, observer];
    return () => {
      this.#all = this.#all.filter((other) => other !== observer);
    };
  }

  begin(operation: ObservedOperation): (end: ObservedEnd) => void {
    const ends = this.#all.map((observer) => observer.begin(operation));
    return (end) => {
      for (const take of ends) take(end);
    };
  }

  locked(waitedMs: number, isTaken: boolean): void {
    for (const observer of this.#all) observer.locked(waitedMs, isTaken);
  }
}
