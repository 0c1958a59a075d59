import type { ConnectionOptions } from 'node:tls';
import type { Cluster, ClusterNode, ClusterOptions, Redis, RedisOptions } from 'ioredis';

/** Where a Sentinel listens. @public */
export interface SentinelAddressOptions {
  /** Host name or address; a host name is kept and resolved again at every attempt. */
  readonly host: string;
  /** @defaultValue 26379 */
  readonly port?: number | undefined;
}

/** Settings of a connection to a data node that every topology shares; ioredis's names. @public */
export interface RedisNodeOptions {
  /** ACL user; without it Redis takes `password` as that of the user `default`. */
  readonly username?: string | undefined;
  /** Password of the data nodes. */
  readonly password?: string | undefined;
  /** Number of the database; a Cluster has only 0. @defaultValue 0 */
  readonly db?: number | undefined;
  /** TLS to the data nodes; `{}` for Node's own settings. */
  readonly tls?: ConnectionOptions | undefined;
  /** 4 or 6: addresses of that version only; 0: either. @defaultValue 0 */
  readonly family?: number | undefined;
  /** Name of the connection in `CLIENT LIST`. */
  readonly connectionName?: string | undefined;
  /** Pause before the first TCP keep-alive probe; 0 leaves it to the system. @unit milliseconds */
  readonly keepAlive?: number | undefined;
  /** Whether small packets are sent at once. @defaultValue true */
  readonly noDelay?: boolean | undefined;
  /** Version of Redis's protocol. @defaultValue 2 */
  readonly protocol?: 2 | 3 | undefined;
}

/** How long the link waits, and what for. @public */
export interface RedisLinkOptions {
  /**
   * Whole time an operation may take, retries and failover included; then 503.
   *
   * @defaultValue 10000
   * @unit milliseconds
   * @range 10 … 600000
   */
  readonly operationTimeoutMs?: number | undefined;
  /**
   * Time one attempt on one connection may take; then the connection is given up.
   *
   * @defaultValue 1000, at most `operationTimeoutMs`
   * @unit milliseconds
   * @range 10 … operationTimeoutMs
   */
  readonly attemptTimeoutMs?: number | undefined;
  /**
   * Time to open a TCP or TLS connection.
   *
   * @defaultValue 500, at most `operationTimeoutMs`
   * @unit milliseconds
   * @range 10 … operationTimeoutMs
   */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * Time a Sentinel has to answer.
   *
   * @defaultValue 300, at most `operationTimeoutMs`
   * @unit milliseconds
   * @range 10 … operationTimeoutMs
   */
  readonly sentinelTimeoutMs?: number | undefined;
  /** Operations that may wait at the same time; beyond that they fail at once. @defaultValue 10000 @range 1 … 1000000 */
  readonly maxWaitingCount?: number | undefined;
  /** Memory that waiting operations may hold, the copies on their way to Redis included. @defaultValue 67108864 @unit bytes @range 1024 … 17179869184 */
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
  readonly sentinelTLS?: ConnectionOptions | undefined;
  /** Addresses as Sentinel tells them, to addresses this process can reach: an object by `host:port`, or a function. */
  readonly natMap?: RedisOptions['natMap'] | undefined;
  /**
   * Whether Sentinels that others list are asked, and count, too. With `false` only those in `sentinels` count: then these must
   * be all there are.
   *
   * @defaultValue true
   */
  readonly discoverSentinels?: boolean | undefined;
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
export interface ClusterRedisOptions extends RedisNodeOptions, RedisLinkOptions {
  /** Seeds: `{ host, port }`, `'host:port'`, or a port of this machine. */
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
 * `redis+sentinel://user:pass@h1:26379,h2:26379/name?db=0`, `rediss+sentinel://`, `redis+cluster://h1,h2`,
 * `rediss+cluster://`, `redis+unix:///path`).
 *
 * @public
 */
export type SessionRedisOptions =
  SentinelRedisOptions | StandaloneRedisOptions | ClusterRedisOptions | ClientRedisOptions | Redis | Cluster | string;

/** How safe a change is before it is acknowledged. @public */
export type SessionDurability = 'primary' | 'replicated' | 'replicated-strict';

/** How the primary is found: what is left of the options of one topology once defaults are in place. @internal */
export type ResolvedRedisTopology =
  | {
      readonly kind: 'sentinel';
      readonly sentinels: readonly { readonly host: string; readonly port: number }[];
      readonly name: string;
      readonly sentinelUsername?: string | undefined;
      readonly sentinelPassword?: string | undefined;
      readonly sentinelTLS?: ConnectionOptions | undefined;
      readonly natMap?: RedisOptions['natMap'] | undefined;
      readonly discoverSentinels: boolean;
      readonly node: RedisNodeOptions;
    }
  | {
      readonly kind: 'standalone';
      readonly host: string;
      readonly port: number;
      readonly path?: string | undefined;
      readonly node: RedisNodeOptions;
    }
  | {
      readonly kind: 'cluster';
      readonly seeds: readonly { readonly host: string; readonly port: number }[];
      /** As given; settings of the nodes are in its `redisOptions`. */
      readonly options: ClusterOptions;
      readonly buckets: number;
    }
  | { readonly kind: 'client'; readonly client: Redis | Cluster };

/** The one form that all others are resolved to. @internal */
export type ResolvedRedisOptions = { readonly [K in keyof RedisLinkOptions]-?: number } & {
  readonly topology: ResolvedRedisTopology;
  readonly durability: SessionDurability;
};
