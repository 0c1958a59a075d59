import type { SessionLinkEvents } from '../../core/session-link-events.js';

/** When an outage is told of again, each after the time before; the last holds on. @unit milliseconds */
const PACE_MS = [30_000, 300_000];

/**
 * Tells of an outage that lasts: early, and then ever more rarely, however many operations wait for its end.
 *
 * @internal
 */
export class OutageWatch {
  #sinceAt: number | null = null;
  #toldCount = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param trouble - why no operation can succeed now; `null` while nobody knows
   * @param tell - takes what is known
   */
  constructor(
    private readonly trouble: () => Error | null,
    private readonly tell: (outage: SessionLinkEvents['unavailable']) => void,
  ) {}

  /** No primary is usable from now on: told of after `patienceMs`. Nothing happens when that is known. */
  begin(patienceMs: number): void {
    if (this.#sinceAt !== null) return;
    this.#sinceAt = performance.now();
    this.#toldCount = 0;
    this.#arm(patienceMs);
  }

  /** It is over. */
  end(): void {
    clearTimeout(this.#timer);
    this.#sinceAt = null;
  }

  #arm(delayMs: number): void {
    this.#timer = setTimeout(() => {
      const cause = this.trouble()?.message;
      if (cause === undefined) {
        this.#arm(delayMs);
        return;
      }
      this.tell({ cause, forMs: Math.round(performance.now() - (this.#sinceAt ?? 0)) });
      this.#arm(PACE_MS[Math.min(this.#toldCount++, PACE_MS.length - 1)] as number);
    }, delayMs).unref();
  }
}
