import { SessionError } from './session.error.js';

/**
 * A user's id is neither a safe integer nor well-formed text of at most 256 bytes: strangers could share it. Nothing was stored.
 *
 * @public
 */
export class SessionUserIdError extends SessionError {
  override readonly code = 'SESSION_USER_ID_INVALID';

  constructor(value: unknown) {
    super(
      `A user's id must be well-formed text of at most 256 bytes or a safe integer, not ${kindOf(value)}. ` +
        'Let the option `userId` return the key of the user in your database.',
    );
  }
}

/** Never the value: it is not known to be free of secrets. */
function kindOf(value: unknown): string {
  if (typeof value === 'string') return `a text of ${Buffer.byteLength(value)} bytes`;
  if (typeof value === 'number') return Number.isInteger(value) ? 'a larger number' : 'a number that is not an integer';
  return `a value of type ${Array.isArray(value) ? 'array' : typeof value}`;
}
