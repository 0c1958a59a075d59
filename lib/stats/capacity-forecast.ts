import type { SessionSample } from './session-history.js';

/** The outlook of Redis's memory. @public */
export interface SessionForecast {
  /**
   * `growing`: memory will be full at `fullAtMs`; `steady`: it does not grow; `full`: the daily peak is over the limit already;
   * `unlimited`: there is no `maxmemory`; `unknown`: less than three days of history, or the server does not say.
   */
  readonly state: 'growing' | 'steady' | 'full' | 'unlimited' | 'unknown';
  /** When the daily peak reaches the limit at the present growth: epoch milliseconds; `null` unless it grows. */
  readonly fullAtMs: number | null;
  /** Growth of the daily peak, or `null` when it is not known. @unit bytes per day */
  readonly bytesPerDay: number | null;
  /** Days of history that it is made from. */
  readonly days: number;
}

const DAY_MS = 86_400_000;

/** Fewer days say nothing about a growth. */
const MIN_DAYS = 3;

/** Growth of older days says little about the present one; two weeks hold each day of the week twice. */
const MAX_DAYS = 14;

/** A fuller horizon is no forecast any more. */
const HORIZON_DAYS = 10 * 365;

/**
 * The day when memory is full at the present growth, at the daily peak.
 *
 * @remarks
 * Of each day the highest memory counts, so that nights do not hide what days need. The growth is the median of the slopes
 * between all pairs of days (Theil and Sen): one day of an incident does not move it, as it would the least squares.
 *
 * @internal
 */
export function forecastMemory(samples: readonly (SessionSample | null)[]): SessionForecast {
  const peaks = dailyPeaks(samples);
  const days = peaks.length;
  const last = samples.findLast((sample) => sample !== null);
  const maxBytes = last?.memory.maxBytes ?? null;
  const peak = peaks.at(-1);
  const none = { fullAtMs: null, bytesPerDay: null, days };
  if (last?.memory.usedBytes == null || !peak) return { state: 'unknown', ...none };
  const bytesPerDay = days < MIN_DAYS ? null : medianSlope(peaks);
  if (maxBytes === null) return { state: 'unlimited', ...none, bytesPerDay };
  // Of the last two days: the present one may not have had its peak yet.
  const present = Math.max(peak.bytes, peaks.at(-2)?.bytes ?? 0);
  if (present >= maxBytes) return { state: 'full', ...none, bytesPerDay };
  if (bytesPerDay === null) return { state: 'unknown', ...none };
  const restDays = (maxBytes - present) / bytesPerDay;
  if (bytesPerDay <= 0 || restDays > HORIZON_DAYS) return { state: 'steady', ...none, bytesPerDay };
  return { state: 'growing', fullAtMs: Math.round(last.atMs + restDays * DAY_MS), bytesPerDay, days };
}

interface DailyPeak {
  readonly day: number;
  readonly bytes: number;
}

/** The highest memory of each of the last days that have any sample. */
function dailyPeaks(samples: readonly (SessionSample | null)[]): readonly DailyPeak[] {
  const peaks = new Map<number, number>();
  for (const sample of samples) {
    const bytes = sample?.memory.usedBytes ?? null;
    if (!sample || bytes === null) continue;
    const day = Math.floor(sample.atMs / DAY_MS);
    peaks.set(day, Math.max(peaks.get(day) ?? 0, bytes));
  }
  return [...peaks].map(([day, bytes]) => ({ day, bytes })).slice(-MAX_DAYS);
}

function medianSlope(peaks: readonly DailyPeak[]): number {
  // The present day is not over: its peak so far would pull the growth down each morning.
  const whole = peaks.length > MIN_DAYS ? peaks.slice(0, -1) : peaks;
  const slopes = whole.flatMap((a, index) => whole.slice(index + 1).map((b) => (b.bytes - a.bytes) / (b.day - a.day)));
  slopes.sort((a, b) => a - b);
  const middle = Math.floor(slopes.length / 2);
  const upper = slopes[middle] ?? 0;
  return slopes.length % 2 === 1 ? upper : (upper + (slopes[middle - 1] ?? 0)) / 2;
}
