import type { Operation } from './load.js';

/** One thing to measure; every variant is measured on it. */
export interface Cell {
  readonly operation: Operation;
  /** JSON bytes of a session. */
  readonly bytes: number;
  readonly connections: number;
  /** Whether Redis is behind the slow network. */
  readonly isDelayed: boolean;
}

/** How thoroughly the HTTP bench measures. */
export interface HttpPlan {
  /** Fresh processes per variant and group of cells. */
  readonly rounds: number;
  readonly cells: readonly Cell[];
  /** Requests of each operation before anything is measured: time alone says little of how far the compiler got. */
  readonly warmUpRequests: number;
  /** The first warm-up of an operation in a process ends then in any case: by then its code should be compiled. @unit milliseconds */
  readonly firstWarmUpMs: number;
  /** The same on each further size; each cell has a short warm-up of its own as well. @unit milliseconds */
  readonly warmUpMs: number;
  /** @unit milliseconds */
  readonly measureMs: number;
  /** Requests of the exact part, one after the other; a multiple of 20, so that a mix is complete. */
  readonly exactCount: number;
}

const KB = 1_024;
const SIZES = [0.5 * KB, 4 * KB, 32 * KB];
const EVERYTHING: readonly Operation[] = ['read', 'change', 'login', 'mix'];
const READ_AND_CHANGE: readonly Operation[] = ['read', 'change'];

/** A few seconds: shows that everything runs. */
export const SMOKE: HttpPlan = {
  rounds: 1,
  cells: cross(EVERYTHING, [32 * KB], [8]),
  warmUpRequests: 30,
  firstWarmUpMs: 200,
  warmUpMs: 200,
  measureMs: 150,
  exactCount: 20,
};

/** A first look, in minutes. */
export const QUICK: HttpPlan = {
  rounds: 3,
  cells: [...cross(READ_AND_CHANGE, [0.5 * KB, 32 * KB], [32]), ...cross(['read'], [4 * KB], [32], true)],
  warmUpRequests: 1_500,
  firstWarmUpMs: 1_000,
  warmUpMs: 1_000,
  measureMs: 900,
  exactCount: 60,
};

/** Every size, every operation, every number of connections and both networks, though not every combination of them. */
export const FULL: HttpPlan = {
  rounds: 7,
  cells: [
    ...cross(EVERYTHING, SIZES, [32]),
    ...cross(READ_AND_CHANGE, [4 * KB], [1, 256]),
    ...cross(READ_AND_CHANGE, [4 * KB], [1, 32, 256], true),
  ],
  // Measured: the compiler is done with this package after some 14,000 requests, with the others after 4,000.
  warmUpRequests: 15_000,
  firstWarmUpMs: 8_000,
  warmUpMs: 700,
  measureMs: 500,
  exactCount: 200,
};

/** Every combination; a night's work. */
export const ALL: HttpPlan = {
  ...FULL,
  cells: [...cross(EVERYTHING, SIZES, [1, 32, 256]), ...cross(EVERYTHING, SIZES, [1, 32, 256], true)],
};

/** Cells that one server process serves, in the order in which it does: sessions of every size, over one network. */
export interface CellGroup {
  readonly isDelayed: boolean;
  readonly cells: readonly Cell[];
}

export function groupsOf({ cells }: HttpPlan): readonly CellGroup[] {
  return [false, true]
    .map((isDelayed) => ({ isDelayed, cells: cells.filter((cell) => cell.isDelayed === isDelayed) }))
    .filter((group) => group.cells.length > 0);
}

function cross(
  operations: readonly Operation[],
  sizes: readonly number[],
  connections: readonly number[],
  isDelayed = false,
): Cell[] {
  return sizes.flatMap((bytes) =>
    connections.flatMap((count) =>
      operations.map((operation) => ({ operation, bytes, connections: count, isDelayed })),
    ),
  );
}
