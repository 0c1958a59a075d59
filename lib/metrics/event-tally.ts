import type { SessionEvent } from '../core/session-events.js';
import type { SessionLink } from '../core/session-link.js';

/** Counts what happens in this process between two scrapes, from its start on. @internal */
export class EventTally {
  readonly lostWrites = { gone: 0, lock: 0 };
  undecodable = 0;
  failovers = 0;
  #degradedMs = 0;
  #degradedAt: number | null = null;
  #lostMs = 0;
  #lostAt: number | null = null;

  /** Time in which changes were acknowledged by a lone primary. @unit milliseconds */
  get degradedMs(): number {
    return this.#degradedMs + sinceOf(this.#degradedAt);
  }

  /** Time without a usable primary. @unit milliseconds */
  get lostMs(): number {
    return this.#lostMs + sinceOf(this.#lostAt);
  }

  /** Counts an event of this process. */
  readonly take = (event: SessionEvent): void => {
    if (event.type === 'lostWrite') this.lostWrites[event.reason]++;
    else if (event.type === 'undecodable') this.undecodable++;
  };

  /** Counts what happens to a link; returns the way to stop that. */
  follow(link: SessionLink): () => void {
    const stops = [
      link.on('degraded', () => {
        this.#degradedAt ??= performance.now();
      }),
      link.on('recovered', () => {
        this.#endDegraded();
      }),
      link.on('lost', () => {
        this.#endDegraded();
        this.#lostAt ??= performance.now();
      }),
      link.on('ready', () => {
        this.#lostMs += sinceOf(this.#lostAt);
        this.#lostAt = null;
      }),
      link.on('failover', () => {
        this.failovers++;
      }),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  #endDegraded(): void {
    this.#degradedMs += sinceOf(this.#degradedAt);
    this.#degradedAt = null;
  }
}

function sinceOf(at: number | null): number {
  return at === null ? 0 : performance.now() - at;
}
