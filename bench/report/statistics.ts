/** A figure over the rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: medianOf(values), min: Math.min(...values), max: Math.max(...values) };
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return Number.isInteger(middle) ? ((sorted[middle - 1] ?? Number.NaN) + upper) / 2 : upper;
}

/** One measured value of one round. */
export interface RoundValue {
  readonly round: number;
  readonly value: number;
}

/** Median over the rounds of what `these` are to `those` of the same round: what disturbs a round disturbs both. */
export function pairwiseRatio(these: readonly RoundValue[], those: readonly RoundValue[]): Spread | null {
  const base = new Map(those.map(({ round, value }) => [round, value]));
  const ratios = these.flatMap(({ round, value }) => {
    const other = base.get(round);
    return other === undefined || other === 0 ? [] : [value / other];
  });
  return ratios.length > 0 ? spreadOf(ratios) : null;
}
