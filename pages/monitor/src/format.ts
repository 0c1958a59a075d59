const WHOLE = new Intl.NumberFormat('en');
const SHORT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const MOMENT = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
const DAY = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium' });

/** A number of sessions, or a dash. */
export const count = (value: number | null | undefined): string => (value == null ? '–' : WHOLE.format(value));

/** A number on an axis. */
export const short = (value: number): string => SHORT.format(value);

/** Time of the day. */
export const clock = (atMs: number): string => CLOCK.format(atMs);

/** Day and time. */
export const moment = (at: number | string): string => MOMENT.format(new Date(at));

/** A day. */
export const day = (atMs: number): string => DAY.format(atMs);

const HOUR = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const DATE = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

/** A time on an axis whose marks are so many seconds apart; a day's first mark is the day. */
export function axisTime(atSeconds: number, stepSeconds: number): string {
  const at = new Date(atSeconds * 1000);
  const isMidnight = at.getHours() === 0 && at.getMinutes() === 0;
  return stepSeconds >= 86_400 || isMidnight ? DATE.format(at) : HOUR.format(at);
}

/** A duration as people say it. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 2 * 86_400_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} days`;
}

/** How long ago, or from now. */
export function relative(at: number | string): string {
  const ms = Date.now() - new Date(at).getTime();
  if (Math.abs(ms) < 1000) return 'now';
  return ms > 0 ? `${duration(ms)} ago` : `in ${duration(-ms)}`;
}

/** A size. */
export function bytes(value: number | null | undefined): string {
  if (value == null) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
  const scaled = value / 1024 ** power;
  return `${power === 0 ? Math.round(scaled) : scaled.toFixed(scaled < 10 ? 2 : scaled < 100 ? 1 : 0)} ${units[power] ?? ''}`;
}

/** A number with its noun. */
export const counted = (value: number, noun: string): string => `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
