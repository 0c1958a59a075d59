import { SessionError } from './session.error.js';

/** A handler of a socket's message asked for what needs another cookie; nothing was stored. A fault of the application. @public */
export class SessionCookieUnsendableError extends SessionError {
  override readonly code = 'SESSION_COOKIE_UNSENDABLE';

  constructor(
    /** The request that was refused: `regenerate()`, `a new session`. */
    readonly what: string,
  ) {
    super(
      `${what} needs a cookie, and a message of a socket cannot bring its client one. Nothing was stored. ` +
        'Sign in, and give a session its new id, in an HTTP request.',
    );
  }
}
