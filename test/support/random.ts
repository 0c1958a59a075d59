/** Random choices that a seed repeats. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** At least 0, less than `end`. */
  below(end: number): number {
    // An additive counter, mixed: enough to spread choices, and the same everywhere.
    this.state = (this.state + 0x9e3779b9) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) % end;
  }

  /** `true` in one of `count` cases. */
  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  pick<T>(list: readonly T[]): T {
    const item = list[this.below(list.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  /** The list in another order. */
  shuffled<T>(list: readonly T[]): T[] {
    const rest = [...list];
    return list.map(() => rest.splice(this.below(rest.length), 1)[0] as T);
  }
}

/** For a fuzz test: a busy machine may take long for a slice, and any machine for all. Milliseconds. */
export const FUZZ_TIMEOUT_MS = process.env['SESSION_FUZZ'] === 'long' ? 1_800_000 : 120_000;

/** How much a fuzz test does: all with `npm run test:fuzz`, a slice with `npm test`; and from which seed. */
export function fuzzPlan(all: number, slice: number): { readonly runs: number; readonly seed: number } {
  const { SESSION_FUZZ: size, SESSION_FUZZ_SEED: seed } = process.env;
  return { runs: size === 'long' ? all : slice, seed: seed === undefined ? Date.now() % 1_000_000_007 : Number(seed) };
}

/** Does jobs `0 … count - 1`, several at a time. */
export async function inParallel(count: number, width: number, job: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await job(index);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
