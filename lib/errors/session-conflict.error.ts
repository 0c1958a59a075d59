import { HttpStatus } from '@nestjs/common';
import { SessionHttpError } from './session-http.error.js';

/**
 * Somebody else changed the same fields since this request loaded its session, and `conflict` is `'reject'`; or an encrypted session
 * was to get a new id while others changed it again and again. Nothing was stored. Over HTTP: 409.
 *
 * @public
 */
export class SessionConflictError extends SessionHttpError {
  override readonly code = 'SESSION_DATA_CONFLICT';

  constructor(
    /** The top-level fields; none when the session could get no new id. */
    readonly fields: readonly string[],
  ) {
    const what = fields.length === 0 ? '' : `${fields.map((field) => `"${field}"`).join(', ')} of `;
    super(
      HttpStatus.CONFLICT,
      `Another request changed ${what}this session meanwhile; nothing was stored. ` +
        'Load the session again and repeat the change.',
    );
  }
}
