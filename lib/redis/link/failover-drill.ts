import { setTimeout as delay } from 'node:timers/promises';
import type { SessionLink } from '../../core/session-link.js';
import type { FailoverReport } from '../../core/session-link-events.js';
import { SessionFailoverError } from '../../errors/session-failover.error.js';
import type { ResolvedRedisOptions } from '../../options/redis.options.js';
import { requestFailover } from '../survey/planned-failover.js';

/** What a planned failover looked like to a session that changed all the time. @internal */
export interface SessionDrillReport {
  /** `host:port` of the primary before. */
  readonly from: string | null;
  /** `host:port` of the primary afterwards. */
  readonly to: string;
  /** The Sentinel that was asked. */
  readonly sentinel: string;
  /** The longest time without an acknowledged change. @unit milliseconds */
  readonly pauseMs: number;
  /** Changes that were acknowledged, on a key of the application that lives for a second. */
  readonly acknowledged: number;
  /** Changes that were given up: 0 unless the failover took longer than `operationTimeoutMs`. */
  readonly failed: number;
  /** The failover as the link reports it. */
  readonly failover: FailoverReport;
}

/** Pause between two changes. @unit milliseconds */
const PAUSE_MS = 10;

/** Changes before the failover is asked for, and after its end. */
const CALM_COUNT = 10;

/** How long the failover may take. @unit milliseconds */
const LIMIT_MS = 60_000;

/**
 * Asks for a planned failover while it makes one change after the other, each as durable as configured.
 *
 * @throws SessionFailoverError when no Sentinel begins it, or no failover was seen within a minute.
 * @throws SessionUnavailableError when Redis takes no changes to begin with.
 * @internal
 */
export async function drillFailover(link: SessionLink, options: ResolvedRedisOptions): Promise<SessionDrillReport> {
  const failovers: FailoverReport[] = [];
  const unsubscribe = link.on('failover', (report) => failovers.push(report));
  const changes = new ChangeMeter(link);
  try {
    for (let i = 0; i < CALM_COUNT; i++) await link.ready();
    const { primary: from } = link.status();
    changes.start();
    const sentinel = await requestFailover(options);
    const until = performance.now() + LIMIT_MS;
    while (failovers.length === 0 && performance.now() < until) await delay(PAUSE_MS);
    const [failover] = failovers;
    if (!failover) throw new SessionFailoverError(`No failover was seen within ${LIMIT_MS} ms.`);
    const { acknowledged } = changes;
    while (changes.acknowledged < acknowledged + CALM_COUNT && performance.now() < until) await delay(PAUSE_MS);
    return { from, to: failover.to, sentinel, ...(await changes.stop()), failover };
  } finally {
    unsubscribe();
    await changes.stop();
  }
}

/** Makes one change after the other and measures the longest time without an acknowledged one. */
class ChangeMeter {
  acknowledged = 0;
  #failed = 0;
  #pauseMs = 0;
  #isStopped = false;
  #running: Promise<void> = Promise.resolve();

  constructor(private readonly link: SessionLink) {}

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<Pick<SessionDrillReport, 'pauseMs' | 'acknowledged' | 'failed'>> {
    this.#isStopped = true;
    await this.#running;
    return { pauseMs: Math.round(this.#pauseMs), acknowledged: this.acknowledged, failed: this.#failed };
  }

  async #run(): Promise<void> {
    let lastAt = performance.now();
    while (!this.#isStopped) {
      try {
        await this.link.ready();
        this.acknowledged++;
        const now = performance.now();
        this.#pauseMs = Math.max(this.#pauseMs, now - lastAt);
        lastAt = now;
      } catch {
        this.#failed++;
      }
      await delay(PAUSE_MS);
    }
  }
}
