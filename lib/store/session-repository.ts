import type { SessionChange, StoredSession } from '../core/session-record.js';
import type { SessionImports } from './session-imports.js';

/** What is known of a session right after a change of it. @internal */
export interface StoredState {
  /** How long it lives from now, in milliseconds. */
  readonly remainingMs: number;
  /** Its version now. */
  readonly version: number;
}

/** What else a change brought about. @internal */
export interface SideEffects {
  /** Stored ids of the user's sessions that had to end to make room. */
  readonly evicted: readonly string[];
  /** Stored ids of sessions found expired; no other caller is told of them. */
  readonly expired: readonly string[];
}

/**
 * `exists`: the id is in use; `ended`: it was a moment ago; `refused`: the user has as many sessions as they may; `sourceGone`: the
 * session that the user's comes from has ended, was moved, or is another user's.
 *
 * @internal
 */
export type CreateOutcome =
  | ({ readonly outcome: 'created' } & StoredState & SideEffects)
  | { readonly outcome: 'exists' | 'ended' | 'refused' | 'sourceGone' };

/**
 * `gone`: there is no such session any more; `lockLost`: the exclusive lock is another's by now; `conflict`: somebody else
 * changed these fields; `refused`: the user has as many sessions as they may; `tooManyFields`: it would have as many fields, more than
 * it may; `signedOut`: the identity provider's session by which its user signs in, or has signed in, is over, and this one is, too. Nothing
 * is written then.
 *
 * @internal
 */
export type CommitOutcome =
  | ({ readonly outcome: 'committed' } & StoredState & SideEffects)
  | { readonly outcome: 'gone' | 'lockLost' | 'refused' | 'signedOut' }
  | { readonly outcome: 'conflict'; readonly fields: readonly string[] }
  | { readonly outcome: 'tooManyFields'; readonly count: number };

/** @internal */
export type TouchOutcome = ({ readonly outcome: 'touched' } & StoredState) | { readonly outcome: 'gone' };

/**
 * `gone`: the session has ended, was moved, or its user was signed out; `lockLost`: the exclusive lock is another's by now;
 * `exists`: the successor's id is in use; `changed`: it has another version than the one that was named. Nothing is written then.
 *
 * @internal
 */
export type MoveOutcome =
  | ({
      readonly outcome: 'moved';
      /** Whose session it is, or `null`. */
      readonly userId: string | null;
    } & StoredState)
  | { readonly outcome: 'gone' | 'lockLost' | 'exists' | 'changed' };

/** How a session gets a new id. @internal */
export interface SessionMove {
  /** The new id, made by {@link SessionRecords.successorSid}. */
  readonly to: string;
  /** How long the old id reads the session as it was; 0: not at all. @unit milliseconds */
  readonly graceMs: number;
  /** Fields that the successor keeps of what is stored. */
  readonly keep: readonly string[] | 'all';
  /** What else is to be stored with it. `userId` is the user as far as the caller knows: a move changes nobody's user. */
  readonly change: SessionChange;
  /** The version that the session must have; without it whichever. */
  readonly version?: number | undefined;
}

/** The session that a request's new session comes from. @internal */
export interface SessionSource {
  readonly sid: string;
  /** Whose it was when the request began. */
  readonly userId: string | null;
}

/** A session that somebody else has ended. @internal */
export interface EndedSession {
  /** Its stored id. */
  readonly id: string;
  readonly userId: string | null;
}

/** Which sessions a sign-out spares. @internal */
export interface SignOutScope {
  /** Stored id of a session that stays, whatever id it has by now. */
  readonly except?: string | undefined;
}

/** Where the near cache stands. @public */
export interface SessionNearCacheStatus {
  /**
   * `serving`: sessions are read from it; `waiting`: not at the moment, since it is not proven that changes are heard of;
   * `outage`: no primary is usable and sessions are still read from it, for `staleOnOutageMs` at the most; `off`: the server does
   * not allow it.
   */
  readonly state: 'serving' | 'waiting' | 'outage' | 'off';
  /** Why it is `off`, and what to do; else `null`. */
  readonly reason: string | null;
  /** Sessions in it now. */
  readonly entries: number;
  /** What they take, by estimate. @unit bytes */
  readonly bytes: number;
  /** Reads that it has answered. */
  readonly hits: number;
  /** Reads that went to Redis. */
  readonly misses: number;
  /** Changes of sessions that were heard of, by whatever instance. */
  readonly invalidations: number;
}

/** What those may do with a cache who do not read from it. @internal */
export interface SessionCache {
  /** What is loaded from now on is not older than now. */
  forget(sid: string): void;
  /** Answers at once, asks nobody. */
  status(): SessionNearCacheStatus;
}

