import type { Session, SessionData } from 'express-session';

declare module 'express-session' {
  interface Session {
    /** Stores the session now; resolves once it is stored. */
    save(): Promise<void>;
    /** Loads the session again; `req.session` is a new object afterwards. Rejects when it has ended meanwhile. */
    reload(): Promise<void>;
    /** Ends the session; `req.session` is gone at once and the cookie is cleared with the response. */
    destroy(): Promise<void>;
    /** Ends the session and makes a new one with a new id in `req.session`. */
    regenerate(): Promise<void>;
  }
}

/**
 * The session of a request: express-session's methods and the application's data, every field of which may be missing.
 *
 * @typeParam Data - the data; without it what the application declared for express-session's `SessionData`
 * @public
 */
export type LiveSession<Data extends object = SessionData> = Session & Partial<Data>;
