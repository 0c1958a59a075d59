import { HttpStatus } from '@nestjs/common';
import { SessionHttpError } from './session-http.error.js';

/** Nobody is signed in where `@RequireRecentSignIn` asks for it. Over HTTP: 401, with `code` in the body. @public */
export class SessionSignInRequiredError extends SessionHttpError {
  override readonly code = 'SESSION_SIGN_IN_REQUIRED';

  constructor() {
    super(HttpStatus.UNAUTHORIZED, 'Nobody is signed in; the handler was not called.', {
      shown: { code: 'SESSION_SIGN_IN_REQUIRED' },
    });
  }
}

/**
 * The user has authenticated longer ago than `@RequireRecentSignIn` allows, or somebody else acts in their name. Over HTTP: 403,
 * with `code` and `maxAgeMs` in the body: the page asks the user to authenticate once more.
 *
 * @public
 */
export class SessionSignInTooOldError extends SessionHttpError {
  override readonly code = 'SESSION_SIGN_IN_TOO_OLD';

  constructor(
    /** How long ago it may be. @unit milliseconds */
    readonly maxAgeMs: number,
  ) {
    super(HttpStatus.FORBIDDEN, `The user has not authenticated within ${maxAgeMs} ms; the handler was not called.`, {
      shown: { code: 'SESSION_SIGN_IN_TOO_OLD', maxAgeMs },
    });
  }
}
