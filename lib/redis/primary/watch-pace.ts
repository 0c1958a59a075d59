/**
 * How closely nodes and Sentinels are looked at: `calm` in peace, `close` while a primary acknowledges changes alone, `alert`
 * while a primary is looked for or changes are held.
 *
 * @internal
 */
export type WatchPace = 'calm' | 'close' | 'alert';

/** Time between two questions at each pace. @internal @unit milliseconds */
export type WatchPeriods = Readonly<Record<WatchPace, number>>;
