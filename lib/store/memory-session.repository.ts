import type { Clock } from '../core/clock.js';
import { systemClock } from '../core/clock.js';
import { storedId } from '../core/session-id.js';
import type { SessionChange, StoredSession } from '../core/session-record.js';
import type { CommitOutcome, CreateOutcome, SessionRepository, StoredState, TouchOutcome } from './session-repository.js';

interface MemorySession {
  readonly fields: Map<string, string>;
  cookie: string | null;
  userId: string | null;
  readonly createdAtMs: number;
  readonly latestMs: number;
  deadlineMs: number;
  version: number;
}

/** Settings of the in-process repository. @internal */
export interface MemorySessionRepositoryOptions {
  /** Longest life of a session, or `null`. @unit milliseconds */
  readonly absoluteTimeoutMs: number | null;
  /** How long an ended session's id stays unusable. @unit milliseconds */
  readonly tombstoneMs: number;
  /** @defaultValue the process's clock */
  readonly clock?: Clock;
}

/**
 * Sessions in this process: the embedded default and the store of tests. The same outcomes as with Redis, and no more safety
 * than the process itself has.
 *
 * @internal
 */
export class MemorySessionRepository implements SessionRepository {
  private readonly sessions = new Map<string, MemorySession>();
  private readonly tombstones = new Map<string, number>();
  private readonly clock: Clock;
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
    if (this.live(key) || this.isBuried(key)) return Promise.resolve({ outcome: 'exists' });
    return Promise.resolve({ outcome: 'created', ...this.write(key, this.blank(), change) });
  }

  commit(sid: string, change: SessionChange): Promise<CommitOutcome> {
    const key = keyOf(sid);
    const session = this.live(key);
    if (!session) return Promise.resolve({ outcome: 'gone' });
    return Promise.resolve({ outcome: 'committed', ...this.write(key, session, change) });
  }

  replace(sid: string, change: SessionChange): Promise<StoredState> {
    const key = keyOf(sid);
    const session = this.live(key) ?? this.blank();
    session.fields.clear();
    session.cookie = null;
    this.tombstones.delete(key);
    return Promise.resolve(this.write(key, session, change));
  }

  touch(sid: string, idleTimeoutMs: number): Promise<TouchOutcome> {
    const session = this.live(keyOf(sid));
    if (!session) return Promise.resolve({ outcome: 'gone' });
    session.deadlineMs = Math.max(session.deadlineMs, this.deadline(session, idleTimeoutMs));
    return Promise.resolve({ outcome: 'touched', ...this.stateOf(session) });
  }

  destroy(sid: string): Promise<'destroyed' | 'absent'> {
    const key = keyOf(sid);
    const outcome = this.live(key) ? 'destroyed' : 'absent';
    this.bury(key);
    return Promise.resolve(outcome);
  }

  count(): Promise<number> {
    this.sweep();
    return Promise.resolve(this.sessions.size);
  }

  async *all(): AsyncIterable<StoredSession> {
    for (const key of [...this.sessions.keys()]) {
      const session = this.live(key);
      if (session) yield this.handOut(key, session);
      // Lets others run: a caller that walks a million sessions must not stop the process.
      await Promise.resolve();
    }
  }

  async clear(): Promise<number> {
    const count = await this.count();
    for (const key of this.sessions.keys()) this.bury(key);
    return count;
  }

  private write(key: string, session: MemorySession, change: SessionChange): StoredState {
    for (const [name, text] of change.set) session.fields.set(name, text);
    for (const name of change.remove) session.fields.delete(name);
    if (change.cookie !== undefined) session.cookie = change.cookie;
    session.userId = change.userId;
    session.version += 1;
    session.deadlineMs = this.deadline(session, change.idleTimeoutMs);
    if (change.idleTimeoutMs <= 0) {
      this.bury(key);
    } else {
      this.sessions.set(key, session);
      if (this.sessions.size + this.tombstones.size > this.sweepAt) this.sweep();
    }
    return this.stateOf(session);
  }

  private blank(): MemorySession {
    const createdAtMs = this.clock.nowMs();
    const latestMs = createdAtMs + (this.options.absoluteTimeoutMs ?? Infinity);
    return { fields: new Map(), cookie: null, userId: null, createdAtMs, latestMs, deadlineMs: 0, version: 0 };
  }

  private live(key: string): MemorySession | undefined {
    const session = this.sessions.get(key);
    if (!session || session.deadlineMs > this.clock.nowMs()) return session;
    this.sessions.delete(key);
    return undefined;
  }

  private deadline(session: MemorySession, idleTimeoutMs: number): number {
    return Math.min(this.clock.nowMs() + idleTimeoutMs, session.latestMs);
  }

  private stateOf(session: MemorySession): StoredState {
    return { remainingMs: Math.max(0, session.deadlineMs - this.clock.nowMs()), version: session.version };
  }

  private handOut(id: string, session: MemorySession): StoredSession {
    const { cookie, userId, createdAtMs } = session;
    const longestRemainingMs = session.latestMs - this.clock.nowMs();
    return { id, fields: new Map(session.fields), cookie, userId, createdAtMs, longestRemainingMs, ...this.stateOf(session) };
  }

  private bury(key: string): void {
    this.sessions.delete(key);
    this.tombstones.set(key, this.clock.nowMs() + this.options.tombstoneMs);
  }

  private isBuried(key: string): boolean {
    return (this.tombstones.get(key) ?? 0) > this.clock.nowMs();
  }

  /** Forgets what has expired; the next sweep comes when the maps have doubled, so its cost is spread over the writes. */
  private sweep(): void {
    for (const key of this.sessions.keys()) this.live(key);
    for (const key of this.tombstones.keys()) if (!this.isBuried(key)) this.tombstones.delete(key);
    this.sweepAt = Math.max(1024, 2 * (this.sessions.size + this.tombstones.size));
  }
}

function keyOf(sid: string): string {
  return storedId(sid, 1).id;
}
