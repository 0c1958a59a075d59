import type { Cluster, ClusterOptions, Redis } from 'ioredis';
import type * as z from 'zod';
import { concealed } from './concealed.js';
import type { OptionFaults } from './option-faults.js';
import { REDIS_NAME_HINTS } from './option-names.js';
import { readProperties } from './option-reader.js';
import { describeKind, isObject } from './option-values.js';
import { isForeignRedisClient, isRedisClient } from './redis-client.guard.js';
import {
  clientSchema,
  clusterSchema,
  nodeSchema,
  seedSchema,
  sentinelAddressSchema,
  sentinelSchema,
  standaloneSchema,
} from './redis-options.schema.js';
import { parseHostAndPort, parseRedisUrl } from './redis-url.js';
import type {
  RedisLinkOptions,
  RedisNodeOptions,
  ResolvedRedisOptions,
  ResolvedRedisTopology,
  SessionDurability,
} from './redis.options.js';
import { SESSION_DEFAULTS } from './session.defaults.js';

const DEFAULTS = SESSION_DEFAULTS.redis;
const ROOT = 'redis';

/** Names that tell the topologies apart. Without any of them it is standalone. */
const MARKS = {
  sentinel: ['sentinels', 'name', 'sentinelUsername', 'sentinelPassword', 'sentinelTLS', 'natMap', 'discoverSentinels'],
  cluster: ['cluster', 'clusterOptions', 'buckets'],
  client: ['client'],
} as const;

const ALL_NAMES = [sentinelSchema, standaloneSchema, clusterSchema, clientSchema].flatMap(({ shape }) =>
  Object.keys(shape),
);
const NODE_NAMES = Object.keys(nodeSchema.shape) as (keyof RedisNodeOptions)[];

/**
 * Checks `redis` in any of its forms and brings it into the one form that the link takes. The result is meaningless when a
 * fault was found.
 *
 * @param input - what the application gave
 * @param durability - what it asked for beside it, when that is right
 * @param faults - receives each fault, by its path
 * @internal
 */
export function resolveRedisOptions(
  input: unknown,
  durability: SessionDurability | undefined,
  faults: OptionFaults,
): ResolvedRedisOptions {
  const given = toOptionsObject(input, faults);
  const kind = given ? findKind(given, faults) : 'standalone';
  const { topology, link } = given ? checks[kind](given, faults) : checks.standalone({}, faults);
  if (kind === 'client' && durability !== undefined && durability !== 'primary') {
    faults.add(
      'durability',
      `cannot be '${durability}' with a client of your own: that takes connections which wait for replicas. ` +
        "Give options or a URL as `redis`, or say 'primary'.",
    );
  }
  return Object.freeze({
    topology: concealed(topology),
    durability: durability ?? (kind === 'sentinel' ? 'replicated' : 'primary'),
    ...resolveLink(link, faults),
  });
}

type RedisInput = Record<string, unknown>;
type Kind = ResolvedRedisTopology['kind'];

interface Checked {
  readonly topology: ResolvedRedisTopology;
  readonly link: RedisLinkOptions;
}

function toOptionsObject(input: unknown, faults: OptionFaults): RedisInput | null {
  if (typeof input === 'string') {
    const url = parseRedisUrl(input);
    for (const message of url.faults) faults.add(ROOT, `the URL ${message}`);
    return url.faults.length === 0 ? url.options : null;
  }
  if (isRedisClient(input)) return { client: input };
  if (isForeignRedisClient(input)) {
    faults.add(ROOT, 'is a client of node-redis: give an ioredis client, options, or a URL.');
    return null;
  }
  if (!isObject(input)) {
    const rule = 'options, an ioredis client or a URL (redis://…, redis+sentinel://…)';
    const message =
      input === undefined ? `is missing: it must be ${rule}.` : `must be ${rule}, not ${describeKind(input)}.`;
    faults.add(ROOT, message);
    return null;
  }
  return readProperties(input, ALL_NAMES, (key, message) =>
    faults.add(key === null ? ROOT : `${ROOT}.${key}`, message),
  );
}

