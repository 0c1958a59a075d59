import type { LinkCommand, SessionLink } from '../../core/session-link.js';
import type { SessionObservers } from '../../core/session-observer.js';
import type { ResolvedRedisOptions } from '../../options/redis.options.js';
import { systemResolver } from '../connection/host-names.js';
import { translateAddress } from '../connection/node-address.js';
import type { RedisConnectionOptions } from '../connection/redis-connection.js';
import { FixedFinder } from '../primary/primary-finder.js';
import { ConnectedReplicas, type ReplicaAuthority } from '../replication/replica-authority.js';
import { SentinelAuthority } from '../sentinel/sentinel-authority.js';
import { SentinelFinder } from '../sentinel/sentinel-finder.js';
import { ClientRoute } from './client-route.js';
import { createHardenedCluster } from './client-settings.js';
import { ClusterRoute } from './cluster-route.js';
import { ObservedLink } from './observed-link.js';
import { PrimaryRoute, type PrimaryRouteParts } from './primary-route.js';
import type { RouteFactory, RouteListener } from './route.js';
import { SessionGate } from './session-gate.js';

type Topology<K extends ResolvedRedisOptions['topology']['kind']> = Extract<
  ResolvedRedisOptions['topology'],
  { kind: K }
>;

type Parts = Omit<PrimaryRouteParts, 'probe' | 'memory'>;

/**
 * Makes the link to the sessions' Redis: one gate, and the route of the topology. It connects in the background.
 *
 * @param probe - a change that a server runs when it takes sessions
 * @internal
 */
export function createSessionLink(
  options: ResolvedRedisOptions,
  probe: LinkCommand,
  observers?: SessionObservers,
): SessionLink {
  const gate = new SessionGate({ limits: options, probe, makeRoute: routeTo(options, probe) });
  return observers ? new ObservedLink(gate, observers) : gate;
}

function routeTo(options: ResolvedRedisOptions, probe: LinkCommand): RouteFactory {
  const { topology, attemptTimeoutMs } = options;
  switch (topology.kind) {
    case 'sentinel':
      return (listener, memory) =>
        new PrimaryRoute({ ...sentinelParts(options, topology, listener), probe, memory }, listener);
    case 'standalone':
      return (listener, memory) => new PrimaryRoute({ ...standaloneParts(options, topology), probe, memory }, listener);
    case 'cluster':
      return (listener, memory) => {
        const client = createHardenedCluster(options, topology, {
          // The gate waits and tries again; nothing may wait in a second queue and be sent when nobody waits for it any more.
          enableOfflineQueue: false,
          // A replica may not know yet what its primary has acknowledged.
          scaleReads: 'master',
        });
        client.connect().catch(() => undefined);
        const replication =
          options.durability === 'primary' ? null : { isStrict: options.durability === 'replicated-strict' };
        return new ClusterRoute({ mode: 'cluster', client, attemptTimeoutMs, memory, replication }, listener);
      };
    case 'client':
      return (listener, memory) =>
        new ClientRoute({ mode: 'client', client: topology.client, attemptTimeoutMs, memory }, listener);
  }
}

function standaloneParts(options: ResolvedRedisOptions, topology: Topology<'standalone'>): Parts {
  const { host, port, path } = topology;
  return {
    mode: 'standalone',
    finder: new FixedFinder({ host, port, path }),
    connection: connectionTo(options, topology.node),
    replication: replicationOf(options, new ConnectedReplicas()),
    inspectSentinels: null,
  };
}

function sentinelParts(options: ResolvedRedisOptions, topology: Topology<'sentinel'>, listener: RouteListener): Parts {
  const connection = connectionTo(options, topology.node);
  const { sentinels, name, natMap, node } = topology;
  const finder = new SentinelFinder({
    seeds: sentinels,
    name,
    isDiscovering: topology.discoverSentinels,
    resolve: systemResolver(node.family),
    translate: (address) => translateAddress(address, natMap),
    data: connection,
    onGroupUnknown: (unaware) => {
      listener.onGroupUnknown(unaware);
    },
    connection: {
      node: {
        username: topology.sentinelUsername,
        password: topology.sentinelPassword,
        tls: topology.sentinelTLS,
        family: node.family,
        connectionName: node.connectionName,
      },
      connectTimeoutMs: options.connectTimeoutMs,
      silenceTimeoutMs: options.sentinelTimeoutMs,
    },
    subscriptionSilenceMs: options.attemptTimeoutMs,
  });
  return {
    mode: 'sentinel',
    finder,
    connection,
    replication: replicationOf(options, new SentinelAuthority(finder)),
    inspectSentinels: () => finder.survey(),
  };
}

function replicationOf(
  { durability }: ResolvedRedisOptions,
  authority: ReplicaAuthority,
): PrimaryRouteParts['replication'] {
  return durability === 'primary' ? null : { authority, isStrict: durability === 'replicated-strict' };
}

function connectionTo(options: ResolvedRedisOptions, node: RedisConnectionOptions['node']): RedisConnectionOptions {
  return { node, connectTimeoutMs: options.connectTimeoutMs, silenceTimeoutMs: options.attemptTimeoutMs };
}
