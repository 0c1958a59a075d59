import type { ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import type { OnModuleDestroy, OnModuleInit } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { inTime } from '../core/within.js';
import { SESSION_LINK, SESSION_SERVICE } from '../core/session.tokens.js';
import type { SessionLink, SessionLinkInspection, SessionLinkStatus } from '../core/session-link.js';
import type { SessionInstallation, SessionSnapshot } from '../stats/session.stats.js';
import { SessionStats } from '../stats/session.stats.js';
import { LinkTimeline } from './link-timeline.js';
import type { MonitoredSessions } from './monitor-actions.js';

/** The installation at one moment, as this instance sees it. @internal */
export interface MonitorState {
  /** Epoch milliseconds of this process. */
  readonly atMs: number;
  /** Host and process that answer. */
  readonly instance: string;
  /** `null` unless the sessions live in Redis. */
  readonly status: SessionLinkStatus | null;
  /** `null` when the nodes did not answer in time. */
  readonly inspection: SessionLinkInspection | null;
  /** `null` likewise. */
  readonly snapshot: SessionSnapshot | null;
  /** Live sessions where there is no snapshot: in this process, or in a foreign store that counts. */
  readonly live: number | null;
  /** All installations of this Redis; `null` when they are not known now. */
  readonly installations: readonly SessionInstallation[] | null;
}

/** How often a page that is open gets the state. @unit milliseconds */
const PERIOD_MS = 1000;

/** The list of installations asks more of Redis. @unit milliseconds */
const INSTALLATIONS_PERIOD_MS = 5000;

/** What did not answer by then is missing. @unit milliseconds */
const TIMEOUT_MS = 900;

/** A browser that has lost the connection comes back after this. @unit milliseconds */
const RETRY_MS = 2000;

const STREAM_HEADERS = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
  'X-Content-Type-Options': 'nosniff',
};

/**
 * Sends the state to all open pages, once a second, and the timeline whenever something happens. Asks nobody while no page is open,
 * and asks once for all of them.
 *
 * @internal
 */
@Injectable()
export class MonitorFeed implements OnModuleInit, OnModuleDestroy {
  private readonly streams = new Set<ServerResponse>();
  private readonly instance = `${hostname()}:${process.pid}`;
  private readonly timeline = new LinkTimeline(() => {
    this.send('timeline', this.timeline.entries);
  });
  private timer: NodeJS.Timeout | undefined;
  private isClosed = false;
  private installations: { readonly atMs: number; readonly list: MonitorState['installations'] } | null = null;

  constructor(
    @Inject(SESSION_LINK) private readonly link: SessionLink | null,
    @Inject(SESSION_SERVICE) private readonly sessions: MonitoredSessions,
    @Inject(SessionStats) private readonly stats: SessionStats,
  ) {}

  onModuleInit(): void {
    if (this.link) this.timeline.follow(this.link);
  }

  /** Before the server closes: it would wait for the streams. */
  onModuleDestroy(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
    this.timeline.stop();
    for (const stream of this.streams) stream.end();
  }

  /** Makes a response a stream of events, until the client goes or the application ends. */
  open(response: ServerResponse): void {
    if (this.isClosed) {
      response.writeHead(503).end();
      return;
    }
    response.writeHead(200, STREAM_HEADERS);
    response.write(`retry: ${RETRY_MS}\n\n${eventOf('timeline', this.timeline.entries)}`);
    this.streams.add(response);
    response.once('close', () => {
      this.streams.delete(response);
    });
    if (this.streams.size === 1) {
      clearTimeout(this.timer);
      void this.tick();
    } else {
      void this.look().then((state) => response.write(eventOf('state', state)));
    }
  }

  private async tick(): Promise<void> {
    const startedAt = performance.now();
    this.send('state', await this.look());
    if (this.isClosed || this.streams.size === 0) return;
    this.timer = setTimeout(() => void this.tick(), Math.max(0, startedAt + PERIOD_MS - performance.now())).unref();
  }

  /** A page that reads slower than it is sent to gets the next state instead. */
  private send(name: string, value: unknown): void {
    const event = eventOf(name, value);
    for (const stream of this.streams) {
      if (name !== 'state' || !stream.writableNeedDrain) stream.write(event);
    }
  }

  private async look(): Promise<MonitorState> {
    const { link, instance } = this;
    const status = link?.status() ?? null;
    const isUsable = status?.state === 'ready' || status?.state === 'degraded';
    const [inspection, snapshot, live, installations] = await Promise.all([
      isUsable && link ? inTime(link.inspect(TIMEOUT_MS), TIMEOUT_MS) : null,
      isUsable ? inTime(this.stats.snapshot(), TIMEOUT_MS) : null,
      link ? null : inTime(this.sessions.count(), TIMEOUT_MS),
      isUsable ? this.listInstallations() : (this.installations?.list ?? null),
    ]);
    // Of the moment in which it is sent: what was asked may have taken its time.
    return { atMs: Date.now(), instance, status: link?.status() ?? null, inspection, snapshot, live, installations };
  }

  private async listInstallations(): Promise<MonitorState['installations']> {
    const now = performance.now();
    if (this.installations && now - this.installations.atMs < INSTALLATIONS_PERIOD_MS) return this.installations.list;
    const list = await inTime(this.stats.installations(), TIMEOUT_MS);
    if (list) this.installations = { atMs: now, list };
    return list ?? this.installations?.list ?? null;
  }
}

/** JSON holds no line break, so one `data` line is enough. */
function eventOf(name: string, value: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(value)}\n\n`;
}
