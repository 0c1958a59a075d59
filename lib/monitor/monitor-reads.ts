import { Inject, Injectable } from '@nestjs/common';
import { SESSION_EXAMINER, SESSION_OPTIONS } from '../core/session.tokens.js';
import type { SessionExamination, SessionExaminer } from '../doctor/session-examination.js';
import type { ResolvedSessionOptions } from '../options/resolved-session.options.js';
import type { SessionHistoryResolution } from '../stats/session-history.js';
import { SessionStats } from '../stats/session.stats.js';
import type { MonitorHandler, MonitorRequest } from './monitor-answer.js';
import { MonitorRefusal } from './monitor-answer.js';
import type { MonitorSeries } from './monitor-series.js';
import { seriesOf } from './monitor-series.js';
import { MONITOR_OPTIONS } from './monitor.tokens.js';
import type { ResolvedSessionMonitorOptions, SessionMonitorAction } from './session-monitor.options.js';

/** What the page asks for once. @internal */
export interface MonitorSetup {
  readonly application: string;
  /** Where the sessions live. */
  readonly storage: 'redis' | 'elsewhere';
  /** `false`: there are no Sentinels that could be asked. */
  readonly canFailOver: boolean;
  readonly actions: readonly SessionMonitorAction[];
}

/** Histories by the page's names for them; how far back each goes. */
const RANGES: Readonly<Record<string, { resolution: SessionHistoryResolution; backMs: number }>> = {
  hour: { resolution: 'minutes', backMs: 3_600_000 },
  day: { resolution: 'minutes', backMs: 86_400_000 },
  quarter: { resolution: 'hours', backMs: 90 * 86_400_000 },
};

/** All that the page asks for, by name; nothing here changes anything. @internal */
@Injectable()
export class MonitorReads {
  readonly handlers: ReadonlyMap<string, MonitorHandler> = new Map<string, MonitorHandler>([
    ['setup', () => Promise.resolve(this.setup())],
    ['snapshot', async (request) => (await this.statsOf(request)).snapshot()],
    ['history', (request) => this.history(request)],
    ['capacity', async (request) => (await this.statsOf(request)).capacity()],
    ['findings', (request) => this.findings(request)],
  ]);

  constructor(
    @Inject(MONITOR_OPTIONS) private readonly monitor: ResolvedSessionMonitorOptions,
    @Inject(SESSION_OPTIONS) private readonly sessions: ResolvedSessionOptions,
    @Inject(SessionStats) private readonly stats: SessionStats,
    @Inject(SESSION_EXAMINER) private readonly examiner: SessionExaminer,
  ) {}

  private setup(): MonitorSetup {
    const { application, redis } = this.sessions;
    const { actions } = this.monitor;
    const canFailOver = redis?.topology.kind === 'sentinel';
    return { application, storage: redis ? 'redis' : 'elsewhere', canFailOver, actions };
  }

  private async history(request: MonitorRequest): Promise<MonitorSeries> {
    const range = RANGES[textOf(request, 'range')];
    if (!range) throw new MonitorRefusal(400, `\`range\` is one of ${Object.keys(RANGES).join(', ')}.`);
    const stats = await this.statsOf(request);
    return seriesOf(await stats.history(range.resolution, { fromMs: Date.now() - range.backMs }));
  }

  private findings(request: MonitorRequest): Promise<SessionExamination> {
    return this.examiner.recent(textOf(request, 'fresh') === '1');
  }

  private async statsOf(request: MonitorRequest): Promise<SessionStats> {
    const application = textOf(request, 'application') || this.sessions.application;
    const stats = application === this.sessions.application ? this.stats : await this.stats.of(application);
    if (!stats) throw new MonitorRefusal(404, 'There is no installation of this name.');
    return stats;
  }
}

function textOf({ query }: MonitorRequest, name: string): string {
  const value = query[name];
  return typeof value === 'string' ? value : '';
}
