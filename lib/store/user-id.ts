import { SessionUserIdError } from '../errors/session-user-id.error.js';

/** A user's name stands in a key's name and in indexes. @unit bytes */
const MAX_BYTES = 256;

/**
 * The text that stands for a user, or `null` for nobody (`null`, `undefined`, the empty text).
 *
 * @throws SessionUserIdError when it is neither a safe integer nor well-formed text of at most 256 bytes: two users must never
 *   share a name.
 * @internal
 */
export function userIdText(value: unknown): string | null {
  if (value === null || value === undefined || value === '') return null;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value);
  if (typeof value === 'string' && isWellFormed(value) && Buffer.byteLength(value) <= MAX_BYTES) return value;
  throw new SessionUserIdError(value);
}

/** Whether a text has no lone surrogate: as UTF-8 all of those are one character. */
function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}
