import { inspect } from 'node:util';
import { Cluster, type ClusterOptions, type Redis } from 'ioredis';
import type { ResolvedRedisOptions, ResolvedRedisTopology } from '../../options/redis.options.js';
import { QuietRedis } from '../connection/redacted-command.js';

type Topology<K extends ResolvedRedisTopology['kind']> = Extract<ResolvedRedisTopology, { kind: K }>;

/** Settings of every connection that ioredis keeps by itself: with its defaults a frozen server is never noticed. */
function nodeSettings({ connectTimeoutMs, attemptTimeoutMs }: ResolvedRedisOptions) {
  // It would send `CLIENT SETINFO`, for which the users of docs/operations.md have no right.
  const disableClientInfo = true;
  return {
    connectTimeout: connectTimeoutMs,
    socketTimeout: attemptTimeoutMs,
    disconnectTimeout: 100,
    disableClientInfo,
  };
}

/**
 * Makes an ioredis client for one server or a Sentinel group that follows the primary, and survives frozen nodes and frozen
 * Sentinels, as far as ioredis can. It connects with its first command.
 *
 * @remarks Measured against every fault that Sentinel handles; see docs/guarantees.md.
 * @internal
 */
export function createHardenedRedis(
  options: ResolvedRedisOptions,
  topology: Topology<'standalone' | 'sentinel'>,
): Redis {
  const client = new QuietRedis({
    ...nodeSettings(options),
    lazyConnect: true,
    sentinelCommandTimeout: options.sentinelTimeoutMs,
    failoverDetector: true,
    sentinelReconnectStrategy: () => 500,
    retryStrategy: (attempt: number) => Math.min(25 * attempt, 250),
    reconnectOnError: (error: Error) => (error.message.startsWith('READONLY') ? 2 : false),
    maxRetriesPerRequest: null,
    ...addressOf(topology),
  });
  return quiet(client);
}

/**
 * Makes an ioredis Cluster under which a failover costs no error: with its defaults the slot map is never refreshed and the
 * redirections end before a failover does. It connects with its first command.
 *
 * @param overrides - settings that win over those of the application
 * @internal
 */
export function createHardenedCluster(
  options: ResolvedRedisOptions,
  topology: Topology<'cluster'>,
  overrides: ClusterOptions = {},
): Cluster {
  const client = new Cluster([...topology.seeds], {
    slotsRefreshInterval: 1000,
    slotsRefreshTimeout: options.attemptTimeoutMs,
    maxRedirections: 64,
    retryDelayOnFailover: 200,
    clusterRetryStrategy: (attempt) => Math.min(50 * attempt, 500),
    ...topology.options,
    ...overrides,
    redisOptions: { ...nodeSettings(options), ...(topology.options.redisOptions as object) },
    lazyConnect: true,
  });
  return quiet(client);
}

/**
 * Without a listener ioredis prints every failed attempt; a lost connection is told by the link's events. And its options hold
 * passwords, which no log may show that prints the client.
 */
function quiet<T extends Redis | Cluster>(client: T): T {
  client.on('error', () => undefined);
  const shown = (): object => ({ client: client.isCluster ? 'Cluster' : 'Redis', status: client.status });
  Object.defineProperties(client, { toJSON: { value: shown }, [inspect.custom]: { value: shown } });
  return client;
}

function addressOf(topology: Topology<'standalone' | 'sentinel'>): object {
  const { node } = topology;
  if (topology.kind === 'standalone') {
    const { host, port, path } = topology;
    return { ...node, ...(path === undefined ? { host, port } : { path }) };
  }
  const { sentinels, name, sentinelUsername, sentinelPassword, sentinelTLS, natMap, discoverSentinels } = topology;
  return {
    ...node,
    sentinels: sentinels.map(({ host, port }) => ({ host, port })),
    name,
    sentinelUsername,
    sentinelPassword,
    sentinelTLS,
    natMap,
    updateSentinels: discoverSentinels,
    enableTLSForSentinelMode: node.tls !== undefined,
  };
}
