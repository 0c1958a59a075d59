import type { SessionChange, StoredSession } from '../core/session-record.js';

/** What is known of a session right after a change of it. @internal */
export interface StoredState {
  /** How long it lives from now, in milliseconds. */
  readonly remainingMs: number;
  /** Its version now. */
  readonly version: number;
}

/** @internal */
export type CreateOutcome = ({ readonly outcome: 'created' } & StoredState) | { readonly outcome: 'exists' };

/** @internal */
export type CommitOutcome = ({ readonly outcome: 'committed' } & StoredState) | { readonly outcome: 'gone' };

/** @internal */
export type TouchOutcome = ({ readonly outcome: 'touched' } & StoredState) | { readonly outcome: 'gone' };

/**
 * The store's port: what a place that keeps sessions must be able to do.
 *
 * `sid` is the id as the user's cookie carries it; an implementation never stores or logs it in clear. Unknown, expired and
 * ended sessions are outcomes, not errors: a promise rejects only when the place did not answer or refused.
 *
 * @internal
 */
export interface SessionRepository {
  /** The session, or `null` when it is unknown, expired, or ended. */
  load(sid: string): Promise<StoredSession | null>;
  /** Stores a new session; `exists` when the id is taken or was in use a moment ago, and nothing is written. */
  create(sid: string, change: SessionChange): Promise<CreateOutcome>;
  /** Writes the changed fields of a live session; `gone` when it is not there any more, and nothing is written. */
  commit(sid: string, change: SessionChange): Promise<CommitOutcome>;
  /** Stores a whole session whatever was there before: express-session's `set` of a plain object. */
  replace(sid: string, change: SessionChange): Promise<StoredState>;
  /** Moves the deadline of a live session, never to an earlier time. `userId`: whose it is, as far as the caller knows. */
  touch(sid: string, idleTimeoutMs: number, userId: string | null): Promise<TouchOutcome>;
  /** Ends a session; `absent` when there was none. It cannot be committed to or created again for a while. */
  destroy(sid: string): Promise<'destroyed' | 'absent'>;
  /** Live sessions now: exact, without a scan. */
  count(): Promise<number>;
  /** Every live session, a bounded page at a time. Sessions that come and go meanwhile may be missed. */
  all(): AsyncIterable<StoredSession>;
  /** Ends every session of this installation and nothing else; resolves with how many there were. */
  clear(): Promise<number>;
}
