import uPlot from 'uplot';
import { h } from './dom.js';
import { axisTime, moment } from './format.js';
import { colour, onThemeChange } from './theme.js';

/** One line, area or bar of a chart; colours are names of the style sheet. */
export interface ChartSeries {
  readonly label: string;
  readonly colour: string;
  readonly kind: 'area' | 'line' | 'dashed' | 'bars';
  readonly show: (value: number) => string;
  /** Whether a line goes on over what is missing: where nothing is expected in between. */
  readonly spansGaps?: boolean;
}

/** How a chart looks. */
export interface ChartLook {
  readonly series: readonly ChartSeries[];
  /** Text of a value on the axis. */
  readonly axis: (value: number) => string;
  /** Distances of marks that may be chosen. @defaultValue round numbers */
  readonly axisSteps?: readonly number[];
  /** Room for these texts. @defaultValue 46 pixels */
  readonly axisWidth?: number;
}

/** Times in seconds, then a column for each series. */
export type ChartData = readonly (readonly (number | null)[])[];

const FONT = '11px system-ui, sans-serif';

/** A chart over time that fits its place, has the colours of the page, and shows gaps as gaps. */
export class Chart {
  /** Fills the container, whose size does not depend on it. */
  readonly #place = h('div', { class: 'plot' });
  #plot: uPlot | null = null;
  #data: ChartData | null = null;
  #range: readonly [number, number] = [0, 1];

  constructor(
    private readonly container: HTMLElement,
    private readonly look: ChartLook,
  ) {
    container.append(this.#place);
    new ResizeObserver(() => {
      this.#fit();
    }).observe(container);
    onThemeChange(() => {
      this.#plot?.destroy();
      this.#plot = null;
      if (this.#data) this.show(this.#data, this.#range, this.container.getAttribute('aria-label') ?? '');
    });
  }

  /** Shows other data; `range` in seconds, `label` for those who do not see it. */
  show(data: ChartData, range: readonly [number, number], label: string): void {
    this.#data = data;
    this.#range = range;
    this.container.setAttribute('role', 'group');
    this.container.setAttribute('aria-label', label);
    if (this.#plot) this.#plot.setData(data as uPlot.AlignedData);
    else {
      this.#plot = new uPlot(this.#options(), data as uPlot.AlignedData, this.#place);
      this.#fit();
    }
  }

  #fit(): void {
    const legend = this.#place.querySelector<HTMLElement>('.u-legend')?.offsetHeight ?? 0;
    const { clientWidth, clientHeight } = this.container;
    if (clientWidth === 0) return;
    this.#plot?.setSize({ width: clientWidth, height: Math.max(90, clientHeight - legend - 8) });
  }

  #options(): uPlot.Options {
    const line = colour('line');
    const axis = {
      stroke: colour('muted'),
      font: FONT,
      grid: { stroke: line, width: 1 },
      ticks: { stroke: line, width: 1, size: 4 },
    };
    return {
      width: Math.max(200, this.container.clientWidth),
      height: 200,
      padding: [8, 8, 0, 0],
      cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
      legend: { live: true },
      scales: {
        x: { time: true, range: () => [this.#range[0], this.#range[1]] },
        y: { range: (_plot, min: number | null, max: number | null) => rangeOf(min ?? 0, max ?? 0) },
      },
      axes: [
        {
          ...axis,
          space: 64,
          size: 30,
          values: (_plot, splits, _index, _space, step) => splits.map((at) => axisTime(at, step)),
        },
        {
          ...axis,
          ...(this.look.axisSteps && { incrs: [...this.look.axisSteps] }),
          size: this.look.axisWidth ?? 46,
          values: (_plot, splits) => splits.map((value) => this.look.axis(value)),
        },
      ],
      series: [{ label: 'Time', value: timeOf }, ...this.look.series.map(seriesOf)],
    };
  }
}

function timeOf(_plot: uPlot, value: number | null): string {
  return value == null ? '–' : moment(value * 1000);
}

function rangeOf(min: number, max: number): [number, number] {
  const low = min < 0 ? min * 1.12 : 0;
  // A single session is a level, not the whole height.
  return [low, Math.max(max * 1.12, low < 0 ? 0 : 4)];
}

function seriesOf({ label, colour: name, kind, show, spansGaps = false }: ChartSeries): uPlot.Series {
  const stroke = colour(name);
  const shared: uPlot.Series = {
    label,
    stroke,
    spanGaps: spansGaps,
    width: 1.75,
    points: { show: (plot, index) => isLonely(plot.data[index] ?? []), size: 5, fill: stroke },
    value: (_plot, value: number | null) => (value == null ? '–' : show(value)),
  };
  if (kind === 'dashed') return { ...shared, dash: [6, 5] };
  if (kind === 'area') return { ...shared, width: 2, fill: `color-mix(in srgb, ${stroke} 14%, transparent)` };
  if (kind === 'line') return shared;
  const paths = uPlot.paths.bars?.({ size: [0.72, 26], radius: 0.15 });
  return { ...shared, width: 0, fill: stroke, points: { show: false }, ...(paths && { paths }) };
}

/** A line through so few values would be hard to see. */
function isLonely(values: ArrayLike<unknown>): boolean {
  return Array.from(values).filter((value) => value !== null).length < 4;
}