/** How many expired sessions a place forgets at a time; more when it keeps them in several slots. @internal */
export const EXPIRY_PAGE_COUNT = 200;

/**
 * Sessions as requests ask for them.
 *
 * `sid` is the id as the user's cookie carries it; an implementation never stores or logs it in clear. Unknown, expired and
 * ended sessions are outcomes, not errors: a promise rejects only when the place did not answer or refused.
 *
 * @internal
 */
export interface SessionRecords {
  /** The session, or `null` when it is unknown, expired, or ended. The signal ends the wait of a caller that has gone. */
  load(sid: string, signal?: () => AbortSignal): Promise<StoredSession | null>;
  /**
   * Stores a new session.
   *
   * @param source - the request's session that the new one comes from. When both have the same user, the new session inherits how
   *   they authenticated and when it must end, and the source must be live.
   */
  create(sid: string, change: SessionChange, source?: SessionSource): Promise<CreateOutcome>;
  /** Writes the changed fields of a live session. */
  commit(sid: string, change: SessionChange): Promise<CommitOutcome>;
  /** Stores a whole session whatever was there before: express-session's `set` of a plain object. */
  replace(sid: string, change: SessionChange): Promise<StoredState>;
  /**
   * Moves the deadline of a live session, never to an earlier time. `userId`: whose it is, and `provider`: the identity provider's
   * session by which they signed in, as far as the caller knows.
   */
  touch(sid: string, idleTimeoutMs: number, userId: string | null, provider?: string | null): Promise<TouchOutcome>;
  /** Ends a session; `absent` when there was none. It cannot be committed to or created again for a while. */
  destroy(sid: string): Promise<'destroyed' | 'absent'>;
  /** A fresh id for a session that comes from another: it lives in the same slot. */
  successorSid(sid: string, fresh: string): string;
  /**
   * Gives a live session a new id. Its successor inherits whose it is, how they authenticated and when it must end. The old id is
   * never changed, prolonged, counted or moved again.
   */
  move(sid: string, move: SessionMove): Promise<MoveOutcome>;
}

/** Ends sessions that are not those of the request that asks. @internal */
export interface SessionEndings {
  /** Ends a session by its stored id; `userId`: only if it is theirs. */
  destroyStored(id: string, userId?: string): Promise<'destroyed' | 'absent'>;
  /**
   * Ends all sessions of a user from before now, page by page; none of them can be moved or be the source of another meanwhile.
   * Resolves with the stored ids of those that it ended.
   */
  signOut(userId: string, scope?: SignOutScope): Promise<readonly string[]>;
  /** Ends all sessions whose user signed in by a session of an identity provider, and lets nobody sign in by it any more. */
  endProvider(provider: string): Promise<readonly EndedSession[]>;
  /** Ends every session of this installation from before now, likewise, and nothing else; resolves with how many it ended. */
  clear(): Promise<number>;
}

/** Which sessions there are. @internal */
export interface SessionDirectory {
  /** Live sessions now: exact, without a scan. */
  count(): Promise<number>;
  /** Every live session, a bounded page at a time. Sessions that come and go meanwhile may be missed. */
  all(): AsyncIterable<StoredSession>;
  /** A user's live sessions, in the order of their creation; never misses one. */
  listByUser(userId: string): Promise<readonly StoredSession[]>;
  /**
   * Forgets a page of sessions that have expired; resolves with their stored ids, each given to exactly one caller. Fewer than
   * {@link EXPIRY_PAGE_COUNT}: none is left.
   */
  expire(): Promise<readonly string[]>;
}

/** Exclusive locks of sessions. @internal */
export interface SessionLockPlace {
  /** Takes, or takes again, a session's exclusive lock; resolves with 0, or with how long another may still hold it. @unit milliseconds */
  lock(sid: string, owner: string, ttlMs: number): Promise<number>;
  /** Gives the lock back, if it is still the owner's. */
  unlock(sid: string, owner: string): Promise<void>;
}

/**
 * A place that keeps sessions: one small port for each who asks.
 *
 * @internal
 */
export interface SessionRepository {
  /** Asked by the store, for requests. */
  readonly records: SessionRecords;
  /** Asked by those who end other requests' sessions. */
  readonly endings: SessionEndings;
  /** Asked by lists, counts and the sweeper. */
  readonly directory: SessionDirectory;
  /** Asked by exclusive access. */
  readonly locks: SessionLockPlace;
  /** Takes sessions over from another store; `undefined`: it cannot. */
  readonly imports?: SessionImports | undefined;
  /** The cache that `load` may answer from; `undefined`: there is none. */
  readonly cache?: SessionCache | undefined;
}
