import { Cluster, Redis } from 'ioredis';
import type { ResolvedRedisOptions } from '../../options/redis.options.js';
import { hardenedClusterOptions } from './cluster-link.js';

/**
 * Makes the ioredis client that users inject: it follows the primary, and survives frozen nodes and frozen Sentinels, as far
 * as ioredis can. It connects with its first command. A client that the application made is returned as it is.
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
      return quiet(new Cluster([...topology.seeds], hardenedClusterOptions(options, topology.options)));
    case 'standalone':
    case 'sentinel':
      return quiet(new Redis({ ...clientOptions(options), ...addressOptions(topology) }));
  }
}

/** Without a listener ioredis prints every failed attempt; a lost connection is told by the link's events. */
function quiet<T extends Redis | Cluster>(client: T): T {
  client.on('error', () => undefined);
  return client;
}

function addressOptions(
  topology: Extract<ResolvedRedisOptions['topology'], { kind: 'standalone' | 'sentinel' }>,
): object {
  if (topology.kind === 'standalone') {
    const { host, port, path, node } = topology;
    return { ...node, ...(path === undefined ? { host, port } : { path }) };
  }
  const { sentinels, name, sentinelUsername, sentinelPassword, sentinelTLS, natMap, node } = topology;
  return {
    ...node,
    sentinels: sentinels.map(({ host, port }) => ({ host, port })),
    name,
    sentinelUsername,
    sentinelPassword,
    sentinelTLS,
    natMap,
    enableTLSForSentinelMode: node.tls !== undefined,
  };
}

/** Measured against every fault that Sentinel handles; see docs/guarantees.md. */
function clientOptions(options: ResolvedRedisOptions): object {
  return {
    lazyConnect: true,
    connectTimeout: options.connectTimeoutMs,
    socketTimeout: options.attemptTimeoutMs,
    disconnectTimeout: 100,
    sentinelCommandTimeout: options.sentinelTimeoutMs,
    failoverDetector: true,
    sentinelReconnectStrategy: () => 500,
    retryStrategy: (attempt: number) => Math.min(25 * attempt, 250),
    reconnectOnError: (error: Error) => (error.message.startsWith('READONLY') ? 2 : false),
    maxRetriesPerRequest: null,
  };
}
