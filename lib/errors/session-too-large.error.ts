import { SessionError } from './session.error.js';

/** A session is larger than `maxBytes`; nothing was stored. @public */
export class SessionTooLargeError extends SessionError {
  override readonly code = 'SESSION_DATA_TOO_LARGE';

  constructor(
    /** The largest top-level field. */
    readonly field: string,
    bytes: number,
    maxBytes: number,
  ) {
    super(
      `The session has ${bytes} bytes, more than the ${maxBytes} that \`maxBytes\` allows; its largest field is "${field}". ` +
        'Keep the data elsewhere and its key in the session, or raise `maxBytes`.',
    );
  }
}
