import type { Store } from 'express-session';
import type { SessionLocks } from '../store/session-locks.js';
import type { SessionCookies } from './session-cookie.js';
import type { SessionErrorResponse } from './session-http-error.js';

/** What all requests of one middleware have in common. @internal */
export interface SessionPolicy<Request> {
  readonly cookies: SessionCookies;
  /** As `req.sessionStore`. */
  readonly store: Store;
  readonly locks: SessionLocks | null;
  readonly saveUninitialized: boolean;
  readonly genid: ((request: unknown) => string) | undefined;
  /** The lines of `Set-Cookie` for the response of a request whose session is stored. */
  cookiesFor(session: Request): readonly string[];
  /** The head of a request's response leaves. */
  headLeaves(session: Request): void;
  /** The response in place of one that failed; logs it. */
  failed(error: unknown, what: 'store' | 'send'): SessionErrorResponse;
  failedLate(error: unknown): void;
  /** A session began, or got a new id, after the head of its response had left without its cookie. */
  missedHead(): void;
}
