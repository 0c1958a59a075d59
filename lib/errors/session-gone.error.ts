import { HttpStatus } from '@nestjs/common';
import { SessionHttpError } from './session-http.error.js';

/**
 * The request's session was ended, or got a new id, while the request was under way: no other session comes of it. The request has
 * an empty session; its user has to sign in again. Over HTTP: 401.
 *
 * @public
 */
export class SessionGoneError extends SessionHttpError {
  override readonly code = 'SESSION_GONE';

  constructor() {
    super(
      HttpStatus.UNAUTHORIZED,
      "The request's session was ended, or given a new id by another request, while this one was under way. " +
        'Nothing was stored; the user has to sign in again.',
    );
  }
}
