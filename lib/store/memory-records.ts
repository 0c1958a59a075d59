import { storedId } from '../core/session-id.js';
import type { SessionChange, StoredSession, UserLimit } from '../core/session-record.js';
import type { MemoryLocks } from './memory-locks.js';
import { stateOf } from './memory-sessions.js';
import type { MemorySession, MemorySessions } from './memory-sessions.js';
import type {
  CommitOutcome,
  CreateOutcome,
  MoveOutcome,
  SessionMove,
  SessionRecords,
  SessionSource,
  StoredState,
  TouchOutcome,
} from './session-repository.js';

/** Settings of the records in this process. @internal */
export interface MemoryRecordsOptions {
  /** Longest life of a session, or `null`. @unit milliseconds */
  readonly absoluteTimeoutMs: number | null;
  /** How many sessions one user may have, or `null`. */
  readonly userLimit: UserLimit | null;
}

/**
 * Sessions of this process, as requests ask for them. Every method is done at one moment, as a script in Redis.
 *
 * @internal
 */
export class MemoryRecords implements SessionRecords {
  constructor(
    private readonly sessions: MemorySessions,
    private readonly locks: MemoryLocks,
    private readonly options: MemoryRecordsOptions,
  ) {}

  load(sid: string): Promise<StoredSession | null> {
    const id = idOf(sid);
    const session = this.sessions.readable(id);
    return Promise.resolve(session ? this.sessions.handOut(id, session) : null);
  }

  create(sid: string, change: SessionChange, source?: SessionSource): Promise<CreateOutcome> {
    const id = idOf(sid);
    if (this.sessions.live(id)) return Promise.resolve({ outcome: 'exists' });
    if (this.sessions.isBuried(id)) return Promise.resolve({ outcome: 'ended' });
    const isSourced = source && source.userId !== null && source.userId === change.userId;
    const from = isSourced ? this.sessions.own(idOf(source.sid)) : undefined;
    if (isSourced && !(from && this.isSourceOf(change, from))) return Promise.resolve({ outcome: 'sourceGone' });
    if (this.sessions.isProviderEnded(change.provider)) return Promise.resolve({ outcome: 'sourceGone' });
    const evicted = this.makeRoom(id, change);
    if (!evicted) return Promise.resolve({ outcome: 'refused' });
    const nowMs = this.sessions.clock.nowMs();
    const session = this.sessions.blank(id, this.options.absoluteTimeoutMs, nowMs);
    this.write(id, session, change, nowMs);
    if (from) {
      const { latestMs, authenticatedAtMs, method, actor, provider } = from;
      Object.assign(session, { latestMs, authenticatedAtMs, method, actor, provider });
      session.deadlineMs = Math.min(session.deadlineMs, latestMs);
    }
    const state = stateOf(session, nowMs);
    return Promise.resolve({ outcome: 'created', ...state, evicted, expired: this.sessions.takeExpired() });
  }

  commit(sid: string, change: SessionChange): Promise<CommitOutcome> {
    const id = idOf(sid);
    const session = this.sessions.own(id);
    if (!session) return Promise.resolve({ outcome: 'gone' });
    if (!this.holdsLock(id, change)) return Promise.resolve({ outcome: 'lockLost' });
    if (this.sessions.isProviderEnded(change.provider)) {
      this.sessions.bury(id);
      return Promise.resolve({ outcome: 'signedOut' });
    }
    const { expected } = change;
    const fields = [...change.set.keys(), ...change.remove].filter(
      (name) => expected && expected.get(name) !== session.fields.get(name),
    );
    if (fields.length > 0) return Promise.resolve({ outcome: 'conflict', fields });
    const count = fieldCountAfter(session, change);
    if (count > Math.max(change.maxFields ?? Infinity, session.fields.size)) {
      return Promise.resolve({ outcome: 'tooManyFields', count });
    }
    const evicted = this.makeRoom(id, change);
    if (!evicted) return Promise.resolve({ outcome: 'refused' });
    return Promise.resolve({ outcome: 'committed', ...this.write(id, session, change), evicted, expired: [] });
  }

  replace(sid: string, change: SessionChange): Promise<StoredState> {
    const id = idOf(sid);
    const nowMs = this.sessions.clock.nowMs();
    const session = this.sessions.own(id) ?? this.sessions.blank(id, this.options.absoluteTimeoutMs, nowMs);
    session.fields.clear();
    session.cookie = null;
    session.about = null;
    this.sessions.exhume(id);
    const isSignIn = change.userId !== session.userId;
    return Promise.resolve(this.write(id, session, { ...change, isSignIn, keepsUser: false }, nowMs));
  }

