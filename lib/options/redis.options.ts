import type { Cluster, ClusterNode, ClusterOptions, Redis, RedisOptions } from 'ioredis';

/** Where a Sentinel listens. @public */
export interface SentinelAddressOptions {
  /** Host name or address; a host name is kept and resolved again at every attempt. */
  readonly host: string;
  /** @defaultValue 26379 */
  readonly port?: number | undefined;
}

/** Settings of a connection to a data node that every topology shares; ioredis's names. @public */
export type RedisNodeOptions = Pick<
  RedisOptions,
  'username' | 'password' | 'db' | 'tls' | 'family' | 'connectionName' | 'keepAlive' | 'noDelay' | 'protocol'
>;

/** How long the link waits, and what for. All in milliseconds. @public */
export interface RedisLinkOptions {
  /** Whole time an operation may take, retries and failover included; then 503. @defaultValue 10000 @unit milliseconds */
  readonly operationTimeoutMs?: number | undefined;
  /** Time one attempt on one connection may take; then the connection is given up. @defaultValue 1000 @unit milliseconds */
  readonly attemptTimeoutMs?: number | undefined;
  /** Time to open a TCP or TLS connection. @defaultValue 500 @unit milliseconds */
  readonly connectTimeoutMs?: number | undefined;
  /** Time a Sentinel has to answer. @defaultValue 300 @unit milliseconds */
  readonly sentinelTimeoutMs?: number | undefined;
  /** Operations that may wait at the same time; beyond that they fail at once. @defaultValue 10000 */
  readonly maxWaitingCount?: number | undefined;
  /** Bytes of arguments that may wait at the same time. @defaultValue 67108864 @unit bytes */
  readonly maxWaitingBytes?: number | undefined;
}

/** Redis found through Sentinel. Names are ioredis's. @public */
export interface SentinelRedisOptions extends RedisNodeOptions, RedisLinkOptions {
  /** The Sentinels; name all of them. */
  readonly sentinels: readonly SentinelAddressOptions[];
  /** Name of the primary's group, as in `sentinel monitor <name>`. */
  readonly name: string;
  /** ACL user for the Sentinels (`username` is for the data nodes). */
  readonly sentinelUsername?: string | undefined;
  /** Password for the Sentinels (`password` is for the data nodes). */
  readonly sentinelPassword?: string | undefined;
  /** TLS to the Sentinels (`tls` is for the data nodes). */
  readonly sentinelTLS?: RedisOptions['sentinelTLS'];
  /** Addresses as Sentinel tells them, to addresses this process can reach: an object by `host:port`, or a function. */
  readonly natMap?: RedisOptions['natMap'];
}

/** One Redis server at a fixed address. @public */
export interface StandaloneRedisOptions extends RedisNodeOptions, RedisLinkOptions {
  /** @defaultValue '127.0.0.1' */
  readonly host?: string | undefined;
  /** @defaultValue 6379 */
  readonly port?: number | undefined;
  /** Path of a Unix socket, instead of `host` and `port`. */
  readonly path?: string | undefined;
}

/** A Redis Cluster. @public */
export interface ClusterRedisOptions extends RedisLinkOptions {
  /** Seeds. */
  readonly cluster: readonly ClusterNode[];
  /** ioredis's own Cluster options, over ours. */
  readonly clusterOptions?: ClusterOptions | undefined;
  /** Number of slots the keys of one installation are spread over; must never change. @defaultValue 64 @range 1 … 1024 */
  readonly buckets?: number | undefined;
}

/** A client that the application made; it is used as it is, never closed or reconfigured. @public */
export interface ClientRedisOptions extends RedisLinkOptions {
  /** ioredis `Redis` or `Cluster`. */
  readonly client: Redis | Cluster;
}

/**
 * Where the sessions live: options of one topology, an ioredis client, or a URL (`redis://`, `rediss://`,
 * `redis+sentinel://user:pass@h1:26379,h2:26379/name?db=0`, `rediss+sentinel://`, `redis+cluster://h1,h2`).
 *
 * @public
 */
export type SessionRedisOptions =
  | SentinelRedisOptions
  | StandaloneRedisOptions
  | ClusterRedisOptions
  | ClientRedisOptions
  | Redis
  | Cluster
  | string;

/** How safe a change is before it is acknowledged. @public */
export type SessionDurability = 'primary' | 'replicated' | 'replicated-strict';

/** The one form that all others are resolved to. @internal */
export type ResolvedRedisOptions = Required<RedisLinkOptions> & {
  readonly topology:
    | { readonly kind: 'sentinel'; readonly sentinels: readonly Required<SentinelAddressOptions>[]; readonly name: string;
        readonly sentinelUsername?: string | undefined; readonly sentinelPassword?: string | undefined;
        readonly sentinelTLS?: RedisOptions['sentinelTLS']; readonly natMap?: RedisOptions['natMap'];
        readonly node: RedisNodeOptions }
    | { readonly kind: 'standalone'; readonly host: string; readonly port: number; readonly path?: string | undefined; readonly node: RedisNodeOptions }
    | { readonly kind: 'cluster'; readonly seeds: readonly ClusterNode[]; readonly options: ClusterOptions; readonly buckets: number }
    | { readonly kind: 'client'; readonly client: Redis | Cluster };
  readonly durability: SessionDurability;
};
