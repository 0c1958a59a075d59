import { END_REASONS } from '../stats/session-counts.js';
import type { SessionEndReason } from '../stats/session-counts.js';
import type { SessionHistory, SessionSample } from '../stats/session-history.js';

type Column = readonly (number | null)[];

/** A history in columns, as charts want it: one value for each step, `null` where there is no sample. @internal */
export interface MonitorSeries {
  /** Distance of two values. @unit milliseconds */
  readonly stepMs: number;
  /** Time of the first: epoch milliseconds. */
  readonly fromMs: number;
  readonly live: Column;
  readonly peak: Column;
  readonly authenticated: Column;
  readonly active: Column;
  readonly users: Column;
  readonly created: Column;
  readonly ended: Readonly<Record<SessionEndReason, Column>>;
  readonly usedBytes: Column;
  readonly maxBytes: Column;
}

/** A history in columns. @internal */
export function seriesOf({ stepMs, fromMs, samples }: SessionHistory): MonitorSeries {
  const column = (value: (sample: SessionSample) => number | null | undefined): Column =>
    samples.map((sample) => (sample ? (value(sample) ?? null) : null));
  return {
    stepMs,
    fromMs,
    live: column(({ live }) => live),
    peak: column(({ peak }) => peak),
    authenticated: column(({ authenticated }) => authenticated),
    active: column(({ active }) => active),
    users: column(({ users }) => users?.count),
    created: column(({ flow }) => flow?.created),
    ended: Object.fromEntries(
      END_REASONS.map((reason) => [reason, column(({ flow }) => flow?.ended[reason])]),
    ) as MonitorSeries['ended'],
    usedBytes: column(({ memory }) => memory.usedBytes),
    maxBytes: column(({ memory }) => memory.maxBytes),
  };
}
