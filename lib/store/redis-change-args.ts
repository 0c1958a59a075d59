import { createHash } from 'node:crypto';
import type { LinkCommand } from '../core/session-link.js';
import type { SessionAuthentication, SessionChange } from '../core/session-record.js';
import type { ScriptLink } from '../scripts/script-arguments.js';

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

/**
 * How a user has authenticated, as lib/scripts/include/lineage.lua reads it: the moment by the clock of the user's slot (0: the
 * script's own), the longest life of the session from now on, the method with the provider's session, the actor.
 *
 * @internal
 */
export function authenticationText(
  { method, actor, provider }: SessionAuthentication,
  atMs: number,
  absoluteMs: number | null,
): string {
  // Who acts in another's name has not authenticated anew.
  const longest = actor === null ? (absoluteMs ?? 0) : '-';
  const how = `${method ?? '-'}${provider === null ? '' : `#${provider}`}`;
  return `${atMs} ${longest} ${how}${actor === null ? '' : ` ${actor}`}`;
}

/** Where `atMost` stands among the arguments of `commit-session`. */
const AT_MOST = 12;

/**
 * A link for `commit-session`: a commit that has to be made again changes nothing when the session is newer by now than it was
 * before the commit.
 *
 * @internal
 */
export function restorable(link: ScriptLink): ScriptLink {
  return { execute: (command) => link.execute({ ...command, restored: (reply) => restored(command, reply) }) };
}

function restored(command: LinkCommand, reply: unknown): LinkCommand {
  const version = Array.isArray(reply) ? Number(reply[2]) : NaN;
  if (!Number.isSafeInteger(version)) return command;
  return { ...command, args: command.args.map((arg, index) => (index === AT_MOST ? String(version - 1) : arg)) };
}
