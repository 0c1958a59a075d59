import type { IncomingMessage } from 'node:http';
import type { Session } from 'express-session';
import type { CookieData } from './session-codec.js';

/** What of a live session is not stored yet. @internal */
export interface PendingChange {
  /** Top-level fields that differ. */
  readonly fields: readonly string[];
  /** Whether the cookie's life or attributes differ. */
  readonly changesCookie: boolean;
  /** That its user has authenticated. */
  readonly authentication?: RequestAuthentication | undefined;
}

/** That a session's user has authenticated in a request. @internal */
export interface RequestAuthentication {
  readonly method: string | null;
  readonly actor: string | null;
  /** Name of the identity provider's session; `undefined`: the one of before. */
  readonly provider: string | null | undefined;
}

/** How a session's user has authenticated. @internal */
export interface RequestSignIn {
  /** How long ago. @unit milliseconds */
  readonly ageMs: number;
  readonly method: string | null;
  readonly actor: string | null;
}

/** How long a stored session lives from now on. @internal */
export interface RequestRemaining {
  /** When nobody uses it. @unit milliseconds */
  readonly idleMs: number;
  /** However busy; `Infinity` without an absolute timeout. @unit milliseconds */
  readonly absoluteMs: number;
}

/** One session of a request from its load to its commit, as the middleware knows it. @internal */
export interface RequestDraft {
  /** The id as the cookie carries it. */
  readonly sid: string;
  /** Whether the store has the session under this id. */
  readonly isStored: boolean;
  /** The fields as they were loaded. */
  readonly data: Readonly<Record<string, unknown>>;
  /** The cookie as it is stored, or `null`. */
  readonly cookie: CookieData | null;
  /** How long it lives from its load when nobody touches it. @unit milliseconds */
  readonly remainingMs: number;
  /** Whose session it is in the store, or `null`; `undefined`: it is not stored, or the store does not know. */
  readonly userId: string | null | undefined;
  /** The session object that the store's own `createSession` has made, or `undefined`: then `data` is all there is. */
  readonly made: Session | undefined;
  /** Who must hold the session's exclusive lock for a change to be stored; `undefined`: nobody. */
  owner: string | undefined;
  /** That its user has authenticated in this request, until that is stored. */
  authentication: RequestAuthentication | undefined;
  /** How its user has authenticated, as far as that is stored; `null`: it is nobody's; `undefined`: the store does not know. */
  readonly signIn: RequestSignIn | null | undefined;
  /** How long it lives; `null`: it is not stored; `undefined`: the store does not know. */
  readonly remaining: RequestRemaining | null | undefined;
}

/** How a request's session gets a new id. @internal */
export interface RequestMove {
  /** An id that nobody knows yet. */
  readonly fresh: string;
  /** How long the old id reads the session as it was; 0: not at all. @unit milliseconds */
  readonly graceMs: number;
  /** Top-level fields that go with it. */
  readonly keep: readonly string[] | 'all';
  /** Whether the user has authenticated in this request: its absolute deadline begins anew. */
  readonly isReauthenticated: boolean;
}

/**
 * The port that the middleware asks for the sessions of requests. What it hands out is handed back to the same store.
 *
 * A promise rejects only when the place did not answer or refused.
 *
 * @internal
 */
export interface RequestStore<Draft extends RequestDraft = RequestDraft> {
  /** The session, or `null` when it is unknown, expired, ended, or cannot be read. The signal ends the wait of a caller that has gone. */
  load(request: IncomingMessage, sid: string, signal?: () => AbortSignal): Promise<Draft | null>;
  /**
   * A session that is new.
   *
   * @param source - the session of the request that it comes from: with the same user it is stored only while that is live
   */
  begin(sid: string, source?: Draft): Draft;
  /** Finds the draft of a session object that the middleware has not made itself. */
  adopt(session: Session): Draft;
  /**
   * Compares the live session with the stored one: a change to store, a deadline to move, or `undefined`: nothing.
   *
   * @throws SessionSerializationError when a field cannot be stored.
   * @throws SessionTooLargeError when the session is larger than `maxBytes`.
   * @throws SessionTooManyFieldsError when it has more than `maxFields`.
   */
  inspect(draft: Draft, session: Session): PendingChange | 'touch' | undefined;
  /**
   * Stores a live session.
   *
   * @param change - what `inspect` has found right now; without it the session is inspected once more
   * @returns `false` when the session had ended: nothing was stored
   */
  save(draft: Draft, session: Session, change?: PendingChange): Promise<boolean>;
  /** Moves the deadline. */
  touch(draft: Draft, session: Session): Promise<void>;
  /** Ends a session. */
  end(sid: string): Promise<void>;
  /** Gives a stored session a new id; the draft of its successor, or `null` when it is gone: no other session comes of it. */
  move(draft: Draft, session: Session | undefined, move: RequestMove): Promise<Draft | null>;
  /** Makes sure that what is loaded from now on is not older than now. */
  refresh(sid: string): void;
}
