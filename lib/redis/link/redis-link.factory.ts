import type { SessionLink } from '../../core/session-link.js';
import type { ResolvedRedisOptions } from '../../options/redis.options.js';
import { ClientLink } from './client-link.js';
import { createClusterLink } from './cluster-link.js';
import { SentinelAuthority } from '../sentinel/lone-primary-proof.js';
import { translateAddress } from '../connection/node-address.js';
import { FixedFinder } from '../primary/primary-finder.js';
import type { RedisConnectionOptions } from '../connection/redis-connection.js';
import { RedisLink, type RedisLinkParts } from './redis-link.js';
import { ConnectedReplicas, type ReplicaAuthority } from '../replication/replica-authority.js';
import { SentinelFinder } from '../sentinel/sentinel-finder.js';

type Topology<K extends ResolvedRedisOptions['topology']['kind']> = Extract<
  ResolvedRedisOptions['topology'],
  { kind: K }
>;

/**
 * Makes the link to the sessions' Redis. It connects in the background.
 *
 * @internal
 */
export function createSessionLink(options: ResolvedRedisOptions): SessionLink {
  const { topology } = options;
  switch (topology.kind) {
    case 'sentinel':
      return sentinelLink(options, topology);
    case 'standalone':
      return standaloneLink(options, topology);
    case 'cluster':
      return createClusterLink(options, topology);
    case 'client':
      return new ClientLink({ mode: 'client', client: topology.client, limits: options, close: () => undefined });
  }
}

function standaloneLink(options: ResolvedRedisOptions, topology: Topology<'standalone'>): SessionLink {
  const { host, port, path } = topology;
  return new RedisLink({
    mode: 'standalone',
    finder: new FixedFinder({ host, port, path }),
    connection: connectionTo(options, topology.node),
    limits: options,
    replication: replicationOf(options, new ConnectedReplicas()),
  });
}

function sentinelLink(options: ResolvedRedisOptions, topology: Topology<'sentinel'>): SessionLink {
  const connection = connectionTo(options, topology.node);
  const { sentinels, name, natMap, node } = topology;
  const finder = new SentinelFinder({
    seeds: sentinels,
    name,
    translate: (address) => translateAddress(address, natMap),
    data: connection,
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
  return new RedisLink({
    mode: 'sentinel',
    finder,
    connection,
    limits: options,
    replication: replicationOf(options, new SentinelAuthority(finder)),
    inspectSentinels: async () => {
      const [views, quorum] = await Promise.all([finder.sentinels.askAll(), finder.sentinels.checkQuorum()]);
      return { known: finder.sentinels.knownCount, reachable: views.length, quorum };
    },
  });
}

function replicationOf(
  { durability }: ResolvedRedisOptions,
  authority: ReplicaAuthority,
): RedisLinkParts['replication'] {
  return durability === 'primary' ? null : { authority, isStrict: durability === 'replicated-strict' };
}

function connectionTo(options: ResolvedRedisOptions, node: RedisConnectionOptions['node']): RedisConnectionOptions {
  return { node, connectTimeoutMs: options.connectTimeoutMs, silenceTimeoutMs: options.attemptTimeoutMs };
}
