import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { SESSION_REPOSITORY } from './core/session.tokens.js';
import { SessionEvents } from './session.events.js';
import type { SessionRepository } from './store/session-repository.js';
import { EXPIRY_PAGE_COUNT } from './store/session-repository.js';

/** How often expired sessions are looked for; `count()` is exact in between, only the event comes later. */
const SWEEP_INTERVAL_MS = 10_000;

/**
 * Forgets sessions that have expired and tells of each, once in the installation however many instances it has. No keyspace
 * notifications: they are lost when nobody listens, and come to everybody who does.
 *
 * @internal
 */
@Injectable()
export class SessionSweeper implements OnApplicationBootstrap, OnApplicationShutdown {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private isClosed = false;

  constructor(
    @Inject(SESSION_REPOSITORY) private readonly repository: SessionRepository | null,
    @Inject(SessionEvents) private readonly events: SessionEvents,
  ) {}

  onApplicationBootstrap(): void {
    if (this.repository) this.timer = setInterval(() => void this.sweep(), SWEEP_INTERVAL_MS).unref();
  }

  onApplicationShutdown(): void {
    this.isClosed = true;
    clearInterval(this.timer);
  }

  /** Looks until nothing is left that has expired; a sweep that is under way is joined. A failure is the link's to report. */
  sweep(): Promise<void> {
    this.running ??= this.run().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  private async run(): Promise<void> {
    for (let isFull = true; isFull && !this.isClosed;) {
      const expired = (await this.repository?.directory.expire().catch(() => [])) ?? [];
      for (const id of expired) this.events.emit({ type: 'expired', id });
      isFull = expired.length >= EXPIRY_PAGE_COUNT;
    }
  }
}
