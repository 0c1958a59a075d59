import type { Cluster, Redis } from 'ioredis';
import type { ResolvedRedisOptions } from '../../options/redis.options.js';
import { createHardenedCluster, createHardenedRedis } from './client-settings.js';

/**
 * Makes the ioredis client that users inject. A client that the application made is returned as it is.
 *
 * @remarks
 * It is for the application's own keys. It gives none of the guarantees of the sessions' link: a command it reports as
 * failed may have been, or may yet be, executed.
 *
 * @internal
 */
export function createRedisClient(options: ResolvedRedisOptions): Redis | Cluster {
  const { topology } = options;
  switch (topology.kind) {
    case 'client':
      return topology.client;
    case 'cluster':
      return createHardenedCluster(options, topology);
    case 'standalone':
    case 'sentinel':
      return createHardenedRedis(options, topology);
  }
}
