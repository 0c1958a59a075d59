import { createHash } from 'node:crypto';
import type { SessionChange } from '../core/session-record.js';

/**
 * Up to this length a session's longer texts are stored in pieces, which keeps its hash in one block of memory. Beyond it that
 * saves less than a tenth, and walking the pieces costs more than the fields of a hash table.
 * @unit characters
 */
const SMALL_LENGTH = 768;

/** Whether a script stores longer texts in pieces. @internal */
export function smallFlag({ length }: SessionChange): number {
  return length <= SMALL_LENGTH ? 1 : 0;
}

/** What a top-level field is called in the hash. @internal */
export function fieldName(name: string): string {
  return `d:${name}`;
}

/** Name, text, name, text … @internal */
export function pairs(fields: ReadonlyMap<string, string>): string[] {
  return [...fields].flatMap(([name, text]) => [fieldName(name), text]);
}

/** Of each field in the change, in its order, the SHA-1 of what it must hold now. @internal */
export function expectations({ set, remove, expected }: SessionChange): string[] {
  if (!expected) return [];
  return [...set.keys(), ...remove].map((name) => {
    const text = expected.get(name);
    return text === undefined ? '' : createHash('sha1').update(text).digest('hex');
  });
}
