import { Inject, Injectable } from '@nestjs/common';
import type { SessionForecast } from './capacity-forecast.js';
import type { SessionCounts, SessionFlow } from './session-counts.js';
import type { SessionHistory, SessionHistoryResolution, SessionMemory } from './session-history.js';
import type { WorkerJob } from './installation-worker.js';
import type { SessionLease } from './session-lease.js';
import type { SessionUsers } from './session-sampler.js';

/** The installation now. @public */
export interface SessionSnapshot extends SessionCounts {
  /** Name of the installation: the option `application`. */
  readonly application: string;
  /** Distinct users with a session, as surveyed in the last five minutes; `null` before the first survey. */
  readonly users: SessionUsers | null;
  /** What began and ended in the last whole minute; `null` when a sample is missing. */
  readonly lastMinute: SessionFlow | null;
}

/** The most sessions that lived at once, by the samples of the minutes. @public */
export interface SessionPeak {
  /** How many. */
  readonly live: number;
  /** Beginning of the minute or hour: epoch milliseconds of Redis's clock. */
  readonly atMs: number;
}

/** How full Redis is, and when it will be. @public */
export interface SessionCapacity {
  /** Memory now, and what a session takes. */
  readonly memory: SessionMemory;
  /** Sessions that would still fit at the present size of one, or `null` when that is not known. */
  readonly room: number | null;
  /** The most sessions of the last 24 hours and of the last 90 days; `null` without a sample. */
  readonly peaks: { readonly day: SessionPeak | null; readonly quarter: SessionPeak | null };
  /** When memory will be full. */
  readonly forecast: SessionForecast;
}

/** An installation that uses the same Redis. @public */
export interface SessionInstallation {
  /** Its name: the option `application`. */
  readonly application: string;
  /** Sessions that live: now, or when it last said so if this Redis user may not read its keys. */
  readonly live: number;
  /** When it last said that it runs, by Redis's clock: epoch milliseconds. */
  readonly seenAtMs: number;
  /** Whether it is the one that asks. */
  readonly isCurrent: boolean;
}

/** Which part of the history is wanted. @public */
export interface SessionHistoryRange {
  /** Epoch milliseconds. @defaultValue as far back as there is any */
  readonly fromMs?: number | undefined;
  /** Epoch milliseconds. @defaultValue now */
  readonly toMs?: number | undefined;
}

/** Where the numbers come from. @internal */
export interface StatsSource {
  snapshot(): Promise<SessionSnapshot>;
  history(resolution: SessionHistoryResolution, range: SessionHistoryRange): Promise<SessionHistory>;
  capacity(): Promise<SessionCapacity>;
  installations(): Promise<readonly SessionInstallation[]>;
  /** That of another installation of this Redis; `null` when there is none of this name. */
  installation(application: string): Promise<StatsSource | null>;
  /** What the elected instance does for them. */
  jobs(lease: SessionLease): readonly WorkerJob[];
}

/** Injection token of the source. @internal */
export const SESSION_STATS_SOURCE = Symbol.for('nestjs-ha-session:stats-source');

/**
 * How many sessions the installation has, had and will have room for: the model behind metrics, monitor page and command line.
 *
 * @remarks
 * Every instance answers alike: counts are kept in Redis by the scripts that change the sessions, history is written by the one
 * instance that the installation has elected.
 *
 * @public
 */
@Injectable()
export class SessionStats {
  /** @internal */
  constructor(@Inject(SESSION_STATS_SOURCE) private readonly source: StatsSource) {}

  /**
   * The installation now: exact, without a scan.
   *
   * @throws SessionUnavailableError when Redis does not answer by the operation's deadline.
   * @throws SessionUnsupportedError unless sessions live in Redis.
   */
  snapshot(): Promise<SessionSnapshot> {
    return this.source.snapshot();
  }

  /**
   * Samples of the last 24 hours (`minutes`) or 90 days (`hours`); what nobody sampled is `null`.
   *
   * @throws SessionUnavailableError when Redis does not answer by the operation's deadline.
   * @throws SessionUnsupportedError unless sessions live in Redis.
   */
  history(resolution: SessionHistoryResolution, range: SessionHistoryRange = {}): Promise<SessionHistory> {
    return this.source.history(resolution, range);
  }

  /**
   * Memory, peaks, and the day when memory will be full.
   *
   * @throws SessionUnavailableError when Redis does not answer by the operation's deadline.
   * @throws SessionUnsupportedError unless sessions live in Redis.
   */
  capacity(): Promise<SessionCapacity> {
    return this.source.capacity();
  }

  /**
   * All installations that use this Redis and have run in the last 90 days, by name; see `docs/statistics.md` for the right it
   * needs with an ACL.
   *
   * @throws SessionUnavailableError when Redis does not answer by the operation's deadline.
   * @throws SessionUnsupportedError unless sessions live in Redis.
   */
  installations(): Promise<readonly SessionInstallation[]> {
    return this.source.installations();
  }

  /**
   * The numbers of another installation of this Redis, for whoever runs several: `null` when {@link SessionStats.installations}
   * does not have it. Needs the right to its keys, and refuses nothing by itself.
   *
   * @throws SessionUnavailableError when Redis does not answer by the operation's deadline.
   * @throws SessionUnsupportedError unless sessions live in Redis.
   */
  async of(application: string): Promise<SessionStats | null> {
    const source = await this.source.installation(application);
    return source && new SessionStats(source);
  }
}
