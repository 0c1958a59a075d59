import { setImmediate as endOfTurn } from 'node:timers/promises';
import { storedId } from '../core/session-id.js';
import type { SessionChange, StoredSession } from '../core/session-record.js';
import type { NearCache } from './near-cache.js';
import type {
  CommitOutcome,
  CreateOutcome,
  SessionRepository,
  StoredState,
  TouchOutcome,
} from './session-repository.js';

/**
 * A repository whose sessions are read from a near cache where that is possible. All else goes to the place itself, so what is
 * stored, and what is refused, does not depend on the cache.
 *
 * @internal
 */
export class NearCacheRepository implements SessionRepository {
  constructor(
    private readonly place: SessionRepository,
    readonly cache: NearCache,
  ) {}

  async load(sid: string, signal?: () => AbortSignal): Promise<StoredSession | null> {
    const { id } = storedId(sid, 1);
    // Requests of one turn of the event loop are all begun before the first goes on, as when Redis answers: each alone from its
    // first step to its last costs a quarter more CPU. What is heard until then counts.
    if (this.cache.has(id)) await endOfTurn();
    const known = this.cache.find(id);
    if (known) return known;
    const ticket = this.cache.begin(id);
    let stored: StoredSession | null = null;
    try {
      stored = await this.place.load(sid, signal);
    } finally {
      this.cache.end(id, ticket, stored);
    }
    return stored;
  }

  async create(sid: string, change: SessionChange): Promise<CreateOutcome> {
    const result = await this.changing(storedId(sid, 1).id, () => this.place.create(sid, change));
    if (result.outcome === 'created') this.dropAll(result.evicted);
    return result;
  }

  async commit(sid: string, change: SessionChange): Promise<CommitOutcome> {
    const result = await this.changing(storedId(sid, 1).id, () => this.place.commit(sid, change));
    if (result.outcome === 'committed') this.dropAll(result.evicted);
    return result;
  }

  replace(sid: string, change: SessionChange): Promise<StoredState> {
    return this.changing(storedId(sid, 1).id, () => this.place.replace(sid, change));
  }

  touch(sid: string, idleTimeoutMs: number, userId: string | null): Promise<TouchOutcome> {
    return this.changing(storedId(sid, 1).id, () => this.place.touch(sid, idleTimeoutMs, userId));
  }

  destroy(sid: string): Promise<'destroyed' | 'absent'> {
    return this.changing(storedId(sid, 1).id, () => this.place.destroy(sid));
  }

  destroyStored(id: string): Promise<'destroyed' | 'absent'> {
    return this.changing(id, () => this.place.destroyStored(id));
  }

  rotate(sid: string, graceMs: number): Promise<'rotated' | 'gone'> {
    return this.changing(storedId(sid, 1).id, () => this.place.rotate(sid, graceMs));
  }

  /** Who holds the lock reads what the holder before him wrote: nothing that was read earlier counts. */
  lock(sid: string, owner: string, ttlMs: number): Promise<number> {
    return this.changing(storedId(sid, 1).id, () => this.place.lock(sid, owner, ttlMs));
  }

  unlock(sid: string, owner: string): Promise<void> {
    return this.place.unlock(sid, owner);
  }

  async clear(): Promise<number> {
    this.cache.flush();
    try {
      return await this.place.clear();
    } finally {
      this.cache.flush();
    }
  }

  count(): Promise<number> {
    return this.place.count();
  }

  all(): AsyncIterable<StoredSession> {
    return this.place.all();
  }

  listByUser(userId: string): Promise<readonly StoredSession[]> {
    return this.place.listByUser(userId);
  }

  expire(): Promise<readonly string[]> {
    return this.place.expire();
  }

  /**
   * Drops what is known before the change is sent, since it counts no more once the change may have been made; and again when
   * its end is known, whatever that was: what was read meanwhile may be from before it, and its maker must see it.
   */
  private async changing<T>(id: string, change: () => Promise<T>): Promise<T> {
    this.cache.drop(id);
    try {
      return await change();
    } finally {
      this.cache.drop(id);
    }
  }

  private dropAll(ids: readonly string[]): void {
    for (const id of ids) this.cache.drop(id);
  }
}
