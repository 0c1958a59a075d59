import { HttpStatus } from '@nestjs/common';
import { SessionHttpError } from './session-http.error.js';

/** Another request held the session's exclusive lock for longer than `lockTimeoutMs`, or too many wait for it. Over HTTP: 503. @public */
export class SessionLockTimeoutError extends SessionHttpError {
  override readonly code = 'SESSION_LOCK_TIMEOUT';

  constructor(reason: string) {
    super(
      HttpStatus.SERVICE_UNAVAILABLE,
      `The session's exclusive lock could not be had: ${reason}. Nothing of this request was run or stored.`,
    );
  }
}

/**
 * The session's exclusive lock went to another request while this one still ran (it stood still for longer than the lock
 * lives); nothing was stored. Over HTTP: 409.
 *
 * @public
 */
export class SessionLockLostError extends SessionHttpError {
  override readonly code = 'SESSION_LOCK_LOST';

  constructor() {
    super(
      HttpStatus.CONFLICT,
      "The session's exclusive lock went to another request before this one was done; nothing was stored. Repeat the request.",
    );
  }
}
