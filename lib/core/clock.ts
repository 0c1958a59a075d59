/** A source of time, so that tests need not wait. @internal */
export interface Clock {
  /** Epoch milliseconds. */
  nowMs(): number;
}

/** This process's clock. @internal */
export const systemClock: Clock = { nowMs: () => Date.now() };
