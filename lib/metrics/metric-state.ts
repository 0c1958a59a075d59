import { monitorEventLoopDelay } from 'node:perf_hooks';
import { inTime } from '../core/within.js';
import type { SessionLink, SessionLinkInspection, SessionLinkStatus } from '../core/session-link.js';
import type { SessionCapacity, SessionSnapshot, SessionStats } from '../stats/session.stats.js';
import type { SessionNearCacheStatus, SessionRepository } from '../store/session-repository.js';
import type { EventTally } from './event-tally.js';

/** How late the event loop has run since the look before. @unit seconds @internal */
export interface EventLoopDelay {
  readonly median: number;
  readonly p99: number;
  readonly highest: number;
}

/** How often the event loop is looked at. @unit milliseconds */
const LOOP_RESOLUTION_MS = 10;

/** What pulled metrics are read from: everything of one moment, so that they fit together. @internal */
export interface MetricState {
  /** `null` unless sessions live in Redis. */
  readonly status: SessionLinkStatus | null;
  /** `null` when the nodes did not answer in time. */
  readonly inspection: SessionLinkInspection | null;
  /** `null` likewise. */
  readonly snapshot: SessionSnapshot | null;
  /** `null` likewise; up to a minute old. */
  readonly capacity: SessionCapacity | null;
  readonly nearCache: SessionNearCacheStatus | null;
  readonly tally: EventTally;
  readonly loop: EventLoopDelay;
}

/** A scrape asks Redis at most so often. @unit milliseconds */
const FRESH_MS = 1000;

/** The capacity is made of the whole history: once a minute, as the samples are. @unit milliseconds */
const CAPACITY_FRESH_MS = 60_000;

/** A scrape waits for Redis for so long: what did not answer by then is missing, and the rest is there. @unit milliseconds */
const TIMEOUT_MS = 1000;

/** What is asked. @internal */
export interface MetricSources {
  readonly link: SessionLink | null;
  readonly repository: SessionRepository | null;
  readonly stats: SessionStats;
  readonly tally: EventTally;
}

/** Reads the state for those who scrape: one look for all metrics of a scrape. @internal */
export class MetricStateReader {
  readonly #loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  #latest: { readonly atMs: number; readonly state: Promise<MetricState> } | null = null;
  #capacity: { readonly atMs: number; readonly value: SessionCapacity } | null = null;

  constructor(private readonly sources: MetricSources) {
    this.#loop.enable();
  }

  /** The state now; never rejects. */
  read(): Promise<MetricState> {
    const now = performance.now();
    if (!this.#latest || now - this.#latest.atMs >= FRESH_MS) this.#latest = { atMs: now, state: this.#look() };
    return this.#latest.state;
  }

  close(): void {
    this.#loop.disable();
  }

  async #look(): Promise<MetricState> {
    const { link, repository, stats, tally } = this.sources;
    const status = link?.status() ?? null;
    const isUsable = status !== null && (status.state === 'ready' || status.state === 'degraded');
    const [inspection, snapshot, capacity] = await Promise.all([
      isUsable && link ? inTime(link.inspect(TIMEOUT_MS), TIMEOUT_MS) : null,
      isUsable ? inTime(stats.snapshot(), TIMEOUT_MS) : null,
      isUsable ? this.#readCapacity() : null,
    ]);
    const nearCache = repository?.cache?.status() ?? null;
    return { status, inspection, snapshot, capacity, nearCache, tally, loop: this.#readLoop() };
  }

  /** The histogram holds the distance of two looks: what is more than the resolution is delay. */
  #readLoop(): EventLoopDelay {
    const delayOf = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - LOOP_RESOLUTION_MS / 1000) || 0;
    const [median, p99] = [delayOf(this.#loop.percentile(50)), delayOf(this.#loop.percentile(99))];
    const delay = { median, p99, highest: this.#loop.count > 0 ? delayOf(this.#loop.max) : 0 };
    this.#loop.reset();
    return delay;
  }

  async #readCapacity(): Promise<SessionCapacity | null> {
    const now = performance.now();
    if (this.#capacity && now - this.#capacity.atMs < CAPACITY_FRESH_MS) return this.#capacity.value;
    const value = await inTime(this.sources.stats.capacity(), TIMEOUT_MS);
    // Before the first sample there is little to keep.
    if (value?.memory.sessionBytes) this.#capacity = { atMs: now, value };
    return value;
  }
}
