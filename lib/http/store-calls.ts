/** Takes the outcome of a store's call. @internal */
export type Done = (error?: Error) => void;

/** The calls of the store that one request has under way. @internal */
export class StoreCalls {
  private running = 0;
  private readonly whenIdle: (() => void)[] = [];

  constructor(
    /** Told of each failure, before whoever made the call. */
    private readonly failed: (error: unknown) => void,
  ) {}

  /** `undefined`: none is under way. Never rejects. */
  idle(): Promise<void> | undefined {
    if (this.running === 0) return undefined;
    return new Promise((resolve) => {
      this.whenIdle.push(resolve);
    });
  }

  /** Makes a call; also what it throws ends in `done`, once. */
  run(call: (done: Done) => void, done: Done): void {
    let isDone = false as boolean;
    this.running += 1;
    const finish = (error?: unknown): void => {
      if (isDone) return;
      isDone = true;
      this.running -= 1;
      if (error !== undefined && error !== null) this.failed(error);
      try {
        done((error ?? undefined) as Error | undefined);
      } finally {
        if (this.running === 0) for (const resolve of this.whenIdle.splice(0)) resolve();
      }
    };
    try {
      call(finish);
    } catch (error) {
      // What `done` throws is its caller's error.
      if (isDone) throw error;
      finish(error);
    }
  }
}

/** A call as a promise. @internal */
export function promised(call: (done: Done) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => {
      if (error === undefined) resolve();
      else reject(error);
    });
  });
}

/** What an action throws, or `undefined`. @internal */
export function thrownBy(action: () => void): Error | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
