import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { SESSION_REPOSITORY } from './core/session.tokens.js';
import { SessionEvents } from './session.events.js';
import { InstallationWorker } from './stats/installation-worker.js';
import type { WorkerJob } from './stats/installation-worker.js';
import type { SessionLease } from './stats/session-lease.js';
import type { SessionRepository } from './store/session-repository.js';
import { EXPIRY_PAGE_COUNT } from './store/session-repository.js';

/** How often expired sessions are looked for; counts are exact in between, only the event comes later. @unit milliseconds */
const SWEEP_PERIOD_MS = 1000;

/** What the elected instance does, and what elects it; `null`: there is nothing to do. @internal */
export interface SessionWork {
  readonly lease: SessionLease;
  readonly jobs: readonly WorkerJob[];
}

/** Injection token of the work. @internal */
export const SESSION_WORK = Symbol.for('nestjs-ha-session:work');

/**
 * Does what an installation needs once, while this instance is elected: takes expired sessions out and reports each, and takes
 * the samples of the history. No keyspace notifications: they are lost when nobody listens, and come to everybody who does.
 *
 * @internal
 */
@Injectable()
export class SessionWorker implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly worker: InstallationWorker | null;

  constructor(
    @Inject(SESSION_WORK) work: SessionWork | null,
    @Inject(SESSION_REPOSITORY) private readonly repository: SessionRepository | null,
    @Inject(SessionEvents) private readonly events: SessionEvents,
  ) {
    const sweeping: WorkerJob = { periodMs: SWEEP_PERIOD_MS, run: (isElected) => this.sweep(isElected) };
    this.worker = work && new InstallationWorker(work.lease, [sweeping, ...work.jobs]);
  }

  onApplicationBootstrap(): void {
    this.worker?.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.worker?.stop();
  }

  /** Looks until nothing is left that has expired. */
  async sweep(isElected: () => boolean): Promise<void> {
    for (let isFull = true; isFull && isElected();) {
      const expired = (await this.repository?.directory.expire()) ?? [];
      for (const id of expired) this.events.emit({ type: 'expired', id });
      isFull = expired.length >= EXPIRY_PAGE_COUNT;
    }
  }
}
