import { HttpStatus } from '@nestjs/common';
import { SessionHttpError } from './session-http.error.js';

/** A planned failover that was asked for was refused by every Sentinel, or was not seen to end. Over HTTP: 409. @public */
export class SessionFailoverError extends SessionHttpError {
  override readonly code = 'SESSION_FAILOVER_REFUSED';

  constructor(message: string, options?: ErrorOptions) {
    super(HttpStatus.CONFLICT, message, options);
  }
}
