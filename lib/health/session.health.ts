import { randomUUID } from 'node:crypto';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { HealthIndicatorService } from '@nestjs/terminus';
import type { HealthIndicatorResult } from '@nestjs/terminus';
import type { Store } from 'express-session';
import { SESSION_EXAMINER, SESSION_LINK, SESSION_REPOSITORY, SESSION_STORE } from '../core/session.tokens.js';
import type { SessionLink } from '../core/session-link.js';
import { inTime, LateAnswerError, within } from '../core/within.js';
import type { SessionExaminer } from '../doctor/session-examination.js';
import { promised } from '../store/callback.js';
import type { SessionRepository } from '../store/session-repository.js';
import { briefOf } from './session-health.details.js';
import type { SessionHealthDetails, SessionHealthVerdict } from './session-health.details.js';
import { resolveSessionHealthOptions } from './session-health.options.js';
import type { ResolvedSessionHealthOptions, SessionHealthOptions } from './session-health.options.js';
import { judgeBrokenLink, judgeBrokenStore, judgeLink, judgeStore } from './session-health.verdict.js';

/** Result of a check: what Terminus wants, and our details. @public */
export type SessionHealthResult<Key extends string = string> = HealthIndicatorResult<Key> &
  Record<Key, SessionHealthDetails>;

/**
 * Terminus indicator of the sessions: asks over the very connection that the application uses, so it cannot be well while
 * the application is not.
 *
 * @remarks Works with Terminus 11 and 12. What is `degraded` in 12 (HTTP 200, overall status `degraded`) is `up` with
 *   `degraded: true` in 11, which has no such status.
 * @public
 */
@Injectable()
export class SessionHealthIndicator {
  private readonly logger = new Logger('SessionHealth');

  /** Is made by Nest; see `SessionHealthModule`. @internal */
  constructor(
    @Inject(HealthIndicatorService) private readonly indicators: HealthIndicatorService,
    @Inject(SESSION_STORE) private readonly store: Store,
    @Inject(SESSION_REPOSITORY) private readonly repository: SessionRepository | null,
    @Inject(SESSION_LINK) private readonly link: SessionLink | null,
    @Inject(SESSION_EXAMINER) private readonly examiner: SessionExaminer,
  ) {}

  /**
   * Checks the sessions, within `timeoutMs` whatever happens to Redis.
   *
   * - `up`: sessions are read and stored as configured;
   * - `degraded`: they are, but the next fault may hurt: no replica, the Sentinels lost their quorum, memory over the
   *   threshold, changes acknowledged by a lone primary;
   * - `down`: no usable primary answered in time, the node in use is none, or the server refuses.
   *
   * @param key - Name in Terminus's result.
   * @param options - Timeout and thresholds.
   * @throws SessionConfigurationError when an option is out of range; never for a fault of the store.
   */
  async isHealthy<const Key extends string>(
    key: Key,
    options: SessionHealthOptions = {},
  ): Promise<SessionHealthResult<Key>> {
    const resolved = resolveSessionHealthOptions(options);
    const [verdict, findings] = await Promise.all([this.judge(resolved), this.findings(resolved)]);
    const check = this.indicators.check(key);
    const details = {
      ...(resolved.details ? { ...verdict.details, ...this.nearCache(), ...findings } : briefOf(verdict.details)),
    };
    if (verdict.condition === 'down') {
      return check.down(details);
    }
    // Terminus 11 has no `degraded`: asked for, not assumed.
    return verdict.condition === 'degraded' && 'degraded' in check ? check.degraded(details) : check.up(details);
  }

  /** Of the last minute; asked for beside the check, so that neither waits for the other. */
  private async findings(options: ResolvedSessionHealthOptions): Promise<Pick<SessionHealthDetails, 'findings'>> {
    if (!options.details || !options.findings || !this.link) return {};
    const examination = await inTime(this.examiner.recent(), options.timeoutMs);
    return { findings: examination?.findings ?? null };
  }

  /** Without the reason for which it is off: that holds text of the server's. */
  private nearCache(): Pick<SessionHealthDetails, 'nearCache'> {
    const status = this.repository?.cache?.status();
    if (!status) return {};
    const { reason: _reason, ...nearCache } = status;
    return { nearCache };
  }

  private judge(options: ResolvedSessionHealthOptions): Promise<SessionHealthVerdict> {
    if (this.link !== null && this.repository !== null) {
      return this.judgeRedis(this.link, this.repository, options);
    }
    const { repository } = this;
    return repository === null
      ? this.judgeElsewhere('store', () => this.probeForeignStore(options.countSessions ?? false), options)
      : this.judgeElsewhere('memory', () => countUnless(options.countSessions === false, repository), options);
  }

  private async judgeRedis(
    link: SessionLink,
    repository: SessionRepository,
    options: ResolvedSessionHealthOptions,
  ): Promise<SessionHealthVerdict> {
    const deadlineMs = performance.now() + options.timeoutMs;
    const left = (): number => Math.max(0, deadlineMs - performance.now());
    try {
      const inspection = await within(left(), link.inspect(options.timeoutMs));
      // Only after an answer, so that checks of a dead Redis do not pile up among the requests that wait for it.
      const liveSessions = await within(left(), countUnless(options.countSessions === false, repository));
      return judgeLink(link.status(), inspection, liveSessions, options);
    } catch (error) {
      this.log(error);
      return judgeBrokenLink(link.status(), error, options.timeoutMs);
    }
  }

  private async judgeElsewhere(
    mode: 'memory' | 'store',
    probe: () => Promise<number | null | undefined>,
    options: ResolvedSessionHealthOptions,
  ): Promise<SessionHealthVerdict> {
    try {
      return judgeStore(mode, await within(options.timeoutMs, probe()));
    } catch (error) {
      this.log(error);
      return judgeBrokenStore(mode, error, options.timeoutMs);
    }
  }

  /** Reads a session that cannot exist, the one cheap thing every store can do, and asks for `length` if wanted. */
  private async probeForeignStore(isCounted: boolean): Promise<number | null | undefined> {
    const { store } = this;
    await promised<unknown>((done) => {
      store.get(randomUUID(), done);
    });
    if (!isCounted) {
      return undefined;
    }
    if (typeof store.length !== 'function') {
      return null;
    }
    return promised<number>((done) => {
      store.length?.(done);
    });
  }

  /** The text alone: ioredis hangs the command with its arguments on its errors. */
  private log(error: unknown): void {
    if (!(error instanceof LateAnswerError)) {
      this.logger.debug(`A health check failed: ${String(error)}`);
    }
  }
}

async function countUnless(isSkipped: boolean, repository: SessionRepository): Promise<number | undefined> {
  return isSkipped ? undefined : repository.directory.count();
}
