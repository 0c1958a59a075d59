import { SessionError } from './session.error.js';

/** A session has more top-level fields than `maxFields`; nothing was stored. @public */
export class SessionTooManyFieldsError extends SessionError {
  override readonly code = 'SESSION_DATA_TOO_MANY_FIELDS';

  constructor(
    /** How many it would have. */
    readonly count: number,
    maxFields: number,
  ) {
    super(
      `The session has ${count} top-level fields, more than the ${maxFields} that \`maxFields\` allows. ` +
        'Put what belongs together into one field (a list, an object), or raise `maxFields`.',
    );
  }
}
