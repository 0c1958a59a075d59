import type { SessionLink } from '../../lib/core/session-link.js';
import { RedisKeyLayout } from '../../lib/store/redis-key-layout.js';
import { createSessionLink } from '../../lib/redis/link/redis-link.factory.js';
import { resolveStoreOptions } from '../../lib/options/resolve-session-options.js';
import { RedisSessionRepository } from '../../lib/store/redis-session.repository.js';
import { createRedisProbe, createRedisRepository } from '../../lib/store/session-repository.factory.js';
import { startClusterTopology } from '../../tools/redis-lab/cluster-topology.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import { flat } from '../support/flat-repository.js';
import type { RepositoryUnderTest } from './session-repository.contract.js';

/** A link to a real Redis of its own. */
export async function redisLink(): Promise<{ link: SessionLink; stop: () => Promise<void> }> {
  const server = await startRedisServer();
  const { redis } = resolveStoreOptions({ application: 'contract', redis: { host: server.host, port: server.port } });
  const link = createSessionLink(redis, createRedisProbe({ application: 'contract', redis }));
  return {
    link,
    stop: async () => {
      await link.close();
      await server.stop();
    },
  };
}

/** A link to a real Cluster of three masters. */
export async function clusterLink(): Promise<{ link: SessionLink; stop: () => Promise<void> }> {
  const cluster = await startClusterTopology({ replicasPerMaster: 0 });
  const { redis } = resolveStoreOptions({ application: 'contract', redis: { cluster: cluster.seeds } });
  const link = createSessionLink(redis, createRedisProbe({ application: 'contract', redis }));
  return {
    link,
    stop: async () => {
      await link.close();
      await cluster.stop();
    },
  };
}

/** Repositories on one real Redis, with as many buckets as Cluster would have or with one. */
export async function redisPlaces(bucketCount: number): Promise<RepositoryUnderTest> {
  return placesOver(await redisLink(), bucketCount);
}

/** Repositories in a real Cluster of three masters. */
export async function clusterPlaces(): Promise<RepositoryUnderTest> {
  return placesOver(await clusterLink(), 16);
}

function placesOver(
  { link, stop }: { readonly link: SessionLink; readonly stop: () => Promise<void> },
  bucketCount: number,
): RepositoryUnderTest {
  return {
    open: ({ absoluteTimeoutMs = null, userLimit = null, application = 'app' } = {}) =>
      flat(
        new RedisSessionRepository(link, new RedisKeyLayout(application, bucketCount), {
          absoluteTimeoutMs,
          userLimit,
          tombstoneMs: 60_000,
        }),
      ),
    stop,
  };
}

/** Repositories behind near caches on one real Redis, each as in an instance of its own. */
export async function nearPlaces(): Promise<RepositoryUnderTest> {
  const server = await startRedisServer();
  const { redis, nearCache, hashUserIds } = resolveStoreOptions({
    application: 'contract',
    redis: { host: server.host, port: server.port },
    nearCache: true,
  });
  const links: SessionLink[] = [];
  return {
    open: ({ absoluteTimeoutMs = null, userLimit = null, application = 'app' } = {}) => {
      const link = createSessionLink(redis, createRedisProbe({ application, redis }));
      links.push(link);
      return flat(
        createRedisRepository(link, { application, absoluteTimeoutMs, userLimit, hashUserIds, nearCache, redis }),
      );
    },
    stop: async () => {
      await Promise.all(links.map((link) => link.close()));
      await server.stop();
    },
  };
}
