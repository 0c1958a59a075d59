import type { MonitorSeries } from './model.js';

/** A column of values, `null` where there is none. */
export type Column = readonly (number | null)[];

/** Times of a history's values, in seconds. */
export function timesOf({ stepMs, fromMs, live }: MonitorSeries): number[] {
  return live.map((_value, index) => (fromMs + index * stepMs) / 1000);
}

/** Adds up several steps at a time: as many bars as one can see. What is known counts; nothing known is a gap. */
export function summed(column: Column, size: number): Column {
  return grouped(column, size, (known) => known.reduce((sum, value) => sum + value, 0));
}

/** The highest of several steps at a time. */
export function highest(column: Column, size: number): Column {
  return grouped(column, size, (known) => Math.max(...known));
}

function grouped(column: Column, size: number, together: (known: readonly number[]) => number): Column {
  return Array.from({ length: Math.ceil(column.length / size) }, (_, group) => {
    const known = column.slice(group * size, (group + 1) * size).filter((value) => value !== null);
    return known.length === 0 ? null : together(known);
  });
}

/** Columns on top of each other: each with all before it. */
export function stacked(columns: readonly Column[]): readonly Column[] {
  let below: Column | null = null;
  return columns.map((column) => {
    const base = below;
    below = column.map((value, index) => (value === null ? null : value + (base?.[index] ?? 0)));
    return below;
  });
}

/** The last value that is known. */
export function latest(column: Column): number | null {
  return column.findLast((value) => value !== null) ?? null;
}

/** Sum of what is known. */
export function total(column: Column): number {
  return column.reduce<number>((sum, value) => sum + (value ?? 0), 0);
}