function findKind(given: RedisInput, faults: OptionFaults): Kind {
  const decisive = (['sentinels', 'cluster', 'client'] as const).filter((name) => name in given);
  if (decisive.length > 1) faults.add(ROOT, `has ${decisive.join(' and ')}: give one of them, there is one Redis.`);
  for (const kind of ['client', 'cluster', 'sentinel'] as const)
    if (decisive.some((name) => MARKS[kind].includes(name as never))) return kind;
  for (const kind of ['sentinel', 'cluster'] as const) if (MARKS[kind].some((name) => name in given)) return kind;
  return 'standalone';
}

const place = { path: ROOT, hints: REDIS_NAME_HINTS, relatedNames: ALL_NAMES };

const checks: Readonly<Record<Kind, (given: RedisInput, faults: OptionFaults) => Checked>> = {
  sentinel(given, faults) {
    const options = faults.check(sentinelSchema, given, place);
    const sentinels = (options.sentinels ?? []).map((sentinel: unknown, index) =>
      checkAddress(sentinelAddressSchema, sentinel, `${ROOT}.sentinels[${index}]`, DEFAULTS.sentinelPort, faults),
    );
    refuseDoubles(sentinels, `${ROOT}.sentinels`, faults);
    const { name = '', sentinelUsername, sentinelPassword, sentinelTLS, natMap } = options;
    const { discoverSentinels = DEFAULTS.discoverSentinels } = options;
    return {
      topology: {
        kind: 'sentinel',
        sentinels: Object.freeze(sentinels),
        name,
        discoverSentinels,
        ...present({ sentinelUsername, sentinelPassword, sentinelTLS, natMap }),
        node: nodeOf(options),
      },
      link: options,
    };
  },

  standalone(given, faults) {
    const options = faults.check(standaloneSchema, given, place);
    const { host = DEFAULTS.host, port = DEFAULTS.port, path } = options;
    if (path !== undefined && (options.host !== undefined || options.port !== undefined)) {
      faults.add(`${ROOT}.path`, 'stands beside host or port: a Unix socket has neither. Give one or the other.');
    }
    return { topology: { kind: 'standalone', host, port, ...present({ path }), node: nodeOf(options) }, link: options };
  },

  cluster(given, faults) {
    const options = faults.check(clusterSchema, given, place);
    const seeds = (options.cluster ?? []).map((seed: unknown, index) =>
      checkSeed(seed, `${ROOT}.cluster[${index}]`, faults),
    );
    refuseDoubles(seeds, `${ROOT}.cluster`, faults);
    if (options.db)
      faults.add(`${ROOT}.db`, `must be 0, not ${options.db}: a Cluster has only one database. Leave it out.`);
    const { clusterOptions = {}, buckets = DEFAULTS.buckets } = options;
    const node = nodeOf(options);
    const hasNodeOptions = Object.keys(node).length > 0;
    return {
      topology: {
        kind: 'cluster',
        seeds: Object.freeze(seeds),
        options: hasNodeOptions ? withNodeOptions(clusterOptions, node, faults) : clusterOptions,
        buckets,
      },
      link: options,
    };
  },

  client(given, faults) {
    const { client, ...link } = faults.check(clientSchema, given, place);
    if (client) checkClient(client, faults);
    // Without a client there is a fault, and nobody looks at the topology.
    return client ? { topology: { kind: 'client', client }, link } : { ...checks.standalone({}, faults), link };
  },
};

