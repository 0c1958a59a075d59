import { HttpStatus } from '@nestjs/common';
import { SessionHttpError } from './session-http.error.js';

/** Why the sessions could not be reached. @public */
export type SessionUnavailableReason = 'deadline' | 'overload' | 'aborted' | 'closed' | 'keys' | 'origin' | 'refused';

/**
 * No usable primary answered by the operation's deadline, or too much is waiting already. The operation has not been
 * acknowledged and will not be sent later. Over HTTP: 503 with `Retry-After`.
 *
 * @public
 */
export class SessionUnavailableError extends SessionHttpError {
  override readonly code = 'SESSION_STORE_UNAVAILABLE';

  constructor(
    /**
     * `deadline`: no answer in time; `overload`: too many operations wait; `aborted`: the caller has gone; `closed`: shutting down, or
     * the application's own client is closed; `refused`: the server takes no sessions (`SessionService.ready()` alone);
     * `keys`: the keys that decrypt the sessions cannot be fetched; `origin`: the store of `migrateFrom` did not answer or refused.
     */
    readonly reason: SessionUnavailableReason,
    message: string,
    options?: ErrorOptions,
  ) {
    super(HttpStatus.SERVICE_UNAVAILABLE, message, options);
  }
}
