import { createSecretKey, type KeyObject } from 'node:crypto';
import type * as z from 'zod';
import type { UserLimit } from '../core/session-record.js';
import { concealed } from './concealed.js';
import { OptionFaults } from './option-faults.js';
import { SESSION_NAME_HINTS, STORE_NAME_HINTS } from './option-names.js';
import { describeKind, describeValue, isObject, peek } from './option-values.js';
import { warningsOf } from './option-warnings.js';
import { resolveCookieOptions } from './resolve-cookie-options.js';
import { resolveEncryption } from './resolve-encryption.js';
import { resolveMigration } from './resolve-migration.js';
import { resolveNearCache } from './resolve-near-cache.js';
import { resolveRedisOptions } from './resolve-redis-options.js';
import { resolveSecrets } from './resolve-secrets.js';
import type { ResolvedSessionOptions, ResolvedStoreOptions } from './resolved-session.options.js';
import { SESSION_DEFAULTS, SESSION_LIMITS } from './session.defaults.js';
import {
  middlewareSchema,
  registrationSchema,
  sessionSchema,
  storeSchema,
  userLimitSchema,
} from './session-options.schema.js';

/** The part of the surroundings that decides over options. @internal */
export interface SessionEnvironment {
  /** Whether what is merely unwise in development is a fault. */
  readonly isProduction: boolean;
  /** Whether `isGlobal` may stand among the options, as it does in `forRoot`. */
  readonly isRegistration?: boolean | undefined;
  /** Whether they are those of `createSessionMiddleware`: without routes, with `onEvent`. */
  readonly isMiddleware?: boolean | undefined;
}

function schemaFor({ isRegistration, isMiddleware }: SessionEnvironment): typeof sessionSchema {
  if (isMiddleware) return middlewareSchema as unknown as typeof sessionSchema;
  return isRegistration ? registrationSchema : sessionSchema;
}

type GivenOptions = Partial<z.output<typeof sessionSchema>>;

/**
 * Checks the module's options and adds what is missing; changes nothing that it was given.
 *
 * @param options - as the application gave them: an object or an instance of a class
 * @param environment - where the application runs
 * @throws SessionConfigurationError when an option is wrong; lists all faults with their paths.
 * @internal
 */
export function resolveSessionOptions(options: unknown, environment: SessionEnvironment): ResolvedSessionOptions {
  const faults = new OptionFaults();
  const given: GivenOptions = faults.check(schemaFor(environment), options, {
    path: '',
    hints: SESSION_NAME_HINTS,
  });
  if (faults.has('') && Object.keys(given).length === 0) faults.throwIfAny([]);
  const secrets = resolveSecrets(given.secret, environment.isProduction, faults);
  const cookie = resolveCookieOptions(given.cookie, environment.isProduction, faults);
  const life = resolveLife(given, faults);
  const redis = given.redis === undefined ? null : resolveRedisOptions(given.redis, given.durability, faults);
  checkPlace(given, faults);
  const migrateFrom = resolveMigration(given.migrateFrom, { cookie, secrets, hasRedis: redis !== null }, faults);
  const forRoutes = checkRoutes(given.forRoutes, 'forRoutes', faults);
  const exclude = checkRoutes(given.exclude, 'exclude', faults);
  faults.throwIfAny(Object.keys(registrationSchema.shape));
  const place = { cookie, redis, store: given.store ?? null };
  return concealed({
    ...life,
    ...place,
    secrets,
    warnings: Object.freeze(warningsOf(place, environment.isProduction)),
    migrateFrom,
    proxy: given.proxy,
    rolling: given.rolling ?? SESSION_DEFAULTS.rolling,
    saveUninitialized: given.saveUninitialized ?? SESSION_DEFAULTS.saveUninitialized,
    genid: given.genid,
    onUnavailable: given.onUnavailable ?? SESSION_DEFAULTS.onUnavailable,
    failFast: given.failFast ?? SESSION_DEFAULTS.failFast,
    lockTimeoutMs: given.lockTimeoutMs ?? SESSION_DEFAULTS.lockTimeoutMs,
    forRoutes,
    exclude,
  });
}

/**
 * Checks the options of a store without the module and adds what is missing; changes nothing that it was given.
 *
 * @param options - as the application gave them
 * @throws SessionConfigurationError when an option is wrong; lists all faults with their paths.
 * @internal
 */
export function resolveStoreOptions(options: unknown): ResolvedStoreOptions {
  const faults = new OptionFaults();
  const given = faults.check(storeSchema, options, { path: '', hints: STORE_NAME_HINTS });
  if (faults.has('') && Object.keys(given).length === 0) faults.throwIfAny([]);
  const life = resolveLife(given, faults);
  const redis = resolveRedisOptions(given.redis, given.durability, faults);
  faults.throwIfAny(Object.keys(storeSchema.shape));
  return concealed({ ...life, redis, onEvent: given.onEvent });
}