  touch(sid: string, idleTimeoutMs: number): Promise<TouchOutcome> {
    const session = this.sessions.own(idOf(sid));
    if (!session) return Promise.resolve({ outcome: 'gone' });
    const nowMs = this.sessions.clock.nowMs();
    session.deadlineMs = Math.max(session.deadlineMs, Math.min(nowMs + idleTimeoutMs, session.latestMs));
    session.seenAtMs = nowMs;
    return Promise.resolve({ outcome: 'touched', ...stateOf(session, nowMs) });
  }

  destroy(sid: string): Promise<'destroyed' | 'absent'> {
    const id = this.sessions.successorOf(idOf(sid));
    const wasThere = this.sessions.live(id) !== undefined || this.sessions.isBuried(id);
    if (wasThere) this.sessions.bury(id);
    return Promise.resolve(wasThere ? 'destroyed' : 'absent');
  }

  successorSid(_sid: string, fresh: string): string {
    return fresh;
  }

  move(sid: string, { to, graceMs, keep, change, version }: SessionMove): Promise<MoveOutcome> {
    const [id, nextId] = [idOf(sid), idOf(to)];
    const session = this.sessions.own(id);
    if (!session || this.sessions.isBuried(nextId) || this.sessions.isSignedOut(session))
      return Promise.resolve({ outcome: 'gone' });
    if (!this.holdsLock(id, change)) return Promise.resolve({ outcome: 'lockLost' });
    if (version !== undefined && version !== session.version) return Promise.resolve({ outcome: 'changed' });
    if (this.sessions.live(nextId)) return Promise.resolve({ outcome: 'exists' });
    const { userId } = session;
    const kept = [...session.fields].filter(([name]) => keep === 'all' || keep.includes(name));
    const next: MemorySession = { ...session, fields: new Map(kept), userId: null };
    this.sessions.moveOn(id, session, nextId, graceMs);
    const state = this.write(nextId, next, { ...change, userId, isSignIn: false, keepsUser: false });
    return Promise.resolve({ outcome: 'moved', ...state, userId });
  }

  private write(
    id: string,
    session: MemorySession,
    change: SessionChange,
    nowMs = this.sessions.clock.nowMs(),
  ): StoredState {
    for (const [name, text] of change.set) session.fields.set(name, text);
    for (const name of change.remove) session.fields.delete(name);
    if (change.cookie !== undefined) session.cookie = change.cookie;
    if (change.about !== undefined) session.about = change.about;
    session.version += 1;
    session.seenAtMs = nowMs;
    const isEnding = change.idleTimeoutMs <= 0;
    if (!isEnding) this.authenticate(id, session, change, nowMs);
    session.deadlineMs = Math.min(nowMs + change.idleTimeoutMs, session.latestMs);
    if (isEnding) this.sessions.bury(id);
    else this.sessions.put(id, session);
    return stateOf(session, nowMs);
  }

  /** Makes a session its user's, and notes how they have authenticated. */
  private authenticate(id: string, session: MemorySession, change: SessionChange, nowMs: number): void {
    const { userId, keepsUser, isSignIn, authentication } = change;
    const hasOtherUser = userId !== session.userId;
    if (keepsUser && hasOtherUser) return;
    if (hasOtherUser) this.sessions.setUser(id, session, userId);
    if (userId === null || !(isSignIn || authentication)) return;
    session.authenticatedAtMs = this.sessions.authenticationMs(userId, nowMs);
    session.method = authentication?.method ?? null;
    session.actor = authentication?.actor ?? null;
    session.provider = authentication?.provider ?? null;
    // Who acts in another's name has not authenticated anew.
    if (session.actor === null) {
      session.latestMs = nowMs + (this.options.absoluteTimeoutMs ?? Infinity);
    }
  }

  private makeRoom(own: string, { userId, isSignIn }: SessionChange): readonly string[] | null {
    const { userLimit } = this.options;
    if (!userLimit || !isSignIn || userId === null) return [];
    // A session that is the user's already makes no room for itself.
    const others = this.sessions.ofUser(userId).filter(([id]) => id !== own);
    const sessions = others.sort(([, a], [, b]) => a.deadlineMs - b.deadlineMs);
    const surplus = sessions.slice(0, Math.max(0, sessions.length + 1 - userLimit.max)).map(([id]) => id);
    if (surplus.length > 0 && userLimit.evict === 'reject') return null;
    for (const id of surplus) this.sessions.bury(id);
    return surplus;
  }

  private isSourceOf({ userId }: SessionChange, from: MemorySession): boolean {
    return from.userId === userId && !this.sessions.isSignedOut(from);
  }

  private holdsLock(id: string, { owner }: SessionChange): boolean {
    return owner === undefined || this.locks.holder(id) === owner;
  }
}

function fieldCountAfter({ fields }: MemorySession, { set, remove }: SessionChange): number {
  const added = [...set.keys()].filter((name) => !fields.has(name));
  return fields.size + added.length - remove.filter((name) => fields.has(name)).length;
}

function idOf(sid: string): string {
  return storedId(sid, 1).id;
}
