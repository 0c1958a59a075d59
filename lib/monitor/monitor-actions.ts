import { Inject, Injectable, Logger } from '@nestjs/common';
import { SESSION_LINK, SESSION_OPTIONS, SESSION_SERVICE } from '../core/session.tokens.js';
import type { SessionLink } from '../core/session-link.js';
import type { ResolvedSessionOptions } from '../options/resolved-session.options.js';
import type { SessionDrillReport } from '../redis/link/failover-drill.js';
import { drillFailover } from '../redis/link/failover-drill.js';
import type { SessionSummary } from '../store/session-summary.js';
import type { MonitorHandler, MonitorRequest } from './monitor-answer.js';
import { MonitorRefusal } from './monitor-answer.js';
import { MONITOR_OPTIONS } from './monitor.tokens.js';
import { isFromOwnPage } from './own-page.js';
import type { ResolvedSessionMonitorOptions, SessionMonitorAction } from './session-monitor.options.js';

/** The part of `SessionService` that the monitor needs. @internal */
export interface MonitoredSessions {
  count(): Promise<number>;
  list(userId: string): Promise<readonly SessionSummary[]>;
  revoke(id: string, options: { readonly userId: string }): Promise<boolean>;
  signOutEverywhere(userId: string, options: { readonly except?: string }): Promise<number>;
  signOutAll(): Promise<number>;
}

/**
 * What the page sends by POST, by name: what changes something, and the look at a user's sessions, so that no user's id stands in
 * the log of a proxy.
 *
 * @internal
 */
@Injectable()
export class MonitorActions {
  readonly handlers: ReadonlyMap<string, MonitorHandler> = new Map<string, MonitorHandler>([
    ['sessions', (request) => this.list(request)],
    ['revoke', this.allowed('revoke', (request) => this.revoke(request))],
    ['sign-out', this.allowed('revoke', (request) => this.signOut(request))],
    ['sign-out-all', this.allowed('signOutAll', (request) => this.signOutAll(request))],
    ['failover', this.allowed('failover', (request) => this.failOver(request))],
  ]);

  private readonly logger = new Logger('SessionMonitor');
  private isDrilling = false;

  constructor(
    @Inject(MONITOR_OPTIONS) private readonly monitor: ResolvedSessionMonitorOptions,
    @Inject(SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
    @Inject(SESSION_SERVICE) private readonly sessions: MonitoredSessions,
    @Inject(SESSION_LINK) private readonly link: SessionLink | null,
  ) {}

  private allowed(action: SessionMonitorAction, handler: MonitorHandler): MonitorHandler {
    return (request) => {
      if (!this.monitor.actions.includes(action)) {
        throw new MonitorRefusal(403, `\`allowActions\` does not have \`${action}\`.`);
      }
      return handler(request);
    };
  }

  private async list(request: MonitorRequest): Promise<{ sessions: readonly SessionSummary[] }> {
    return { sessions: await this.sessions.list(fieldOf(request, 'userId')) };
  }

  private async revoke(request: MonitorRequest): Promise<{ ended: number }> {
    const [id, userId] = [fieldOf(request, 'id'), fieldOf(request, 'userId')];
    const hasEnded = await this.sessions.revoke(id, { userId });
    this.logger.log(hasEnded ? 'A session was ended.' : 'A session that was to be ended is gone already.');
    return { ended: hasEnded ? 1 : 0 };
  }

  private async signOut(request: MonitorRequest): Promise<{ ended: number }> {
    const ended = await this.sessions.signOutEverywhere(fieldOf(request, 'userId'), {});
    this.logger.log(`A user was signed out everywhere: ${ended} sessions.`);
    return { ended };
  }

  private async signOutAll(request: MonitorRequest): Promise<{ ended: number }> {
    this.requireConfirmation(request);
    const ended = await this.sessions.signOutAll();
    this.logger.warn(`Every session was ended: ${ended}.`);
    return { ended };
  }

  private async failOver(request: MonitorRequest): Promise<SessionDrillReport> {
    this.requireConfirmation(request);
    const { redis } = this.options;
    if (!redis || !this.link) throw new MonitorRefusal(501, 'There is no Redis that could fail over.');
    if (this.isDrilling) throw new MonitorRefusal(409, 'A planned failover is under way already.');
    this.isDrilling = true;
    try {
      const report = await drillFailover(this.link, redis);
      this.logger.warn(
        `Planned failover from ${String(report.from)} to ${report.to}: a pause of ${report.pauseMs} ms.`,
      );
      return report;
    } finally {
      this.isDrilling = false;
    }
  }

  /** What cannot be undone asks for the application's name, of the request too: not only of the page. */
  private requireConfirmation(request: MonitorRequest): void {
    if (fieldOf(request, 'application') !== this.options.application) {
      throw new MonitorRefusal(400, 'The name of the application is another one: nothing was done.');
    }
  }
}

/** Handlers that only the page itself may call. @internal */
export function onlyFromOwnPage(handler: MonitorHandler | undefined): MonitorHandler | undefined {
  if (!handler) return undefined;
  return (request) => {
    if (!isFromOwnPage(request)) throw new MonitorRefusal(403, 'Only the page of the monitor may send this.');
    return handler(request);
  };
}

/** A text of the request's JSON. */
function fieldOf({ body }: MonitorRequest, name: string): string {
  const value: unknown =
    typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[name] : undefined;
  if (typeof value !== 'string' || value === '') throw new MonitorRefusal(400, `The field \`${name}\` is missing.`);
  return value;
}
