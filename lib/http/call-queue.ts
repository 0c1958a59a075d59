/** Calls that run one after the other. @internal */
export class CallQueue {
  /** Ends with the last call that is under way, and never rejects; `undefined`: there is none. */
  last: Promise<unknown> | undefined = undefined;

  /** Runs a call after those before it. */
  run<T>(call: () => Promise<T>): Promise<T> {
    return this.add(this.last ? this.last.then(call) : call());
  }

  /** Lets later calls wait for this one. */
  add<T>(work: Promise<T>): Promise<T> {
    const clear = (): void => {
      if (this.last === last) this.last = undefined;
    };
    const last = work.then(clear, clear);
    this.last = last;
    return work;
  }
}
