import type { Clock } from '../core/clock.js';
import { systemClock } from '../core/clock.js';
import { storedId } from '../core/session-id.js';
import type { SessionChange, StoredSession, UserLimit } from '../core/session-record.js';
import type {
  CommitOutcome,
  CreateOutcome,
  SessionDirectory,
  SessionEndings,
  SessionLockPlace,
  SessionRecords,
  SessionRepository,
  StoredState,
  TouchOutcome,
} from './session-repository.js';

interface MemorySession {
  readonly fields: Map<string, string>;
  cookie: string | null;
  userId: string | null;
  about: string | null;
  readonly createdAtMs: number;
  readonly latestMs: number;
  deadlineMs: number;
  seenAtMs: number;
  version: number;
  isRotated: boolean;
}

/** Settings of the in-process repository. @internal */
export interface MemorySessionRepositoryOptions {
  /** Longest life of a session, or `null`. @unit milliseconds */
  readonly absoluteTimeoutMs: number | null;
  /** How long an ended session's id stays unusable. @unit milliseconds */
  readonly tombstoneMs: number;
  /** How many sessions one user may have, or `null`. */
  readonly userLimit: UserLimit | null;
  /** @defaultValue the process's clock */
  readonly clock?: Clock;
}

/**
 * Sessions in this process: the embedded default and the store of tests. The same outcomes as with Redis, and no more safety
 * than the process itself has.
 *
 * @internal
 */
