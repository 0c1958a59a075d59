import { setTimeout as delay } from 'node:timers/promises';
import type { SessionLease } from './session-lease.js';

/** Something that one instance does for the whole installation, again and again. @internal */
export interface WorkerJob {
  /** From one beginning to the next. @unit milliseconds */
  readonly periodMs: number;
  /**
   * Does it once. A failure counts as done: the next time comes.
   *
   * @param isElected - whether this instance still does the work; a long run asks now and then, and ends early
   */
  run(isElected: () => boolean): Promise<unknown>;
}

/** How often the holder of the lease renews it and looks what is due. @unit milliseconds */
const TICK_MS = 1000;

/** How long a shutdown waits for work that is under way. @unit milliseconds */
const STOP_MS = 1000;

/** How often the others ask for it. @unit milliseconds */
const CANDIDATE_MS = 2000;

/**
 * The work that an installation needs once, however many instances it has: the holder of the lease does it, all others wait for
 * the lease to end.
 *
 * @remarks
 * A holder that shuts down gives the lease back, and another takes over within two seconds. After one that died it takes the
 * lease's life more. No request waits for any of this.
 *
 * @internal
 */
export class InstallationWorker {
  readonly #schedule: { readonly job: WorkerJob; dueAt: number; running: Promise<unknown> | null }[];
  #timer: NodeJS.Timeout | undefined;
  #renewal: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(
    private readonly lease: SessionLease,
    jobs: readonly WorkerJob[],
  ) {
    this.#schedule = jobs.map((job) => ({ job, dueAt: 0, running: null }));
  }

  /** Whether this instance does the work now. */
  readonly isElected = (): boolean => !this.#isStopped && this.lease.isHeld;

  /** Stands for election. */
  start(): void {
    // Not all instances of a deployment at once.
    this.#later(Math.random() * TICK_MS);
  }

  /** Ends what it is at, and gives the lease back; waits no longer than a second, as without Redis the lease ends by itself. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    const patience = new AbortController();
    const { signal } = patience;
    await Promise.race([this.#end(), delay(STOP_MS, undefined, { signal }).catch(ignore)]);
    patience.abort();
  }

  async #end(): Promise<void> {
    await this.#renewal;
    await Promise.all(this.#schedule.map(async ({ running }) => running));
    await this.lease.drop();
  }

  #later(delayMs: number): void {
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => {
      this.#renewal = this.#renew().finally(() => {
        this.#later(this.isElected() ? TICK_MS : CANDIDATE_MS);
      });
    }, delayMs).unref();
  }

  /** The jobs run beside the renewals: a long one must not cost the lease. */
  async #renew(): Promise<void> {
    await this.lease.take().catch(ignore);
    const now = performance.now();
    for (const entry of this.#schedule) {
      if (!this.isElected()) return;
      if (entry.running || now < entry.dueAt) continue;
      entry.dueAt = now + entry.job.periodMs;
      entry.running = entry.job
        .run(this.isElected)
        .catch(ignore)
        .finally(() => {
          entry.running = null;
        });
    }
  }
}

function ignore(): void {
  // The link tells of its failures; the next time comes.
}
