import { offerActions } from './actions.js';
import { ApiError, listen, read } from './api.js';
import { announce } from './announcer.js';
import { CapacityView } from './capacity.js';
import { byId, setText } from './dom.js';
import { showFindings } from './findings.js';
import { HistoryCharts, type Range } from './history.js';
import { InstallationTabs } from './installations.js';
import type { MonitorSetup, MonitorState, TimelineEntry } from './model.js';
import { showCount, showSnapshot, showState } from './overview.js';
import { showTimeline } from './timeline.js';
import { TopologyPicture } from './topology.js';
import { UserSessions } from './users.js';

/** The history has a new value each minute. */
const HISTORY_MS = 60_000;

/** What did not answer is asked for again. */
const RETRY_MS = 3000;

/** Numbers of another installation, which the stream does not bring. */
const OTHER_MS = 5000;

const CONNECTIONS = {
  open: { tone: 'ok', text: 'live' },
  lost: { tone: 'warn', text: 'reconnecting …' },
  refused: { tone: 'error', text: 'no access any more: load the page again' },
} as const;

/** The page: brings together what the stream sends and what is asked for. */
class Monitor {
  readonly #charts = new HistoryCharts();
  readonly #capacity = new CapacityView();
  readonly #topology = new TopologyPicture();
  readonly #tabs: InstallationTabs;
  #selected: string;
  #range: Range = 'hour';
  #instance = '';
  #timeline: readonly TimelineEntry[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly setup: MonitorSetup) {
    const { application } = setup;
    this.#selected = application;
    setText(byId('title'), application);
    this.#tabs = new InstallationTabs(application, (selected) => {
      this.#selected = selected;
      setText(byId('title'), selected);
      void this.#refresh();
      void this.#askOther();
    });
    offerActions(setup);
    new UserSessions(setup.actions.includes('revoke'));
    byId('examine').addEventListener('click', () => void showFindings(true));
    for (const button of byId('ranges').querySelectorAll('button')) {
      button.addEventListener('click', () => {
        this.#choose(button.dataset['range'] as Range);
      });
    }
  }

  start(): void {
    listen({
      onState: (state) => {
        this.#show(state);
      },
      onTimeline: (entries) => {
        this.#timeline = entries;
        showTimeline(entries, this.#instance);
      },
      onConnection: (state) => {
        const { tone, text } = CONNECTIONS[state];
        byId('stream').dataset['tone'] = tone;
        setText(byId('stream-text'), text);
        byId('main').classList.toggle('stale', state !== 'open');
        if (state !== 'open') announce(text);
      },
    });
    if (this.setup.storage !== 'redis') return;
    void this.#refresh();
    void showFindings(false);
    setInterval(() => void this.#askOther(), OTHER_MS);
    setInterval(() => void showFindings(false), HISTORY_MS);
  }

  #show(state: MonitorState): void {
    if (this.#instance !== state.instance) {
      this.#instance = state.instance;
      showTimeline(this.#timeline, state.instance);
    }
    showState(state);
    this.#topology.show(state);
    const areNew = state.installations !== null && state.installations.length !== this.#tabs.names.length;
    if (state.installations) this.#tabs.show(state.installations);
    if (areNew) void this.#refreshDays();
    const { snapshot } = state;
    if (this.#selected !== this.setup.application) return;
    if (snapshot) {
      showSnapshot(snapshot);
      this.#charts.showNow(snapshot);
    } else if (state.status === null) showCount(state.live);
  }

  #choose(range: Range): void {
    this.#range = range;
    for (const button of byId('ranges').querySelectorAll('button')) {
      button.setAttribute('aria-pressed', String(button.dataset['range'] === range));
    }
    void this.#refresh();
  }

  /** Asks for everything that the stream does not bring; soon again when Redis does not answer now. */
  async #refresh(): Promise<void> {
    const [application, range] = [this.#selected, this.#range];
    clearTimeout(this.#timer);
    const isShown = (): boolean => application === this.#selected && range === this.#range;
    const isAnswered = await Promise.all([
      quietly(async () => {
        const history = await read('history', { application, range });
        if (isShown()) this.#charts.show(history, range);
      }),
      quietly(async () => {
        const [capacity, quarter] = await Promise.all([
          read('capacity', { application }),
          read('history', { application, range: 'quarter' }),
        ]);
        if (isShown()) this.#capacity.show(capacity, quarter);
      }),
    ]);
    if (!isShown()) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#refresh(), isAnswered.every(Boolean) ? HISTORY_MS : RETRY_MS);
    await this.#refreshDays();
  }

  async #refreshDays(): Promise<void> {
    if (!this.#tabs.isOffered) return;
    for (const application of this.#tabs.names) {
      await quietly(async () => {
        const { live } = await read('history', { application, range: 'day' });
        this.#tabs.showDay(
          application,
          live.filter((_value, index) => index % 10 === 0),
        );
      });
    }
  }

  async #askOther(): Promise<void> {
    const application = this.#selected;
    if (application === this.setup.application) return;
    await quietly(async () => {
      const snapshot = await read('snapshot', { application });
      if (application === this.#selected) showSnapshot(snapshot);
    });
  }
}

/** Whether it was answered. What does not answer now is asked for again later; the top of the page says why. */
async function quietly(run: () => Promise<void>): Promise<boolean> {
  try {
    await run();
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return false;
  }
}

try {
  new Monitor(await read('setup')).start();
} catch (error) {
  if (!(error instanceof ApiError)) throw error;
  setText(byId('stream-text'), error.message);
  announce(error.message);
}