export class MemorySessionRepository
  implements SessionRepository, SessionRecords, SessionEndings, SessionDirectory, SessionLockPlace
{
  readonly records = this;
  readonly endings = this;
  readonly directory = this;
  readonly locks = this;
  private readonly sessions = new Map<string, MemorySession>();
  private readonly users = new Map<string, Set<string>>();
  private readonly tombstones = new Map<string, number>();
  private readonly holders = new Map<string, { readonly owner: string; readonly untilMs: number }>();
  private readonly clock: Clock;
  private expired: string[] = [];
  private sweepAt = 1024;

  constructor(private readonly options: MemorySessionRepositoryOptions) {
    this.clock = options.clock ?? systemClock;
  }

  load(sid: string): Promise<StoredSession | null> {
    const key = keyOf(sid);
    const session = this.live(key);
    return Promise.resolve(session ? this.handOut(key, session) : null);
  }

  create(sid: string, change: SessionChange): Promise<CreateOutcome> {
    const key = keyOf(sid);
    const now = this.clock.nowMs();
    if (this.live(key)) return Promise.resolve({ outcome: 'exists' });
    if ((this.tombstones.get(key) ?? 0) > now) return Promise.resolve({ outcome: 'ended' });
    const evicted = this.makeRoom(change);
    if (!evicted) return Promise.resolve({ outcome: 'refused' });
    return Promise.resolve({
      outcome: 'created',
      ...this.write(key, this.blank(now), change, now),
      evicted,
      expired: this.told(),
    });
  }

  commit(sid: string, change: SessionChange): Promise<CommitOutcome> {
    const key = keyOf(sid);
    const session = this.live(key);
    if (!session || session.isRotated) return Promise.resolve({ outcome: 'gone' });
    if (change.owner !== undefined && this.holder(key) !== change.owner)
      return Promise.resolve({ outcome: 'lockLost' });
    const { expected } = change;
    const fields = [...change.set.keys(), ...change.remove].filter(
      (name) => expected && expected.get(name) !== session.fields.get(name),
    );
    if (fields.length > 0) return Promise.resolve({ outcome: 'conflict', fields });
    const evicted = this.makeRoom(change);
    if (!evicted) return Promise.resolve({ outcome: 'refused' });
    const state = this.write(key, session, change, this.clock.nowMs());
    return Promise.resolve({ outcome: 'committed', ...state, evicted, expired: [] });
  }

  replace(sid: string, change: SessionChange): Promise<StoredState> {
    const key = keyOf(sid);
    const now = this.clock.nowMs();
    const session = this.live(key) ?? this.blank(now);
    session.fields.clear();
    session.cookie = null;
    this.tombstones.delete(key);
    return Promise.resolve(this.write(key, session, change, now));
  }

  touch(sid: string, idleTimeoutMs: number): Promise<TouchOutcome> {
    const session = this.live(keyOf(sid));
    if (!session || session.isRotated) return Promise.resolve({ outcome: 'gone' });
    const now = this.clock.nowMs();
    session.deadlineMs = Math.max(session.deadlineMs, deadlineOf(session, idleTimeoutMs, now));
    session.seenAtMs = now;
    return Promise.resolve({ outcome: 'touched', ...stateOf(session, now) });
  }

  destroy(sid: string): Promise<'destroyed' | 'absent'> {
    return this.destroyStored(keyOf(sid));
  }

  destroyStored(id: string): Promise<'destroyed' | 'absent'> {
    const outcome = this.live(id) ? 'destroyed' : 'absent';
    this.bury(id);
    return Promise.resolve(outcome);
  }

  rotate(sid: string, graceMs: number): Promise<'rotated' | 'gone'> {
    const key = keyOf(sid);
    const session = this.live(key);
    if (!session) return Promise.resolve('gone');
    this.setUser(key, session, null);
    session.isRotated = true;
    session.deadlineMs = Math.min(session.deadlineMs, this.clock.nowMs() + graceMs);
    this.tombstones.set(key, this.clock.nowMs() + this.options.tombstoneMs);
    return Promise.resolve('rotated');
  }

  count(): Promise<number> {
    this.sweep();
    return Promise.resolve([...this.sessions.values()].filter(({ isRotated }) => !isRotated).length);
  }

  async *all(): AsyncIterable<StoredSession> {
    for (const key of [...this.sessions.keys()]) {
      const session = this.live(key);
      if (session && !session.isRotated) yield this.handOut(key, session);
      // Lets others run: a caller that walks a million sessions must not stop the process.
      await Promise.resolve();
    }
  }

  async clear(): Promise<number> {
    const count = await this.count();
    for (const key of this.sessions.keys()) this.bury(key);
    return count;
  }

  listByUser(userId: string): Promise<readonly StoredSession[]> {
    return Promise.resolve(this.sessionsOf(userId).map(([key, session]) => this.handOut(key, session)));
  }

  lock(sid: string, owner: string, ttlMs: number): Promise<number> {
    const key = keyOf(sid);
    const holder = this.holder(key);
    if (holder !== undefined && holder !== owner) {
      return Promise.resolve(Math.max(1, (this.holders.get(key)?.untilMs ?? 0) - this.clock.nowMs()));
    }
    this.holders.set(key, { owner, untilMs: this.clock.nowMs() + ttlMs });
    return Promise.resolve(0);
  }

  unlock(sid: string, owner: string): Promise<void> {
    const key = keyOf(sid);
    if (this.holder(key) === owner) this.holders.delete(key);
    return Promise.resolve();
  }

  expire(): Promise<readonly string[]> {
    this.sweep();
    return Promise.resolve(this.told());
  }

  /** At one moment, as a script in Redis: its answer is exact to the millisecond. */
  private write(key: string, session: MemorySession, change: SessionChange, now: number): StoredState {
    for (const [name, text] of change.set) session.fields.set(name, text);
    for (const name of change.remove) session.fields.delete(name);
    if (change.cookie !== undefined) session.cookie = change.cookie;
    if (change.about !== undefined) session.about = change.about;
    session.version += 1;
    session.seenAtMs = now;
    session.deadlineMs = deadlineOf(session, change.idleTimeoutMs, now);
    if (change.idleTimeoutMs <= 0) {
      this.bury(key);
    } else {
      if (!change.keepsUser) this.setUser(key, session, change.userId);
      this.sessions.set(key, session);
      if (this.sessions.size + this.tombstones.size > this.sweepAt) this.sweep();
    }
    return stateOf(session, now);
  }

  private blank(createdAtMs: number): MemorySession {
    const latestMs = createdAtMs + (this.options.absoluteTimeoutMs ?? Infinity);
    const none = { cookie: null, userId: null, about: null, isRotated: false, deadlineMs: 0, version: 0 };
    return { fields: new Map(), ...none, createdAtMs, latestMs, seenAtMs: createdAtMs };
  }

  private live(key: string): MemorySession | undefined {
    const session = this.sessions.get(key);
    if (!session || session.deadlineMs > this.clock.nowMs()) return session;
    this.forget(key, session);
    if (!session.isRotated) this.expired.push(key);
    return undefined;
  }

  private forget(key: string, session: MemorySession): void {
    this.setUser(key, session, null);
    this.sessions.delete(key);
  }

  private setUser(key: string, session: MemorySession, userId: string | null): void {
    if (session.userId !== null) {
      const keys = this.users.get(session.userId);
      keys?.delete(key);
      if (keys?.size === 0) this.users.delete(session.userId);
    }
    if (userId !== null) this.users.set(userId, (this.users.get(userId) ?? new Set<string>()).add(key));
    session.userId = userId;
  }

  private sessionsOf(userId: string): [string, MemorySession][] {
    return [...(this.users.get(userId) ?? [])].flatMap((key): [string, MemorySession][] => {
      const session = this.live(key);
      return session ? [[key, session]] : [];
    });
  }

  private makeRoom({ userId, isSignIn }: SessionChange): readonly string[] | null {
    const { userLimit } = this.options;
    if (!userLimit || !isSignIn || userId === null) return [];
    const sessions = this.sessionsOf(userId).sort(([, a], [, b]) => a.deadlineMs - b.deadlineMs);
    const surplus = sessions.slice(0, Math.max(0, sessions.length + 1 - userLimit.max)).map(([key]) => key);
    if (surplus.length > 0 && userLimit.evict === 'reject') return null;
    for (const key of surplus) this.bury(key);
    return surplus;
  }

  private holder(key: string): string | undefined {
    const lock = this.holders.get(key);
    return lock && lock.untilMs > this.clock.nowMs() ? lock.owner : undefined;
  }

  private handOut(id: string, session: MemorySession): StoredSession {
    const { cookie, userId, about, createdAtMs, seenAtMs, isRotated } = session;
    const now = this.clock.nowMs();
    const longestRemainingMs = session.latestMs - now;
    const fields = new Map(session.fields);
    const meta = { cookie, userId, about, createdAtMs, seenAtMs, isRotated, longestRemainingMs };
    return { id, fields, ...meta, ...stateOf(session, now) };
  }

  private bury(key: string): void {
    const session = this.sessions.get(key);
    if (session) this.forget(key, session);
    this.tombstones.set(key, this.clock.nowMs() + this.options.tombstoneMs);
  }

  private told(): readonly string[] {
    const expired = this.expired;
    this.expired = [];
    return expired;
  }

  /** Forgets what has expired; the next sweep comes when the maps have doubled, so its cost is spread over the writes. */
  private sweep(): void {
    const now = this.clock.nowMs();
    for (const key of this.sessions.keys()) this.live(key);
    for (const [key, untilMs] of this.tombstones) if (untilMs <= now) this.tombstones.delete(key);
    for (const [key, { untilMs }] of this.holders) if (untilMs <= now) this.holders.delete(key);
    this.sweepAt = Math.max(1024, 2 * (this.sessions.size + this.tombstones.size));
  }
}

function deadlineOf({ latestMs }: MemorySession, idleTimeoutMs: number, now: number): number {
  return Math.min(now + idleTimeoutMs, latestMs);
}

function stateOf({ deadlineMs, version }: MemorySession, now: number): StoredState {
  return { remainingMs: Math.max(0, deadlineMs - now), version };
}

const keyOf = (sid: string): string => storedId(sid, 1).id;
