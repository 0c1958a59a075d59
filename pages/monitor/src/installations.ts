import { byId, h, svg } from './dom.js';
import { count, relative } from './format.js';
import type { MonitorState } from './model.js';
import type { Column } from './series.js';

type Installation = NonNullable<MonitorState['installations']>[number];

/** One that has not said for so long that it runs, does not. @unit milliseconds */
const AWAY_MS = 3 * 60_000;

/** All installations of this Redis, each with its live sessions and their last day; a click shows one. */
export class InstallationTabs {
  #list: readonly Installation[] = [];
  readonly #days = new Map<string, Column>();

  constructor(
    private selected: string,
    private readonly onSelect: (application: string) => void,
  ) {}

  /** Names of all. */
  get names(): readonly string[] {
    return this.#list.map(({ application }) => application);
  }

  /** Whether there is more than the one that asks. */
  get isOffered(): boolean {
    return this.#list.length > 1;
  }

  live(application: string): number | null {
    return this.#list.find((one) => one.application === application)?.live ?? null;
  }

  show(list: readonly Installation[]): void {
    this.#list = list;
    this.#draw();
  }

  /** Gives one its last 24 hours. */
  showDay(application: string, live: Column): void {
    this.#days.set(application, live);
    this.#draw();
  }

  #draw(): void {
    const nav = byId('installations');
    nav.hidden = !this.isOffered;
    if (nav.hidden) return;
    const known = new Map(
      [...nav.querySelectorAll('button')].map((button) => [button.dataset['application'] ?? '', button]),
    );
    const focused =
      document.activeElement instanceof HTMLElement ? document.activeElement.dataset['application'] : undefined;
    nav.replaceChildren(...this.#list.map((one) => this.#tab(one, known.get(one.application))));
    if (focused !== undefined)
      nav.querySelector<HTMLElement>(`button[data-application="${CSS.escape(focused)}"]`)?.focus();
  }

  #tab(
    { application, live, seenAtMs, isCurrent }: Installation,
    known: HTMLButtonElement | undefined,
  ): HTMLButtonElement {
    const button = known ?? this.#newTab(application);
    const isAway = Date.now() - seenAtMs > AWAY_MS;
    button.setAttribute('aria-pressed', String(application === this.selected));
    button.replaceChildren(
      h('span', { class: 'tab-name' }, application, isCurrent ? h('span', { class: 'badge' }, 'this one') : null),
      h('span', { class: 'tab-live' }, count(live)),
      h('span', { class: 'muted' }, isAway ? `last ran ${relative(seenAtMs)}` : 'live'),
      spark(this.#days.get(application) ?? []),
    );
    return button;
  }

  #newTab(application: string): HTMLButtonElement {
    const button = h('button', { type: 'button', 'data-application': application });
    button.addEventListener('click', () => {
      this.selected = application;
      this.#draw();
      this.onSelect(application);
    });
    return button;
  }
}

/** A day as a small line; what is missing is a gap. */
function spark(column: Column): SVGElement {
  const highest = Math.max(1, ...column.map((value) => value ?? 0));
  let path = '';
  column.forEach((value, index) => {
    if (value === null) return;
    const isFirst = (column[index - 1] ?? null) === null;
    const x = (index / Math.max(1, column.length - 1)) * 100;
    path += `${isFirst ? 'M' : 'L'}${x.toFixed(1)} ${(23 - (value / highest) * 20).toFixed(1)}`;
  });
  return svg(
    'svg',
    { viewBox: '0 0 100 24', preserveAspectRatio: 'none', class: 'spark', 'aria-hidden': 'true' },
    svg('path', { d: path }),
  );
}
