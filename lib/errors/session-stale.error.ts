import { SessionError } from './session.error.js';

/**
 * A handler changed, or saved, a session object that was not the request's session any more: after `regenerate`, `reload` or
 * `destroy` the request has another one, or none. The change was not stored. A fault of the application: 500.
 *
 * @public
 */
export class SessionStaleError extends SessionError {
  override readonly code = 'SESSION_HTTP_STALE';

  constructor(
    /** The cause: `regenerate`, `reload`, `destroy`, or an assignment to `req.session`. */
    readonly replacedBy: string,
    /** The top-level fields. */
    readonly fields: readonly string[],
  ) {
    const what =
      Array.isArray(fields) && fields.length > 0 ? fields.map((name) => `"${name}"`).join(', ') : 'a session';
    super(
      `${what} was changed or saved on a session object that ${replacedBy} had replaced before; nothing of that was stored. ` +
        'Take the session anew from req.session or SessionService.current(), or from what SessionService.regenerate() returns.',
    );
  }
}
