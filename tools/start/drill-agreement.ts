import type { MonitorSeries } from '../../lib/monitor/monitor-series.js';
import type { SessionSnapshot } from '../../lib/stats/session.stats.js';
import { pollUntil } from '../redis-lab/poll.js';
import { DrillClient } from './drill-client.js';
import { DrillTally } from './drill-tally.js';

/** What the users know: each number is of what was acknowledged to them. */
export interface KnownSessions {
  readonly live: number;
  readonly logins: number;
  readonly logouts: number;
}

/** A scrape may show what Redis said a second ago. */
const FRESH_MS = 5_000;

/** A minute's sample, with whatever delays it on a busy machine. */
const SAMPLE_MS = 150_000;

/**
 * Compares what the portal tells operators with what its users know, to the session: the monitor's numbers, the metrics of each
 * instance, and the history that the charts are drawn from. One administrator looks, whose own session is among them.
 */
export class DrillAgreement {
  /** How many numbers were compared. */
  compared = 0;
  readonly #instances: readonly string[];
  readonly #operator: DrillClient;
  /** Sessions that had begun by the first sample: the history knows what began after it. */
  #begunBefore = 0;

  constructor(instances: readonly string[]) {
    this.#instances = instances;
    this.#operator = new DrillClient(instances, new DrillTally(), 0);
  }

  /** Signs the administrator in and waits for the first sample, before anybody else is there. */
  async open(): Promise<void> {
    await this.#operator.post('/sign-in', { user: 'devika', password: 'portal' }, '/');
    const live = await pollUntil('the first sample', async () => lastOf((await this.#history()).live) ?? undefined, {
      timeoutMs: SAMPLE_MS,
      intervalMs: 500,
    });
    this.#begunBefore = live;
  }

  /** What differs now, while nobody changes anything; empty: nothing. */
  async differences(known: KnownSessions): Promise<readonly string[]> {
    const { live, total } = (await this.#ask('snapshot')) as SessionSnapshot;
    const shown = { live, created: total.created, logout: total.ended.logout };
    const found = this.#compare('the monitor', shown, known);
    for (const instance of this.#instances) {
      const read = async (): Promise<readonly string[]> =>
        this.#compare(`the metrics of ${instance}`, await metricsOf(instance), known);
      await pollUntil('the metrics', async () => (await read()).length === 0, { timeoutMs: FRESH_MS }).catch(
        () => undefined,
      );
      found.push(...(await read()));
    }
    return found;
  }

  /** What differs in the history by the next sample, until which nobody changes anything. */
  async historyDifferences(known: KnownSessions): Promise<readonly string[]> {
    const sinceMs = Date.now();
    const history = await pollUntil(
      'the sample of a minute in which nobody does anything',
      async () => {
        const series = await this.#history();
        const lastIndex = series.live.findLastIndex((value) => value !== null);
        return series.fromMs + lastIndex * series.stepMs > sinceMs && series;
      },
      { timeoutMs: SAMPLE_MS, intervalMs: 500 },
    );
    const first = history.live.findIndex((value) => value !== null);
    const gaps = history.live
      .slice(
        first,
        history.live.findLastIndex((value) => value !== null),
      )
      .filter((value) => value === null);
    const shown = {
      live: lastOf(history.live) ?? 0,
      created: this.#begunBefore + sumOf(history.created),
      logout: sumOf(history.ended.logout),
    };
    return [
      ...this.#compare('the history', shown, known),
      ...(gaps.length > 0 ? [`the history lacks ${gaps.length} minutes`] : []),
    ];
  }

  #compare(
    where: string,
    shown: { readonly live: number; readonly created: number; readonly logout: number },
    known: KnownSessions,
  ): string[] {
    // The administrator's session is one more.
    const expected = { live: known.live + 1, created: known.logins + 1, logout: known.logouts };
    return (Object.keys(expected) as (keyof typeof expected)[]).flatMap((name) => {
      this.compared++;
      return shown[name] === expected[name] ? [] : [`${where}: ${name} is ${shown[name]} instead of ${expected[name]}`];
    });
  }

  async #history(): Promise<MonitorSeries> {
    return (await this.#ask('history?range=hour')) as MonitorSeries;
  }

  async #ask(path: string): Promise<unknown> {
    const answer = await this.#operator.get(`/monitor/api/${path}`, 200);
    if (!answer) throw new Error(`The monitor does not answer ${path}`);
    return JSON.parse(answer.body) as unknown;
  }
}

async function metricsOf(instance: string): Promise<{ live: number; created: number; logout: number }> {
  const text = await (await fetch(`${instance}/metrics`)).text();
  const sum = (pattern: string): number =>
    [...text.matchAll(new RegExp(`^${pattern} (\\S+)$`, 'gm'))].reduce((all, [, value]) => all + Number(value), 0);
  return {
    live: sum('session_live\\{[^}]*\\}'),
    created: sum('session_created_total\\{[^}]*\\}'),
    logout: sum('session_ended_total\\{[^}]*reason="logout"[^}]*\\}'),
  };
}

function lastOf(column: readonly (number | null)[]): number | null {
  return column.findLast((value) => value !== null) ?? null;
}

function sumOf(column: readonly (number | null)[]): number {
  return column.reduce<number>((sum, value) => sum + (value ?? 0), 0);
}
