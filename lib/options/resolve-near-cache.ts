import type { OptionFaults } from './option-faults.js';
import { describeValue, isObject } from './option-values.js';
import type { NearCacheOptions } from './resolved-session.options.js';
import { SESSION_DEFAULTS } from './session.defaults.js';
import { nearCacheSchema } from './session-options.schema.js';

/**
 * The near cache: `true` for the defaults, or an object with its options.
 *
 * @internal
 */
export function resolveNearCache(given: unknown, faults: OptionFaults): NearCacheOptions | null {
  if (given === undefined || given === false) return null;
  const path = 'nearCache';
  if (given !== true && !isObject(given)) {
    faults.add(
      path,
      `must be true, false or { maxBytes, maxStalenessMs, staleOnOutageMs }, not ${describeValue(given)}.`,
    );
    return null;
  }
  const { nearCache: defaults } = SESSION_DEFAULTS;
  const options = given === true ? {} : faults.check(nearCacheSchema, given, { path });
  return Object.freeze({
    maxBytes: options.maxBytes ?? defaults.maxBytes,
    maxStalenessMs: options.maxStalenessMs ?? defaults.maxStalenessMs,
    staleOnOutageMs: options.staleOnOutageMs ?? defaults.staleOnOutageMs,
  });
}
