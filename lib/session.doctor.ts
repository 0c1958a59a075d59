import type { OnApplicationBootstrap } from '@nestjs/common';
import { Inject, Injectable, Logger } from '@nestjs/common';
import type { RedisSurveyOptions } from './core/redis-survey.js';
import { SESSION_OPTIONS } from './core/session.tokens.js';
import { examine } from './doctor/examine.js';
import type { SessionExamination } from './doctor/session-examination.js';
import type { SessionFinding } from './doctor/session-finding.js';
import { SessionUnsupportedError } from './errors/session-unsupported.error.js';
import type { ResolvedSessionOptions } from './options/resolved-session.options.js';
import { surveyRedis } from './redis/survey/redis-survey.js';

/** Time that each server has for its answers. @unit milliseconds */
const SURVEY_TIMEOUT_MS = 3000;

/** Pages and health checks that ask again and again see an examination that is at most so old. @unit milliseconds */
const RECENT_MS = 60_000;

/**
 * Examines the Redis servers and Sentinels, and the application's own settings, against what docs/operations.md asks for.
 *
 * @public
 */
@Injectable()
export class SessionDoctor implements OnApplicationBootstrap {
  private last: { readonly startedAt: number; readonly examination: Promise<SessionExamination> } | null = null;

  /** @internal */
  constructor(@Inject(SESSION_OPTIONS) private readonly options: ResolvedSessionOptions) {}

  /**
   * Asks every server once, over connections of its own, and returns the findings, the gravest first; empty: all is well.
   * A server that does not answer is a finding.
   *
   * @param settings - `timeoutMs`: for each server, 3000 by default; `isThorough`: also ask for settings and rights that
   *   the application does not need, false by default.
   * @throws SessionUnsupportedError when the sessions do not live in Redis.
   */
  async examine({ timeoutMs = SURVEY_TIMEOUT_MS, isThorough = false }: Partial<RedisSurveyOptions> = {}): Promise<
    readonly SessionFinding[]
  > {
    const { redis, absoluteTimeoutMs } = this.options;
    if (!redis) throw new SessionUnsupportedError('examine()', 'sessions in Redis');
    const { operationTimeoutMs, durability } = redis;
    const survey = await surveyRedis(redis, { timeoutMs, isThorough });
    const nodeVersion = process.versions.node;
    return examine(survey, { operationTimeoutMs, absoluteTimeoutMs, durability, nodeVersion, nowMs: Date.now() });
  }

  /** An examination of the last minute, for those who ask again and again; `isFresh`: one that begins now. @internal */
  recent(isFresh = false): Promise<SessionExamination> {
    const now = performance.now();
    if (isFresh || !this.last || now - this.last.startedAt > RECENT_MS) {
      const last = { startedAt: now, examination: this.examineNow() };
      // What failed is tried again by whoever asks next.
      last.examination.catch(() => {
        if (this.last === last) this.last = null;
      });
      this.last = last;
    }
    return this.last.examination;
  }

  /** Writes one block into the log when something is wrong, in production. Called by Nest; the start does not wait for it. */
  onApplicationBootstrap(): void {
    if (this.options.redis && process.env['NODE_ENV'] === 'production') void this.report();
  }

  private async examineNow(): Promise<SessionExamination> {
    const findings = await this.examine();
    return { atMs: Date.now(), findings };
  }

  private async report(): Promise<void> {
    const { findings: all } = await this.recent();
    const findings = all.filter(({ severity }) => severity !== 'info');
    if (findings.length === 0) return;
    const lines = findings.map(({ severity, what, fix }) => `- ${severity}: ${what} ${fix}`);
    const logger = new Logger(`Session ${this.options.application}`);
    logger.warn(`The doctor found ${findings.length} (docs/doctor.md):\n${lines.join('\n')}`);
  }
}
