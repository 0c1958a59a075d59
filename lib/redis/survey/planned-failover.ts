import { SessionFailoverError } from '../../errors/session-failover.error.js';
import type { ResolvedRedisOptions } from '../../options/redis.options.js';
import { addressKey } from '../connection/node-address.js';
import { sentinelAccess } from './sentinel-group.survey.js';
import { visitor } from './server-visit.js';

/** Time that each Sentinel has for its answer. @unit milliseconds */
const TIMEOUT_MS = 3000;

/**
 * Asks the configured Sentinels, one after the other, for a planned failover (`SENTINEL FAILOVER`); resolves with the address of
 * the one that begins it.
 *
 * @throws SessionFailoverError when there is no Sentinel, or none begins it.
 * @internal
 */
export async function requestFailover(options: ResolvedRedisOptions): Promise<string> {
  const { topology } = options;
  if (topology.kind !== 'sentinel') {
    throw new SessionFailoverError('A planned failover needs Sentinel: nobody else could promote a replica.');
  }
  const visit = visitor(options, { timeoutMs: TIMEOUT_MS });
  const refusals: string[] = [];
  for (const sentinel of topology.sentinels) {
    const key = addressKey(sentinel);
    try {
      await visit(sentinel, sentinelAccess(topology), (send) => send('sentinel', 'failover', topology.name));
      return key;
    } catch (error) {
      refusals.push(`${key}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new SessionFailoverError(`No Sentinel begins a failover: ${refusals.join('; ')}.`);
}