/** Settings of a client under which our commands mean something else than they say. */
function checkClient(client: Redis | Cluster, faults: OptionFaults): void {
  const own = client.options as RedisInput;
  const settings = { ...(isObject(own['redisOptions']) ? own['redisOptions'] : {}), ...own };
  const path = `${ROOT}.client`;
  if (settings['keyPrefix'])
    faults.add(
      path,
      'has a `keyPrefix`, which our scripts do not see: two environments would share sessions. Use `application` instead.',
    );
  if (settings['stringNumbers'])
    faults.add(path, 'has `stringNumbers: true`: replies would not be what they are. Leave it out.');
}

/** ioredis takes the settings of a Cluster's nodes in a place of their own; what stands there already wins. */
function withNodeOptions(options: ClusterOptions, node: RedisNodeOptions, faults: OptionFaults): ClusterOptions {
  const read = (source: unknown, path: string): RedisInput =>
    isObject(source) ? readProperties(source, [], (_key, message) => faults.add(path, message)) : {};
  const given = read(options, `${ROOT}.clusterOptions`);
  const redisOptions = { ...node, ...read(given['redisOptions'], `${ROOT}.clusterOptions.redisOptions`) };
  return concealed({ ...given, redisOptions: concealed(redisOptions) });
}

function checkAddress(schema: z.ZodObject, input: unknown, path: string, defaultPort: number, faults: OptionFaults) {
  const { host = DEFAULTS.host, port = defaultPort } = faults.check(schema, input, { path }) as {
    host?: string;
    port?: number;
  };
  return Object.freeze({ host, port });
}

function checkSeed(seed: unknown, path: string, faults: OptionFaults) {
  if (typeof seed !== 'string')
    return checkAddress(seedSchema, typeof seed === 'number' ? { port: seed } : seed, path, DEFAULTS.port, faults);
  const address = parseHostAndPort(seed.replace(/^rediss?:\/\//, ''));
  if (address?.host === undefined)
    faults.add(path, "must be 'host:port' or { host, port }; passwords and TLS stand beside `cluster`.");
  return checkAddress(seedSchema, address ?? {}, path, DEFAULTS.port, faults);
}

/** A Sentinel named twice would count twice where a majority is asked for. */
function refuseDoubles(addresses: readonly { host: string; port: number }[], path: string, faults: OptionFaults): void {
  addresses.forEach(({ host, port }, index) => {
    const first = addresses.findIndex((other) => other.host === host && other.port === port);
    if (first < index && !faults.has(`${path}[${first}]`) && !faults.has(`${path}[${index}]`)) {
      faults.add(`${path}[${index}]`, `is ${host}:${port}, as ${path}[${first}] is. Name each once.`);
    }
  });
}

function resolveLink(
  link: RedisLinkOptions,
  faults: OptionFaults,
): { readonly [K in keyof RedisLinkOptions]-?: number } {
  const operationTimeoutMs = link.operationTimeoutMs ?? DEFAULTS.operationTimeoutMs;
  const limited = (name: 'attemptTimeoutMs' | 'connectTimeoutMs' | 'sentinelTimeoutMs'): number => {
    const given = link[name];
    if (given === undefined) return Math.min(DEFAULTS[name], operationTimeoutMs);
    if (given > operationTimeoutMs) {
      faults.add(
        `${ROOT}.${name}`,
        `must be at most operationTimeoutMs (${operationTimeoutMs}), not ${given}: it is a part of the whole.`,
      );
    }
    return given;
  };
  return {
    operationTimeoutMs,
    attemptTimeoutMs: limited('attemptTimeoutMs'),
    connectTimeoutMs: limited('connectTimeoutMs'),
    sentinelTimeoutMs: limited('sentinelTimeoutMs'),
    maxWaitingCount: link.maxWaitingCount ?? DEFAULTS.maxWaitingCount,
    maxWaitingBytes: link.maxWaitingBytes ?? DEFAULTS.maxWaitingBytes,
  };
}

function nodeOf(options: RedisNodeOptions): RedisNodeOptions {
  return concealed(present(Object.fromEntries(NODE_NAMES.map((name) => [name, options[name]]))));
}

function present<T extends object>(values: T): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}
