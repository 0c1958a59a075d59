/** Calls that run one after the other. @internal */
export class CallQueue {
  private tail: Promise<unknown> | undefined = undefined;

  /** Ends with the last call that is under way, and never rejects; `undefined`: there is none. */
  get last(): Promise<unknown> | undefined {
    return this.tail;
  }

  /** Runs a call after those before it. */
  run<T>(call: () => Promise<T>): Promise<T> {
    return this.add(this.tail ? this.tail.then(call) : call());
  }

  /** Lets later calls wait for this one. */
  add<T>(work: Promise<T>): Promise<T> {
    const clear = (): void => {
      if (this.tail === tail) this.tail = undefined;
    };
    const tail = work.then(clear, clear);
    this.tail = tail;
    return work;
  }
}
