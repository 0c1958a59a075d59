import { Cluster, type ClusterOptions } from 'ioredis';
import type { SessionLink } from '../../core/session-link.js';
import type { ResolvedRedisOptions } from '../../options/redis.options.js';
import { ClientLink } from './client-link.js';

/**
 * ioredis's Cluster settings under which a failover costs no error: with its defaults the slot map is never refreshed and the
 * redirections end before a failover does.
 *
 * @internal
 */
export function hardenedClusterOptions(options: ResolvedRedisOptions, given: ClusterOptions): { lazyConnect: true } {
  const { connectTimeoutMs, attemptTimeoutMs } = options;
  const hardened: ClusterOptions = {
    slotsRefreshInterval: 1000,
    slotsRefreshTimeout: attemptTimeoutMs,
    maxRedirections: 64,
    retryDelayOnFailover: 200,
    clusterRetryStrategy: (attempt) => Math.min(50 * attempt, 500),
    ...given,
    redisOptions: { connectTimeout: connectTimeoutMs, socketTimeout: attemptTimeoutMs, ...given.redisOptions },
  };
  return { ...hardened, lazyConnect: true };
}

/**
 * The link to a Redis Cluster, over an ioredis Cluster of its own.
 *
 * @internal
 */
export function createClusterLink(
  options: ResolvedRedisOptions,
  topology: Extract<ResolvedRedisOptions['topology'], { kind: 'cluster' }>,
): SessionLink {
  const client = new Cluster([...topology.seeds], {
    ...hardenedClusterOptions(options, topology.options),
    // The gate waits and tries again; nothing may wait in a second queue and be sent when nobody waits for it any more.
    enableOfflineQueue: false,
    // A replica may not know yet what its primary has acknowledged.
    scaleReads: 'master',
  });
  // Without a listener ioredis prints every failed attempt.
  client.on('error', () => undefined);
  client.connect().catch(() => undefined);
  return new ClientLink({
    mode: 'cluster',
    client,
    limits: options,
    replication:
      options.durability === 'primary' ? undefined : { isStrict: options.durability === 'replicated-strict' },
    close: () => {
      client.disconnect();
    },
  });
}
