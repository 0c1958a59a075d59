import { createHash } from 'node:crypto';
import type { SessionChange } from '../core/session-record.js';

/**
 * Up to this length a session's longer texts are stored in pieces, which keeps its hash in one block of memory. Beyond it that
 * saves less than a tenth, and walking the pieces costs more than the fields of a hash table.
 * @unit characters
 */
const SMALL_LENGTH = 768;

/** Whether a script stores longer texts in pieces. @internal */
export function isSmall({ length }: SessionChange): boolean {
  return length <= SMALL_LENGTH;
}

/** Of each field in the change, in its order, the SHA-1 of its text as it must be now. @internal */
export function expectations({ set, remove, expected }: SessionChange): string[] {
  if (!expected) return [];
  return [...set.keys(), ...remove].map((name) => {
    const text = expected.get(name);
    return text === undefined ? '' : createHash('sha1').update(text).digest('hex');
  });
}
