import { SessionError } from './session.error.js';

/** A handler asks for the session of a request that has none. @public */
export class SessionMissingError extends SessionError {
  override readonly code = 'SESSION_HTTP_MISSING';

  constructor(
    /** The decorator or method that asked: `@CurrentSession()`. */
    readonly asker: string,
    /** Where: `CartController.show`. */
    readonly place: string,
  ) {
    super(
      `${asker} of ${place} found no session. Either SessionModule does not cover this route (its forRoutes, exclude and ` +
        'cookie.path; the module must be imported), or a guard or middleware has destroyed the session of this request before; gateways need a SessionSocketAdapter.',
    );
  }
}
