import type { KeyObject } from 'node:crypto';
import type { SessionEventListener } from '../core/session-events.js';
import type { LinkCommand, SessionLink } from '../core/session-link.js';
import type { ResolvedRedisOptions } from '../options/redis.options.js';
import { DEFAULT_CLUSTER_BUCKETS } from '../options/session.defaults.js';
import { PROBE_SESSIONS } from '../scripts/scripts.generated.js';
import { RedisKeyLayout } from './redis-key-layout.js';
import type { EncryptionOptions, NearCacheOptions } from '../options/resolved-session.options.js';
import type { MigrationOptions } from '../options/resolved-session.options.js';
import { EncryptedRepository } from './encrypted.repository.js';
import { FieldKeyRing } from './field-key-ring.js';
import { MemorySessionRepository } from './memory-session.repository.js';
import { MigratingRepository } from './migrating.repository.js';
import { NearCache } from './near-cache.js';
import { NearCacheRepository } from './near-cache.repository.js';
import { RedisSessionRepository } from './redis-session.repository.js';
import type { UserLimit } from '../core/session-record.js';
import { SidSealer } from './sealed-sid.js';
import { SessionMigration } from './session-migration.js';
import type { MigrationSettings } from './session-migration.js';
import type { SessionRepository } from './session-repository.js';
import { StoreOrigin } from './store-origin.js';

/** Longer than any command can be on its way, so that none of a session's life is applied after its end. */
const MIN_TOMBSTONE_MS = 60_000;

/** A request that began before can still write its session to the other store. @unit milliseconds */
const MIN_CLOSED_LIFE_MS = 86_400_000;

/** How long the key of a probe stays. @unit milliseconds */
const PROBE_LIFE_MS = 1000;

/** What a repository needs to know of the options. @internal */
export interface SessionRepositoryOptions {
  readonly application: string;
  /** @unit milliseconds */
  readonly absoluteTimeoutMs: number | null;
  /** How many sessions one user may have, or `null`. */
  readonly userLimit: UserLimit | null;
  /** Key of the HMAC that stands for a user's id in names of keys, or `null`. */
  readonly hashUserIds: KeyObject | null;
  /** The cache before it, or `null`. */
  readonly nearCache: NearCacheOptions | null;
  /** How texts are sealed; without it they are stored as they are. */
  readonly encryption?: EncryptionOptions | null | undefined;
  readonly redis: ResolvedRedisOptions;
  /** Where sessions come from that are not here, with what is needed to take them over; nowhere without it. */
  readonly migration?: RepositoryMigrationOptions | undefined;
  /** Takes note of stored sessions that cannot be read. */
  readonly onEvent?: SessionEventListener | undefined;
}

/** What a repository needs to know of a migration. @internal */
export interface RepositoryMigrationOptions extends Pick<MigrationSettings, 'userId' | 'idleTimeoutMs'> {
  readonly migrateFrom: MigrationOptions;
  /** Those of the cookie. */
  readonly secrets: readonly string[];
  /** The life that the cookie gives a session, or `undefined`. @unit milliseconds */
  readonly cookieLifeMs: number | undefined;
}

/** The repository of an installation in Redis. @internal */
export function createRedisRepository(link: SessionLink, options: SessionRepositoryOptions): SessionRepository {
  const { application, absoluteTimeoutMs, userLimit, hashUserIds, nearCache, redis, encryption, onEvent } = options;
  const tombstoneMs = Math.max(MIN_TOMBSTONE_MS, 2 * redis.operationTimeoutMs);
  const layout = keyLayoutOf(application, redis, hashUserIds);
  // Both need the other.
  const late: { migration?: SessionMigration | undefined } = {};
  const plain = new RedisSessionRepository(link, layout, {
    ...{ absoluteTimeoutMs, tombstoneMs, userLimit },
    ...(options.migration && {
      markLifeMs: closedLifeOf(options.migration),
      onEnded: async (id: string) => (late.migration?.mirrors ? late.migration.forget(id) : undefined),
    }),
    onUndecodable: (id, field) => {
      onEvent?.({ type: 'undecodable', id, field });
    },
  });
  const sealed = encryption
    ? new EncryptedRepository(plain, new FieldKeyRing(encryption), { ...encryption, application })
    : plain;
  const repository = nearCache
    ? new NearCacheRepository(sealed, new NearCache(link, layout.sessionPrefix(0), nearCache))
    : sealed;
  const migration =
    options.migration && createMigration(repository, options.migration, redis.operationTimeoutMs, onEvent);
  late.migration = migration;
  return migration ? new MigratingRepository(repository, migration) : repository;
}

/** A day, or as long as a session lives: by then no other store has a session any more that has ended here. */
function closedLifeOf({ idleTimeoutMs, cookieLifeMs = 0 }: RepositoryMigrationOptions): number {
  return Math.max(MIN_CLOSED_LIFE_MS, idleTimeoutMs, cookieLifeMs);
}

function createMigration(
  { records, imports }: SessionRepository,
  options: RepositoryMigrationOptions,
  timeoutMs: number,
  onEvent: SessionEventListener | undefined,
): SessionMigration | undefined {
  const { migrateFrom, secrets, userId, idleTimeoutMs } = options;
  const { store, mirrors } = migrateFrom;
  if (!store || !imports) return undefined;
  const origin = 'read' in store ? store : new StoreOrigin(store);
  const sealer = new SidSealer(secrets);
  const closedLifeMs = closedLifeOf(options);
  return new SessionMigration(records, imports, {
    ...{ origin, mirrors, sealer, closedLifeMs, idleTimeoutMs, timeoutMs, userId, onEvent },
  });
}

/** The change that shows whether an installation's sessions can be stored in a Redis. @internal */
export function createRedisProbe({
  application,
  redis,
}: Pick<SessionRepositoryOptions, 'application' | 'redis'>): LinkCommand {
  const layout = keyLayoutOf(application, redis);
  return { run: PROBE_SESSIONS, keys: [layout.probe], args: [String(PROBE_LIFE_MS)] };
}

/** The repository of an installation in this process. @internal */
export function createMemoryRepository(
  options: Pick<SessionRepositoryOptions, 'absoluteTimeoutMs' | 'userLimit'>,
): SessionRepository {
  const { absoluteTimeoutMs, userLimit } = options;
  return new MemorySessionRepository({ absoluteTimeoutMs, userLimit, tombstoneMs: MIN_TOMBSTONE_MS });
}

/** The key names of an installation in Redis. @internal */
export function keyLayoutOf(
  application: string,
  redis: ResolvedRedisOptions,
  hashUserIds: KeyObject | null = null,
): RedisKeyLayout {
  return new RedisKeyLayout(application, bucketCount(redis), hashUserIds);
}

function bucketCount({ topology }: ResolvedRedisOptions): number {
  if (topology.kind === 'cluster') return topology.buckets;
  return topology.kind === 'client' && topology.client.isCluster ? DEFAULT_CLUSTER_BUCKETS : 1;
}
