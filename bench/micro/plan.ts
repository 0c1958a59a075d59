/** How thoroughly the micro-benches measure. */
export interface MicroPlan {
  readonly rounds: number;
  /** Sizes of the sessions of store operations, JSON bytes. */
  readonly sizes: readonly number[];
  /** Per store operation. @unit milliseconds */
  readonly measureMs: number;
  readonly inFlight: readonly number[];
  readonly durabilityInFlight: readonly number[];
  /** Sessions that scripts and counts are compared at. */
  readonly fewSessions: number;
  readonly manySessions: number;
  /** Calls of a script per round and number of sessions. */
  readonly scriptCalls: number;
  /** Sessions whose memory is measured. */
  readonly memorySessions: number;
}

export const MICRO_SMOKE: MicroPlan = {
  rounds: 1,
  sizes: [512],
  measureMs: 100,
  inFlight: [16],
  durabilityInFlight: [64],
  fewSessions: 100,
  manySessions: 1_000,
  scriptCalls: 50,
  memorySessions: 1_000,
};

export const MICRO_QUICK: MicroPlan = {
  rounds: 2,
  sizes: [512, 32_768],
  measureMs: 400,
  inFlight: [1, 64],
  durabilityInFlight: [1, 64],
  fewSessions: 1_000,
  manySessions: 50_000,
  scriptCalls: 1_000,
  memorySessions: 20_000,
};

export const MICRO_FULL: MicroPlan = {
  rounds: 7,
  sizes: [512, 4_096, 32_768],
  measureMs: 1_000,
  inFlight: [1, 64],
  durabilityInFlight: [1, 16, 64, 256],
  fewSessions: 1_000,
  manySessions: 1_000_000,
  scriptCalls: 2_000,
  memorySessions: 100_000,
};
