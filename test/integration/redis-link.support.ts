import { createHash } from 'node:crypto';
import type { Script } from '../../lib/core/script.js';
import type { LinkCommand, SessionLink } from '../../lib/core/session-link.js';
import type { SessionDurability, ResolvedRedisOptions } from '../../lib/options/redis.options.js';
import { createSessionLink } from '../../lib/redis/link/redis-link.factory.js';
import { PROBE_SESSIONS } from '../../lib/scripts/scripts.generated.js';
import type { SentinelClientOptions } from '../../tools/redis-lab/sentinel-topology.js';

export function script(name: string, isWrite: boolean, text: string): Script {
  return { name, isWrite, text, sha1: createHash('sha1').update(text).digest('hex') };
}

const LATE = `
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
if now > tonumber(ARGV[1]) then return redis.error_reply('LATE ' .. string.format('%.0f', now)) end
`;

/** Stores a value; a replay of the same token changes nothing, and neither does one that comes too late. */
export const PUT = script(
  'put',
  true,
  `${LATE} redis.call('SET', KEYS[1], ARGV[2]) redis.call('HINCRBY', 'executed', ARGV[2], 1) return 'stored'`,
);

/** The same with one key alone, as a Cluster wants it. */
export const PUT_ONE = script('put-one', true, `${LATE} redis.call('SET', KEYS[1], ARGV[2]) return 'stored'`);

export const GET = script('get', false, `return redis.call('GET', KEYS[1])`);

/** What the link tries when it connects. */
export const PROBE: LinkCommand = { run: PROBE_SESSIONS, keys: ['{test:0}:probe'], args: ['1000'] };

export const LIMITS = {
  operationTimeoutMs: 10_000,
  attemptTimeoutMs: 1000,
  connectTimeoutMs: 500,
  sentinelTimeoutMs: 300,
  maxWaitingCount: 10_000,
  maxWaitingBytes: 64 * 1024 * 1024,
} as const;

type Overrides = Partial<Omit<ResolvedRedisOptions, 'topology'>>;

export function sentinelOptions(
  client: SentinelClientOptions,
  durability: SessionDurability,
  overrides: Overrides = {},
): ResolvedRedisOptions {
  const { sentinels, name, sentinelUsername, sentinelPassword, sentinelTLS, username, password, tls } = client;
  return {
    ...LIMITS,
    ...overrides,
    durability,
    topology: {
      kind: 'sentinel',
      sentinels,
      name,
      sentinelUsername,
      sentinelPassword,
      sentinelTLS,
      discoverSentinels: true,
      node: { username, password, tls },
    },
  };
}

export function standaloneOptions(port: number, overrides: Overrides = {}): ResolvedRedisOptions {
  const topology = { kind: 'standalone', host: '127.0.0.1', port, node: {} } as const;
  return { ...LIMITS, durability: 'primary', ...overrides, topology };
}

/** Makes links and closes them all at the end of a test. */
export function linkKeeper(): { open(options: ResolvedRedisOptions): SessionLink; closeAll(): Promise<void> } {
  const links: SessionLink[] = [];
  return {
    open(options) {
      const link = createSessionLink(options, PROBE);
      links.push(link);
      return link;
    },
    async closeAll() {
      await Promise.all(links.splice(0).map((link) => link.close()));
    },
  };
}

/** What a stream of changes met. */
export interface Workload {
  /** Keys whose change was acknowledged. */
  readonly acknowledged: string[];
  readonly errors: unknown[];
  /** Longest time between two acknowledgements. @unit milliseconds */
  longestPauseMs: number;
  stop(): Promise<void>;
}

/** Starts a change every few milliseconds, each of a key of its own, until stopped. */
export function startWorkload(link: SessionLink, everyMs = 5, run: Script = PUT): Workload {
  const pending = new Set<Promise<void>>();
  let count = 0;
  let lastAck = performance.now();
  const workload: Workload = {
    acknowledged: [],
    errors: [],
    longestPauseMs: 0,
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
    },
  };
  const put = async (key: string): Promise<void> => {
    try {
      await link.execute({ run, keys: [key], args: [key] });
      const now = performance.now();
      workload.acknowledged.push(key);
      workload.longestPauseMs = Math.max(workload.longestPauseMs, now - lastAck);
      lastAck = now;
    } catch (error) {
      workload.errors.push(error);
    }
  };
  const timer = setInterval(() => {
    const change = put(`w:${count++}`);
    pending.add(change);
    void change.finally(() => pending.delete(change));
  }, everyMs);
  return workload;
}

/** Whether there is more of anything; what went meanwhile was of an earlier test. */
export function isMore(after: readonly string[], before: readonly string[]): boolean {
  const count = (list: readonly string[], type: string): number => list.filter((other) => other === type).length;
  return after.some((type) => count(after, type) > count(before, type));
}
