import { ConnectionLostError, isReplyError } from './connection-lost.error.js';

/**
 * What an error means for the operation that met it:
 * - `elsewhere`: this node is no usable primary; the operation goes to the one that is
 * - `later`: the primary cannot do it at the moment
 * - `clock`: it came later than its stamp allows; the clock is read again
 * - `final`: no retry mends it
 *
 * @internal
 */
export type ErrorMeaning = 'elsewhere' | 'later' | 'clock' | 'final';

const MEANINGS: readonly (readonly [prefix: string, meaning: ErrorMeaning])[] = [
  ['READONLY', 'elsewhere'],
  ['UNBLOCKED', 'elsewhere'],
  ['MASTERDOWN', 'elsewhere'],
  ['LOADING', 'elsewhere'],
  // The change was made a moment before the node was demoted, the WAIT came after it.
  ['ERR WAIT cannot be used with replica', 'elsewhere'],
  ['NOREPLICAS', 'later'],
  ['BUSY ', 'later'],
  ['TRYAGAIN', 'later'],
  ['CLUSTERDOWN', 'later'],
  ['LATE', 'clock'],
];

/** Reads an error that an attempt ended with. @internal */
export function meaningOf(error: unknown): ErrorMeaning {
  if (error instanceof ConnectionLostError) return 'elsewhere';
  if (!isReplyError(error)) return 'final';
  // A script's own call fails with `ERR … -READONLY …` in old servers; Redis 7 passes the code through.
  return MEANINGS.find(([prefix]) => error.message.startsWith(prefix))?.[1] ?? 'final';
}

/** Replies by which a server says that sessions will never work with it as it is configured. */
const REFUSALS: readonly (readonly [prefix: string, what: (message: string) => string])[] = [
  ['NOPERM', refusedCommand],
  // Of a script's own command: the one before Redis 7.2, the other since, and in Valkey.
  ['ERR The user executing the script', refusedCommand],
  ['ERR ACL failure in script', refusedCommand],
  ['NOAUTH', () => 'NOAUTH, it wants a password and none is given'],
  ['ERR unknown command', (message) => `it does not know the command ${commandIn(message)}`],
  ['MOVED', () => 'it is a node of a Cluster; give its nodes as `cluster`'],
  ['ERR This instance has cluster support disabled', () => 'it is not a node of a Cluster'],
];

/**
 * Why a server refuses sessions for good, in words for an operator; `null` when its reply says something else. Names no user
 * and no key.
 *
 * @internal
 */
export function refusalOf(error: unknown): string | null {
  if (!isReplyError(error)) return null;
  const { message } = error;
  return REFUSALS.find(([prefix]) => message.startsWith(prefix))?.[1](message) ?? null;
}

/** The code that an error reply begins with, in words for an operator; names no user, no key and no address. @internal */
export function codeOf(error: unknown): string {
  const { message } = error as Error;
  return refusalOf(error) ?? /^[A-Z][A-Z0-9_]+(?= |$)/.exec(message)?.[0] ?? 'an error';
}

/** Whether an error reply says merely that this may not be asked: by rights, or since the command is renamed or unknown. @internal */
export function isUnasked(error: Error): boolean {
  return error.message.startsWith('NOPERM') || error.message.startsWith('ERR unknown command');
}

function refusedCommand(message: string): string {
  return `NOPERM ${commandIn(message)}; rights: docs/operations.md#acl-users`;
}

/** The command that a reply names: `… to run the 'evalsha' command`. */
function commandIn(message: string): string {
  const name = /'([a-z|]+)' command|unknown command [`']([A-Za-z|]+)/.exec(message);
  return (name?.[1] ?? name?.[2])?.toLowerCase() ?? (/\bkeys?\b/.test(message) ? 'on the keys' : 'in a script');
}

/** Why a script did nothing, as its reply says (`[0, now, reason, …]`); `null`: it did its work. @internal */
export function refusalIn(reply: unknown): string | null {
  const [code, , reason] = Array.isArray(reply) ? (reply as unknown[]) : [];
  return code === 0 ? String(reason) : null;
}
