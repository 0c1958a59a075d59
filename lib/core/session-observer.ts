/** One operation on Redis that is under way. @internal */
export interface ObservedOperation {
  /** Name of its script: `load`, `create`, `commit` … */
  readonly kind: string;
  /** Whether it changes anything. */
  readonly isWrite: boolean;
}

/** How an operation ended. @internal */
export interface ObservedEnd {
  /**
   * `ok`; `absent`: no such session; a script's refusal: `gone`, `conflict`, `lock` …; the link's reason to give up: `deadline`,
   * `overload`, `aborted`, `closed`; otherwise `error`.
   */
  readonly outcome: string;
  /** @unit milliseconds */
  readonly durationMs: number;
  /** Size of what was sent for a change, or read for a load. @unit bytes */
  readonly payloadBytes: number;
}

/** Observes operations. It runs within each of them, so it must neither throw nor wait. @internal */
export interface SessionObserver {
  /** An operation begins; the returned function is called at its end. */
  begin(operation: ObservedOperation): (end: ObservedEnd) => void;
  /** A request took a session's exclusive lock, or gave up waiting for it. */
  locked(waitedMs: number, isTaken: boolean): void;
}

/** The observers of an application: none, unless an entry for metrics is in use. @internal */
export class SessionObservers {
  #all: readonly SessionObserver[] = [];

  /** Whether there is no observer; then nothing is measured. */
  get isEmpty(): boolean {
    return this.#all.length === 0;
  }

  /** Adds an observer; the returned function removes it. */
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
