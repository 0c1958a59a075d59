import { LRUCache } from 'lru-cache';
import type { KeyListener, KeyWatch } from '../core/key-watch.js';
import { storedId } from '../core/session-id.js';
import type { SessionLink } from '../core/session-link.js';
import type { StoredSession } from '../core/session-record.js';
import type { NearCacheOptions } from '../options/resolved-session.options.js';
import type { SessionCache, SessionNearCacheStatus } from './session-repository.js';

/** How often it is proven that changes are heard of, in the time that one proof is good for. */
const PROOFS_PER_STALENESS = 4;
/** What an entry takes beside its texts and values, and each field; measured with sessions of 0.5, 4 and 32 KB. @unit bytes */
const ENTRY_BYTES = 700;
const FIELD_BYTES = 150;
/** What a character of JSON takes as text, and as the values it stands for; measured likewise. @unit bytes */
const TEXT_BYTES = 1;
const VALUE_BYTES = 1.6;

interface Entry {
  readonly stored: StoredSession;
  /** When it ends unless it is touched, and in any case; epoch milliseconds of Redis's clock. */
  readonly deadlineMs: number;
  readonly latestMs: number;
  /** When its user authenticated, likewise; `null`: it is nobody's. */
  readonly authenticatedMs: number | null;
  readonly bytes: number;
  /** Made when the session is found for the first time. */
  values: Map<string, unknown> | undefined;
}

/** Stands for one read that is under way. @internal */
export type ReadTicket = object;

/**
 * Sessions as they were loaded last, for as long as it is known that nobody has changed them.
 *
 * @remarks
 * Kept right by a watch of all sessions' keys on the very server that they are read from. An answer is given only while it is
 * proven that changes are heard of (`maxStalenessMs`), and kept only when nothing was heard between the question and the answer.
 *
 * @internal
 */
export class NearCache implements KeyListener, SessionCache {
  readonly #entries: LRUCache<string, Entry>;
  /** The last read of each session that is under way; a result whose ticket is gone is not kept. */
  readonly #reads = new Map<string, ReadTicket>();
  readonly #watch: KeyWatch;
  #isTold = false;
  /** Whether the proof has been missing, or the primary, since the cache was empty. */
  #isSuspended = false;
  #refusal: string | null = null;
  #hits = 0;
  #misses = 0;
  #invalidations = 0;

  /** @param prefix - what the keys of all sessions begin with, before the stored id */
  constructor(
    private readonly link: SessionLink,
    private readonly prefix: string,
    private readonly options: NearCacheOptions,
  ) {
    this.#entries = new LRUCache({ maxSize: options.maxBytes, sizeCalculation: ({ bytes }) => bytes });
    const proofPeriodMs = options.maxStalenessMs / PROOFS_PER_STALENESS;
    this.#watch = link.watch({ prefix, proofPeriodMs, listener: this });
  }

  /** Whether the session may be known; only {@link find} says. */
  has(id: string): boolean {
    return this.#entries.has(id);
  }

  /** The session, if it is known; `undefined`: ask. */
  find(id: string): StoredSession | undefined {
    const entry = this.#maySay() ? this.#entries.get(id) : undefined;
    const nowMs = this.link.nowMs();
    if (!entry || entry.deadlineMs <= nowMs) {
      this.#misses++;
      return undefined;
    }
    this.#hits++;
    entry.values ??= new Map();
    return {
      ...entry.stored,
      values: entry.values,
      authenticatedAgoMs: entry.authenticatedMs === null ? null : nowMs - entry.authenticatedMs,
      remainingMs: entry.deadlineMs - nowMs,
      longestRemainingMs: entry.latestMs - nowMs,
    };
  }

  /** A read begins. `undefined`: its result cannot be kept. */
  begin(id: string): ReadTicket | undefined {
    if (!this.#isProven()) return undefined;
    const ticket = {};
    this.#reads.set(id, ticket);
    return ticket;
  }

  /** The read is over: its result is kept, unless something was heard of the session meanwhile. */
  end(id: string, ticket: ReadTicket | undefined, stored: StoredSession | null): void {
    // What was read now is newer than anything that is kept for an outage.
    if (!ticket) this.drop(id);
    if (!ticket || this.#reads.get(id) !== ticket) return;
    this.#reads.delete(id);
    // One that was given up for another id ends by its grace, of which only Redis knows.
    if (!stored || stored.isRotated) return;
    const nowMs = this.link.nowMs();
    this.#entries.set(id, {
      stored,
      deadlineMs: nowMs + stored.remainingMs,
      latestMs: nowMs + stored.longestRemainingMs,
      authenticatedMs: stored.authenticatedAgoMs === null ? null : nowMs - stored.authenticatedAgoMs,
      bytes: bytesOf(stored),
      values: undefined,
    });
  }

  /** Nothing that is known of the session counts any more, nor what reads under way find. */
  drop(id: string): void {
    this.#entries.delete(id);
    this.#reads.delete(id);
  }

  /** Nothing counts any more. */
  flush(): void {
    this.#entries.clear();
    this.#reads.clear();
  }

  forget(sid: string): void {
    this.drop(storedId(sid, 1).id);
  }

  status(): SessionNearCacheStatus {
    const { size, calculatedSize } = this.#entries;
    return {
      state: this.#isProven()
        ? 'serving'
        : this.#mayServeOutage()
          ? 'outage'
          : this.#refusal === null
            ? 'waiting'
            : 'off',
      reason: this.#refusal,
      entries: size,
      bytes: calculatedSize,
      hits: this.#hits,
      misses: this.#misses,
      invalidations: this.#invalidations,
    };
  }

  onStart(): void {
    this.flush();
    this.#isTold = true;
    this.#isSuspended = false;
    this.#refusal = null;
  }

  onChange(keys: readonly string[] | null): void {
    if (!keys) {
      this.flush();
      return;
    }
    this.#invalidations += keys.length;
    for (const key of keys) this.drop(key.slice(this.prefix.length));
  }

  onStop(): void {
    this.#isTold = false;
    this.#suspend();
  }

  onRefused(reason: string): void {
    this.#refusal = reason;
    this.flush();
  }

  #maySay(): boolean {
    if (this.#isProven()) {
      if (this.#isSuspended) this.flush();
      this.#isSuspended = false;
      return true;
    }
    this.#suspend();
    return this.#mayServeOutage();
  }

  /** Whether all that was acknowledged until `maxStalenessMs` ago has been heard of. */
  #isProven(): boolean {
    return this.#isTold && this.#ageMs() <= this.options.maxStalenessMs;
  }

  #mayServeOutage(): boolean {
    const { staleOnOutageMs } = this.options;
    return staleOnOutageMs > 0 && this.#ageMs() <= staleOnOutageMs && this.link.status().state === 'lost';
  }

  #ageMs(): number {
    return performance.now() - this.#watch.provenAt;
  }

  /** Nothing new is kept; what is there may be needed in an outage. */
  #suspend(): void {
    this.#isSuspended = true;
    this.#reads.clear();
    if (this.options.staleOnOutageMs === 0) this.#entries.clear();
  }
}

function bytesOf({ fields, cookie, about }: StoredSession): number {
  let bytes = ENTRY_BYTES + (cookie?.length ?? 0) + (about?.length ?? 0);
  for (const [name, text] of fields) {
    bytes += FIELD_BYTES + name.length + text.length * (TEXT_BYTES + VALUE_BYTES);
  }
  return Math.ceil(bytes);
}
