import type { ConnectionOptions } from 'node:tls';
import type { Cluster, ClusterNode, ClusterOptions, Redis } from 'ioredis';
import * as z from 'zod';
import {
  flag,
  host,
  list,
  milliseconds,
  oneOf,
  opaqueObject,
  port,
  satisfying,
  secretText,
  text,
  wholeNumber,
} from './option-schemas.js';
import { isHost, isObject, isPort, peek } from './option-values.js';
import { isRedisClient } from './redis-client.guard.js';
import type { SentinelAddressOptions, SentinelRedisOptions } from './redis.options.js';
import { SESSION_LIMITS } from './session.defaults.js';

const { minTimeoutMs, maxTimeoutMs, maxWaitingCount, minWaitingBytes, maxWaitingBytes, maxBuckets } = SESSION_LIMITS;

const timeout = () => milliseconds(minTimeoutMs, maxTimeoutMs).optional();
const tls = () =>
  opaqueObject<ConnectionOptions>('an object with options of tls.connect ({} for the defaults)').optional();

/** Members of every topology that say how long to wait. @internal */
export const linkSchema = z.strictObject({
  operationTimeoutMs: timeout(),
  attemptTimeoutMs: timeout(),
  connectTimeoutMs: timeout(),
  sentinelTimeoutMs: timeout(),
  maxWaitingCount: wholeNumber(1, maxWaitingCount).optional(),
  maxWaitingBytes: wholeNumber(minWaitingBytes, maxWaitingBytes, 'bytes').optional(),
});

/** Members that go to every connection to a data node. @internal */
export const nodeSchema = z.strictObject({
  username: text('the name of an ACL user', /^\S+$/, 512).optional(),
  password: secretText('text').optional(),
  db: wholeNumber(0, 2_147_483_647).optional(),
  tls: tls(),
  family: oneOf([0, 4, 6]).optional(),
  connectionName: text('text without spaces, at most 512 characters', /^\S+$/, 512).optional(),
  keepAlive: wholeNumber(0, 2_147_483_647, 'milliseconds').optional(),
  noDelay: flag().optional(),
  protocol: oneOf([2, 3]).optional(),
});

/** Redis found through Sentinel. @internal */
export const sentinelSchema = z.strictObject({
  sentinels: list<SentinelAddressOptions>('an array of at least one Sentinel: [{ host, port }, …], all of them'),
  name: text('the name of the group, as in `sentinel monitor <name>`', /^\S+$/, 512),
  sentinelUsername: text('the name of an ACL user', /^\S+$/, 512).optional(),
  sentinelPassword: secretText('text').optional(),
  sentinelTLS: tls(),
  natMap: satisfying<NonNullable<SentinelRedisOptions['natMap']>>(
    "an object { 'host:port': { host, port } } or a function that returns { host, port }",
    isNatMap,
  ).optional(),
  discoverSentinels: flag().optional(),
  ...nodeSchema.shape,
  ...linkSchema.shape,
});

/** One Sentinel. @internal */
export const sentinelAddressSchema = z.strictObject({ host: host(), port: port().optional() });

/** One Redis server at a fixed address. @internal */
export const standaloneSchema = z.strictObject({
  host: host().optional(),
  port: port().optional(),
  path: text('the absolute path of a Unix socket', /^\//, 4096).optional(),
  ...nodeSchema.shape,
  ...linkSchema.shape,
});

/** A Redis Cluster. @internal */
export const clusterSchema = z.strictObject({
  cluster: list<ClusterNode>("an array of at least one seed: [{ host, port }, 'host:port', …]"),
  clusterOptions: opaqueObject<ClusterOptions>("an object with ioredis's Cluster options").optional(),
  buckets: wholeNumber(1, maxBuckets).optional(),
  ...nodeSchema.shape,
  ...linkSchema.shape,
});

/** One seed of a Cluster. @internal */
export const seedSchema = z.strictObject({ host: host().optional(), port: port().optional() });

/** A client that the application made. @internal */
export const clientSchema = z.strictObject({
  client: satisfying<Redis | Cluster>('an ioredis client, Redis or Cluster', isRedisClient),
  ...linkSchema.shape,
});

function isNatMap(value: unknown): boolean {
  if (typeof value === 'function') return true;
  return isObject(value) && Object.values(value).every((to) => isHost(peek(to, 'host')) && isPort(peek(to, 'port')));
}
