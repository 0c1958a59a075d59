import { HttpStatus } from '@nestjs/common';
import { SessionHttpError } from './session-http.error.js';

/**
 * Somebody else changed the same fields since this request loaded its session, and `conflict` is `'reject'`; nothing was stored.
 * Over HTTP: 409.
 *
 * @public
 */
export class SessionConflictError extends SessionHttpError {
  override readonly code = 'SESSION_DATA_CONFLICT';

  constructor(
    /** The top-level fields. */
    readonly fields: readonly string[],
  ) {
    super(
      HttpStatus.CONFLICT,
      `Another request changed ${fields.map((field) => `"${field}"`).join(', ')} of this session meanwhile; nothing was stored. ` +
        'Load the session again and repeat the change.',
    );
  }
}
