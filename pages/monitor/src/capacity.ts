import { Chart } from './chart.js';
import { byId, h, setFacts, setText } from './dom.js';
import { bytes, count, day, moment, relative } from './format.js';
import type { MonitorSeries, Reads } from './model.js';
import { timesOf } from './series.js';

type Capacity = Reads['capacity'];

const DAY_MS = 86_400_000;

/** Round sizes. */
const POWERS = Array.from({ length: 50 }, (_, power) => 2 ** power);

/** How far the forecast is drawn. */
const AHEAD_MS = 30 * DAY_MS;

/** How full Redis is, how it came to that, and where it goes. */
export class CapacityView {
  readonly #chart = new Chart(byId('memory-chart'), {
    axis: bytes,
    axisSteps: POWERS,
    axisWidth: 66,
    series: [
      { label: 'Memory', colour: 'accent', kind: 'area', show: bytes },
      { label: 'Forecast', colour: 'third', kind: 'dashed', show: bytes, spansGaps: true },
      { label: 'Limit', colour: 'danger', kind: 'dashed', show: bytes, spansGaps: true },
    ],
  });

  /** Shows the capacity, with the history of 90 days. */
  show(capacity: Capacity, quarter: MonitorSeries): void {
    const { memory, room, peaks } = capacity;
    this.#showMeter(memory.usedBytes, memory.maxBytes);
    setText(byId('capacity-note'), memory.maxBytes === null ? 'no limit' : `of ${bytes(memory.maxBytes)}`);
    setText(byId('forecast'), forecastText(capacity));
    setFacts(byId('capacity-facts'), [
      ['A session takes', memory.sessionBytes === null ? 'not sampled yet' : bytes(Math.round(memory.sessionBytes))],
      ['Room for', room === null ? 'unknown' : `${count(room)} more`],
      ['Peak of 24 h', peaks.day ? `${count(peaks.day.live)}, ${moment(peaks.day.atMs)}` : '–'],
      ['Peak of 90 d', peaks.quarter ? `${count(peaks.quarter.live)}, ${day(peaks.quarter.atMs)}` : '–'],
    ]);
    this.#draw(capacity, quarter);
  }

  #showMeter(used: number | null, most: number | null): void {
    const share = used !== null && most ? Math.min(1, used / most) : null;
    const fill = h('div', {
      class: 'meter-fill',
      'data-tone': share === null ? 'idle' : share > 0.9 ? 'error' : share > 0.75 ? 'warn' : 'ok',
    });
    fill.style.width = `${((share ?? 0) * 100).toFixed(1)}%`;
    const text = share === null ? bytes(used) : `${bytes(used)}, ${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
    const attributes = {
      class: 'meter',
      role: 'meter',
      'aria-label': 'Memory used',
      'aria-valuemin': 0,
      'aria-valuemax': 100,
      'aria-valuenow': Math.round((share ?? 0) * 100),
      'aria-valuetext': text,
    };
    byId('memory').replaceChildren(h('p', { class: 'used' }, text), h('div', attributes, fill));
  }

  #draw({ memory, forecast }: Capacity, quarter: MonitorSeries): void {
    const now = Date.now();
    const times = timesOf(quarter);
    // Before the first hour is over there is nothing to draw, and the present is a point of its own.
    const used = [...quarter.usedBytes, memory.usedBytes];
    const end = Math.min(now + AHEAD_MS, forecast.fullAtMs ?? Infinity);
    const ahead =
      forecast.bytesPerDay === null || memory.usedBytes === null
        ? null
        : memory.usedBytes + (forecast.bytesPerDay * (end - now)) / DAY_MS;
    const at = [...times, now / 1000, end / 1000];
    const rest = times.map(() => null);
    const highest = Math.max(0, ahead ?? 0, ...used.map((value) => value ?? 0));
    // A limit far above would press everything else to the ground: the bar shows it anyway.
    const limit = memory.maxBytes !== null && memory.maxBytes < highest * 4 ? memory.maxBytes : null;
    const first = times.find((_time, index) => quarter.usedBytes[index] !== null) ?? now / 1000 - 3600;
    const data = [
      at,
      [...used, null],
      [...rest, ahead === null ? null : memory.usedBytes, ahead],
      at.map((time) => (time === at[0] || time === at.at(-1) || time === now / 1000 ? limit : null)),
    ];
    const until = ahead === null ? now / 1000 : end / 1000;
    this.#chart.show(
      data,
      [first, until],
      `Memory of Redis in the last 90 days. ${forecastText({ memory, forecast })}`,
    );
  }
}

function forecastText({ memory, forecast }: Pick<Capacity, 'memory' | 'forecast'>): string {
  const { state, fullAtMs, bytesPerDay, days } = forecast;
  const growth =
    bytesPerDay === null ? '' : `${bytesPerDay < 0 ? '−' : '+'}${bytes(Math.abs(Math.round(bytesPerDay)))} a day`;
  switch (state) {
    case 'growing':
      return `Full on ${day(fullAtMs ?? 0)} (${relative(fullAtMs ?? 0)}) at the present growth, ${growth}.`;
    case 'steady':
      return `Steady: it does not fill up at the present growth, ${growth}.`;
    case 'full':
      return 'The daily peak has reached the limit already.';
    case 'unlimited':
      return `Redis has no maxmemory: it takes what the machine has${growth === '' ? '' : `, ${growth}`}.`;
    case 'unknown':
      return memory.usedBytes === null
        ? 'Redis does not say how much memory it uses.'
        : `A forecast needs three days of history; there ${days === 1 ? 'is 1' : `are ${days}`}.`;
  }
}
