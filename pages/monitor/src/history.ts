import { Chart } from './chart.js';
import { byId, h, setText } from './dom.js';
import { count, moment, short } from './format.js';
import type { MonitorSeries } from './model.js';
import { highest, latest, stacked, summed, timesOf, total } from './series.js';
import type { Column } from './series.js';

/** What the charts can show. */
export type Range = 'hour' | 'day' | 'quarter';

/** Length of each, and how many steps one bar and one row of a table stand for. */
const RANGES: Readonly<Record<Range, RangeLook>> = {
  hour: { backMs: 3_600_000, lineSteps: 1, barSteps: 1, rowSteps: 1, words: 'the last hour' },
  day: { backMs: 86_400_000, lineSteps: 1, barSteps: 10, rowSteps: 30, words: 'the last 24 hours' },
  quarter: { backMs: 90 * 86_400_000, lineSteps: 24, barSteps: 24, rowSteps: 24, words: 'the last 90 days' },
};

interface RangeLook {
  readonly backMs: number;
  /** Of so many steps the line shows the highest: nights would hide what days need. */
  readonly lineSteps: number;
  readonly barSteps: number;
  readonly rowSteps: number;
  readonly words: string;
}

const REASONS = ['logout', 'expired', 'revoked', 'limit', 'rotated'] as const;
const NAMES = { logout: 'Logout', expired: 'Expired', revoked: 'Revoked', limit: 'Limit', rotated: 'New id' } as const;

/** The charts of live sessions, and of those that began and ended. */
export class HistoryCharts {
  readonly #live = new Chart(byId('live-chart'), {
    axis: short,
    series: [
      { label: 'Live', colour: 'accent', kind: 'area', show: count },
      { label: 'Signed in', colour: 'second', kind: 'line', show: count },
      { label: 'Active', colour: 'third', kind: 'dashed', show: count },
    ],
  });
  // The whole stack first, so that each shorter one stands before it.
  readonly #flow = new Chart(byId('flow-chart'), {
    axis: (value) => short(Math.abs(value)),
    series: [
      { label: 'Began', colour: 'ok', kind: 'bars', show: count },
      ...REASONS.toReversed().map((reason) => ({
        label: NAMES[reason],
        colour: reason,
        kind: 'bars' as const,
        show: count,
      })),
    ],
  });
  #series: MonitorSeries | null = null;
  #range: Range = 'hour';

  /** Shows a history. */
  show(series: MonitorSeries, range: Range): void {
    this.#series = series;
    this.#range = range;
    this.#showLive(null);
    this.#showFlow(series, range);
    this.#showTables(series, range);
  }

  /** Moves the end of the line: what is live now. */
  showNow(now: { atMs: number; live: number; authenticated: number; active: number }): void {
    this.#showLive(now);
  }

  #showLive(now: { atMs: number; live: number; authenticated: number; active: number } | null): void {
    const series = this.#series;
    if (!series) return;
    const { words, lineSteps } = RANGES[this.#range];
    const isFine = lineSteps === 1;
    const every = (column: Column): Column => (isFine ? column : highest(column, lineSteps));
    const ends = now ? [now.live, now.authenticated, now.active] : [null, null, null];
    const columns = [isFine ? series.live : series.peak, series.authenticated, series.active].map((column, index) => [
      ...every(column),
      ends[index] ?? null,
    ]);
    const times = timesOf(series).filter((_time, index) => index % lineSteps === 0);
    const peak = latest(highest(series.peak, series.peak.length));
    setText(byId('live-note'), isFine ? '' : 'the highest of each day');
    const label = `Live sessions in ${words}: ${count(now?.live ?? latest(series.live))} now, at most ${count(peak)}.`;
    this.#live.show([[...times, (now?.atMs ?? Date.now()) / 1000], ...columns], this.#window(), label);
  }

  #showFlow(series: MonitorSeries, range: Range): void {
    const { barSteps, words } = RANGES[range];
    const times = timesOf(series).filter((_time, index) => index % barSteps === 0);
    const began = summed(series.created, barSteps);
    const ended = stacked(REASONS.map((reason) => summed(series.ended[reason], barSteps)));
    const below = ended.toReversed().map((column) => column.map((value) => (value === null ? null : -value)));
    const allEnded = REASONS.reduce((sum, reason) => sum + total(series.ended[reason]), 0);
    setText(byId('flow-note'), `${count(total(series.created))} began, ${count(allEnded)} ended in ${words}`);
    this.#flow.show([times, began, ...below], this.#window(), `Sessions that began and ended in ${words}.`);
  }

  #showTables(series: MonitorSeries, range: Range): void {
    const { rowSteps } = RANGES[range];
    const at = timesOf(series).filter((_time, index) => index % rowSteps === 0);
    const every = (column: Column): Column => column.filter((_value, index) => index % rowSteps === 0);
    fill('live-values', ['Live', 'Highest', 'Signed in', 'Active'], at, [
      every(series.live),
      every(series.peak),
      every(series.authenticated),
      every(series.active),
    ]);
    fill('flow-values', ['Began', ...REASONS.map((reason) => NAMES[reason])], at, [
      summed(series.created, rowSteps),
      ...REASONS.map((reason) => summed(series.ended[reason], rowSteps)),
    ]);
  }

  #window(): readonly [number, number] {
    const now = Date.now() / 1000;
    return [now - RANGES[this.#range].backMs / 1000, now];
  }
}

/** The same numbers for those who cannot see, or do not trust, a picture; newest first. */
function fill(id: string, names: readonly string[], times: readonly number[], columns: readonly Column[]): void {
  const rows = times.map((time, index) =>
    h(
      'tr',
      {},
      h('th', { scope: 'row' }, moment(time * 1000)),
      ...columns.map((column) => h('td', {}, count(column[index]))),
    ),
  );
  const head = h('tr', {}, ...['Time', ...names].map((name) => h('th', { scope: 'col' }, name)));
  byId(id)
    .querySelector('.scroll')
    ?.replaceChildren(h('table', {}, h('thead', {}, head), h('tbody', {}, ...rows.toReversed())));
}
