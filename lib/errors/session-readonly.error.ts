import { SessionError } from './session.error.js';

/** A handler with read-only access changed its session; nothing was stored. A fault of the handler: 500. @public */
export class SessionReadonlyError extends SessionError {
  override readonly code = 'SESSION_ACCESS_READONLY';

  constructor(
    /** The top-level fields. */
    readonly fields: readonly string[],
  ) {
    super(
      `A handler with @SessionAccess('readonly') or 'passive' changed ${fields.map((field) => `"${field}"`).join(', ') || 'its session'}; ` +
        "nothing was stored. Take the change out, or give the handler 'shared' or 'exclusive' access.",
    );
  }
}
