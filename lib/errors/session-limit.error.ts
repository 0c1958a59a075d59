import { HttpStatus } from '@nestjs/common';
import { SessionHttpError } from './session-http.error.js';

/** The user has as many sessions as he may, and the limit says `reject`; nothing was stored. Over HTTP: 409. @public */
export class SessionLimitError extends SessionHttpError {
  override readonly code = 'SESSION_USER_LIMIT';

  constructor(
    /** How many the user may have. */
    readonly max: number,
  ) {
    super(
      HttpStatus.CONFLICT,
      `This user has ${max} sessions already, as many as \`maxSessionsPerUser\` allows; nothing was stored. End one of them first.`,
    );
  }
}
