import { setImmediate as endOfTurn } from 'node:timers/promises';
import { storedId } from '../core/session-id.js';
import type { SessionChange, StoredSession } from '../core/session-record.js';
import type { NearCache } from './near-cache.js';
import type { SessionImports } from './session-imports.js';
import type {
  CommitOutcome,
  CreateOutcome,
  EndedSession,
  MoveOutcome,
  SessionDirectory,
  SessionEndings,
  SessionLockPlace,
  SessionMove,
  SessionRecords,
  SessionRepository,
  SessionSource,
  SignOutScope,
  StoredState,
  TouchOutcome,
} from './session-repository.js';

/**
 * A repository whose sessions are read from a near cache where that is possible. All changes go to the place itself, so neither
 * what is stored nor what is refused depends on the cache. Locks and lists are the place's own.
 *
 * @internal
 */
export class NearCacheRepository implements SessionRepository {
  readonly records: SessionRecords;
  readonly endings: SessionEndings;
  readonly directory: SessionDirectory;
  readonly locks: SessionLockPlace;
  readonly imports: SessionImports | undefined;

  constructor(
    place: SessionRepository,
    readonly cache: NearCache,
  ) {
    this.records = new NearCacheRecords(place.records, cache);
    this.endings = new NearCacheEndings(place.endings, cache);
    this.directory = place.directory;
    this.locks = place.locks;
    // What is not here is not in the cache either.
    this.imports = place.imports;
  }
}

class NearCacheRecords implements SessionRecords {
  constructor(
    private readonly place: SessionRecords,
    private readonly cache: NearCache,
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

  async create(sid: string, change: SessionChange, source?: SessionSource): Promise<CreateOutcome> {
    const result = await changing(this.cache, storedId(sid, 1).id, () => this.place.create(sid, change, source));
    if (result.outcome === 'created') dropAll(this.cache, result.evicted);
    return result;
  }

  async commit(sid: string, change: SessionChange): Promise<CommitOutcome> {
    const result = await changing(this.cache, storedId(sid, 1).id, () => this.place.commit(sid, change));
    if (result.outcome === 'committed') dropAll(this.cache, result.evicted);
    return result;
  }

  replace(sid: string, change: SessionChange): Promise<StoredState> {
    return changing(this.cache, storedId(sid, 1).id, () => this.place.replace(sid, change));
  }

  touch(...call: Parameters<SessionRecords['touch']>): Promise<TouchOutcome> {
    return changing(this.cache, storedId(call[0], 1).id, () => this.place.touch(...call));
  }

  destroy(sid: string): Promise<'destroyed' | 'absent'> {
    return changing(this.cache, storedId(sid, 1).id, () => this.place.destroy(sid));
  }

  successorSid(sid: string, fresh: string): string {
    return this.place.successorSid(sid, fresh);
  }

  move(sid: string, move: SessionMove): Promise<MoveOutcome> {
    return changing(this.cache, storedId(sid, 1).id, () => this.place.move(sid, move));
  }
}

class NearCacheEndings implements SessionEndings {
  constructor(
    private readonly place: SessionEndings,
    private readonly cache: NearCache,
  ) {}

  destroyStored(id: string, userId?: string): Promise<'destroyed' | 'absent'> {
    return changing(this.cache, id, () => this.place.destroyStored(id, userId));
  }

  async signOut(userId: string, scope?: SignOutScope): Promise<readonly string[]> {
    const ended = await this.place.signOut(userId, scope);
    dropAll(this.cache, ended);
    return ended;
  }

  async endProvider(provider: string): Promise<readonly EndedSession[]> {
    const ended = await this.place.endProvider(provider);
    dropAll(
      this.cache,
      ended.map(({ id }) => id),
    );
    return ended;
  }

  async clear(): Promise<number> {
    this.cache.flush();
    try {
      return await this.place.clear();
    } finally {
      this.cache.flush();
    }
  }
}

/**
 * Drops the cached session before the change is sent, since it counts no more once the change may have been made; and again when
 * the change is over, whatever its outcome: a read meanwhile may be from before it, and its maker must see it.
 */
async function changing<T>(cache: NearCache, id: string, change: () => Promise<T>): Promise<T> {
  cache.drop(id);
  try {
    return await change();
  } finally {
    cache.drop(id);
  }
}

function dropAll(cache: NearCache, ids: readonly string[]): void {
  for (const id of ids) cache.drop(id);
}
