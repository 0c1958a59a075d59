import { SessionError } from './session.error.js';

/** The cookie of a session was given a value that no cookie can have. A fault of the application: 500. @public */
export class SessionCookieError extends SessionError {
  override readonly code = 'SESSION_COOKIE_INVALID';

  constructor(
    /** The attribute that is wrong: `maxAge`, `expires` … */
    readonly attribute: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`The session cookie's ${attribute} is not valid: ${reason}. The session's cookie was not sent.`, options);
  }
}
