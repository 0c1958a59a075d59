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