function resolveLife(
  given: Pick<GivenOptions, keyof GivenOptions & keyof z.output<typeof storeSchema>>,
  faults: OptionFaults,
) {
  const { application = '', absoluteTimeoutMs = null, userId } = given;
  const idleTimeoutMs = given.idleTimeoutMs ?? SESSION_DEFAULTS.idleTimeoutMs;
  const { maxTouchIntervalMs, touchIntervalPart } = SESSION_DEFAULTS;
  const touchIntervalMs =
    given.touchIntervalMs ?? Math.min(Math.floor(idleTimeoutMs * touchIntervalPart), maxTouchIntervalMs);
  if (!faults.has('idleTimeoutMs')) {
    const idle = `idleTimeoutMs (${idleTimeoutMs}${given.idleTimeoutMs === undefined ? ', its default' : ''})`;
    if (absoluteTimeoutMs !== null && absoluteTimeoutMs < idleTimeoutMs) {
      faults.add(
        'absoluteTimeoutMs',
        `must be at least ${idle}, not ${absoluteTimeoutMs}: else no session could be idle for so long.`,
      );
    }
    if (touchIntervalMs >= idleTimeoutMs) {
      faults.add(
        'touchIntervalMs',
        `must be less than ${idle}, not ${touchIntervalMs}: else a session in use could expire.`,
      );
    }
  }
  const userLimit = resolveUserLimit(given.maxSessionsPerUser, faults);
  if (userLimit && !userId && !faults.has('userId'))
    faults.add('maxSessionsPerUser', 'needs userId: else nobody knows whose a session is.');
  const conflict = given.conflict ?? SESSION_DEFAULTS.conflict;
  const maxBytes = given.maxBytes ?? SESSION_DEFAULTS.maxBytes;
  const maxFields = given.maxFields ?? SESSION_DEFAULTS.maxFields;
  const { describe } = given;
  const hashUserIds = resolveUserIdKey(given.hashUserIds, faults);
  const nearCache = resolveNearCache(given.nearCache, faults);
  const encryption = resolveEncryption(given.encryption, faults);
  const life = { application, idleTimeoutMs, absoluteTimeoutMs, touchIntervalMs };
  return { ...life, userId, describe, hashUserIds, userLimit, conflict, maxBytes, maxFields, nearCache, encryption };
}

/** The key of the HMAC of user ids. It is a secret: no message shows it, and as a key object no log. */
function resolveUserIdKey(given: unknown, faults: OptionFaults): KeyObject | null {
  if (given === undefined) return null;
  const { userIdKeyLength } = SESSION_LIMITS;
  if (typeof given === 'string' && given.length >= userIdKeyLength) return createSecretKey(given, 'utf8');
  faults.add('hashUserIds', `must be a secret of at least ${userIdKeyLength} characters that never changes.`);
  return null;
}

function resolveUserLimit(given: unknown, faults: OptionFaults): UserLimit | null {
  if (given === undefined) return null;
  const path = 'maxSessionsPerUser';
  if (typeof given !== 'number' && !isObject(given)) {
    faults.add(path, `must be a number or { max, evict }, not ${describeValue(given)}.`);
    return null;
  }
  const limit = typeof given === 'number' ? { max: given } : given;
  const { max = 1, evict } = faults.check(userLimitSchema, limit, { path });
  return Object.freeze({ max, evict: evict ?? SESSION_DEFAULTS.evict });
}

/** Where the sessions live decides which options there are. */
function checkPlace(given: GivenOptions, faults: OptionFaults): void {
  const { store, redis, durability } = given;
  if (store !== undefined && redis !== undefined) {
    faults.add('store', 'stands beside redis: sessions live in one place. Give one or the other.');
  }
  if (store !== undefined) {
    const remedy = 'has no effect with a store of your own; leave it out';
    if (durability !== undefined) faults.add('durability', `${remedy}, or give redis instead of store.`);
    if (given.idleTimeoutMs !== undefined)
      faults.add('idleTimeoutMs', `${remedy}, and say cookie.maxAge or the store's own time to live.`);
    if (given.absoluteTimeoutMs !== undefined)
      faults.add('absoluteTimeoutMs', `${remedy}, or give redis instead of store.`);
    const own = [
      'touchIntervalMs',
      'userId',
      'describe',
      'hashUserIds',
      'maxSessionsPerUser',
      'conflict',
      'maxBytes',
      'maxFields',
      'nearCache',
      'encryption',
      'lockTimeoutMs',
    ] as const;
    for (const name of own) {
      if (given[name] !== undefined) faults.add(name, `${remedy}, or give redis instead of store.`);
    }
  } else if (redis === undefined && !faults.has('store')) {
    if (durability !== undefined && durability !== 'primary') {
      const reason = 'sessions in this process have no replica';
      faults.add('durability', `cannot be '${durability}' without redis: ${reason}. Give redis.`);
    }
    if (given.nearCache !== undefined && given.nearCache !== false)
      faults.add('nearCache', 'needs redis: sessions in this process are near already. Give redis, or leave it out.');
    if (given.encryption !== undefined)
      faults.add(
        'encryption',
        'needs redis: sessions in this process are stored nowhere. Give redis, or leave it out.',
      );
  }
}

function checkRoutes<T>(routes: readonly T[] | undefined, path: string, faults: OptionFaults): readonly T[] {
  routes?.forEach((route, index) => {
    const isRoute = typeof route === 'function' || typeof route === 'string' || typeof peek(route, 'path') === 'string';
    const shown = typeof route === 'object' ? describeKind(route) : describeValue(route);
    if (!isRoute) faults.add(`${path}[${index}]`, `must be a path, { path, method } or a controller, not ${shown}.`);
  });
  return Object.freeze([...(routes ?? [])]);
}
