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
 * What a handler may do with its session, and who else may at the same time.
 *
 * - `'shared'`, the default: any number of requests at once; what each changed is merged, field by field.
 * - `'exclusive'`: one request at a time, on all instances. The handler finds the session as the one before left it.
 * - `'readonly'`: as `'shared'`, but a change is refused by an error that names the field.
 * - `'passive'`: as `'readonly'`, and the request is no use of the session: its deadline does not move, nor the cookie's. For what a
 *   page asks by itself, again and again.
 * - `'none'`: nothing is stored and the deadline does not move, as if the request had not been made. (A route that is to cost
 *   not even the load belongs into the module's `exclude`.)
 *
 * @public
 */
export type SessionAccessMode = 'shared' | 'exclusive' | 'readonly' | 'passive' | 'none';

/**
 * The session of a request: express-session's methods and the application's data, every field of which may be missing.
 *
 * @typeParam Data - the data; without it what the application declared for express-session's `SessionData`
 * @public
 */
export type LiveSession<Data extends object = SessionData> = Session & Partial<Data>;
