import { SessionError } from './session.error.js';

/** A value of the session cannot be stored as JSON; names the field. Nothing was stored. @public */
export class SessionSerializationError extends SessionError {
  override readonly code = 'SESSION_DATA_NOT_SERIALIZABLE';

  constructor(
    /** The top-level field. */
    readonly field: string,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(
      `Session field "${field}" cannot be stored: ${reason}. Store plain JSON data (strings, numbers, booleans, null, arrays, objects).`,
      options,
    );
  }
}
