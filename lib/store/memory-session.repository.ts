import type { Clock } from '../core/clock.js';
import { systemClock } from '../core/clock.js';
import type { StoredSession } from '../core/session-record.js';
import { MemoryLocks } from './memory-locks.js';
import { MemoryRecords } from './memory-records.js';
import type { MemoryRecordsOptions } from './memory-records.js';
import { MemorySessions } from './memory-sessions.js';
import type { MemorySession } from './memory-sessions.js';
import type {
  EndedSession,
  SessionDirectory,
  SessionEndings,
  SessionRepository,
  SignOutScope,
} from './session-repository.js';

/** Settings of the in-process repository. @internal */
export interface MemorySessionRepositoryOptions extends MemoryRecordsOptions {
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
  readonly records: MemoryRecords;
  readonly endings: SessionEndings;
  readonly directory: SessionDirectory;
  readonly locks: MemoryLocks;

  constructor({ clock = systemClock, tombstoneMs, ...options }: MemorySessionRepositoryOptions) {
    const sessions = new MemorySessions(clock, tombstoneMs);
    this.locks = new MemoryLocks(clock);
    this.records = new MemoryRecords(sessions, this.locks, options);
    this.endings = new MemoryEndings(sessions);
    this.directory = new MemoryDirectory(sessions);
  }
}

class MemoryEndings implements SessionEndings {
  constructor(private readonly sessions: MemorySessions) {}

  destroyStored(id: string, userId?: string): Promise<'destroyed' | 'absent'> {
    const meant = this.sessions.successorOf(id);
    const session = this.sessions.live(meant);
    const isMeant = session ? userId === undefined || session.userId === userId : this.sessions.isBuried(meant);
    if (session && isMeant) this.sessions.bury(meant);
    return Promise.resolve(isMeant ? 'destroyed' : 'absent');
  }

  signOut(userId: string, { except }: SignOutScope = {}): Promise<readonly string[]> {
    const spared = except === undefined ? undefined : (this.sessions.live(except)?.lineage ?? except);
    this.sessions.mark(userId);
    const ended = this.sessions.ofUser(userId).filter(([, { lineage }]) => lineage !== spared);
    for (const [id] of ended) this.sessions.bury(id);
    return Promise.resolve(ended.map(([id]) => id));
  }

  endProvider(provider: string): Promise<readonly EndedSession[]> {
    this.sessions.endProvider(provider);
    const ended: EndedSession[] = [];
    for (const [id, session] of this.sessions.byId) {
      if (session.provider !== provider || !this.sessions.live(id)) continue;
      if (!session.isRotated) ended.push({ id, userId: session.userId });
      this.sessions.bury(id);
    }
    return Promise.resolve(ended);
  }

  clear(): Promise<number> {
    this.sessions.mark(null);
    let count = 0;
    for (const [id, { isRotated }] of this.sessions.byId) {
      if (this.sessions.live(id) && !isRotated) count += 1;
      this.sessions.bury(id);
    }
    return Promise.resolve(count);
  }
}

class MemoryDirectory implements SessionDirectory {
  constructor(private readonly sessions: MemorySessions) {}

  count(): Promise<number> {
    this.sessions.sweep();
    let count = 0;
    for (const { isRotated } of this.sessions.byId.values()) if (!isRotated) count += 1;
    return Promise.resolve(count);
  }

  async *all(): AsyncIterable<StoredSession> {
    for (const id of [...this.sessions.byId.keys()]) {
      const session = this.sessions.own(id);
      if (session) yield this.sessions.handOut(id, session);
      // Lets others run: a caller that walks a million sessions must not stop the process.
      await Promise.resolve();
    }
  }

  listByUser(userId: string): Promise<readonly StoredSession[]> {
    const byCreation = ([, a]: [string, MemorySession], [, b]: [string, MemorySession]) =>
      a.createdAtMs - b.createdAtMs;
    const sessions = this.sessions.ofUser(userId).sort(byCreation);
    return Promise.resolve(sessions.map(([id, session]) => this.sessions.handOut(id, session)));
  }

  expire(): Promise<readonly string[]> {
    this.sessions.sweep();
    return Promise.resolve(this.sessions.takeExpired());
  }
}
