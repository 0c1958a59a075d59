import type { Store } from 'express-session';
import * as z from 'zod';
import type { SessionEventListener } from '../core/session-events.js';
import type { SessionOrigin } from '../core/session-origin.js';
import { callback, flag, list, milliseconds, oneOf, satisfying, text, wholeNumber } from './option-schemas.js';
import { peek } from './option-values.js';
import type { SessionCookieOptions, SessionModuleOptions } from './session.options.js';
import { SESSION_LIMITS } from './session.defaults.js';

const { applicationLength, minIdleTimeoutMs, maxLifeMs, minTimeoutMs, maxTimeoutMs } = SESSION_LIMITS;
const { minBytes, maxBytes, maxFields, maxSessionsPerUser } = SESSION_LIMITS;
const { minNearCacheBytes, maxWaitingBytes: maxNearCacheBytes, minStalenessMs } = SESSION_LIMITS;

/** RFC 6265: a cookie's name is a token of RFC 2616; the expression is that of the `cookie` package, which sets it. */
const COOKIE_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const COOKIE_DOMAIN = /^\.?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;
const COOKIE_PATH = /^\/[\u0020-\u003A\u003D-\u007E]*$/;

const common = {
  // Braces would end the hash tag of a Cluster's key too early, and colons its parts.
  application: text(
    `a name of letters, digits, ".", "_" and "-", at most ${applicationLength} characters: the namespace of this installation's keys`,
    /^[\w.-]+$/,
    applicationLength,
  ),
  idleTimeoutMs: milliseconds(minIdleTimeoutMs, maxLifeMs).optional(),
  absoluteTimeoutMs: milliseconds(minIdleTimeoutMs, maxLifeMs).optional(),
  touchIntervalMs: milliseconds(0, maxLifeMs).optional(),
  durability: oneOf(['primary', 'replicated', 'replicated-strict']).optional(),
  userId: callback<NonNullable<SessionModuleOptions['userId']>>('(session) => id').optional(),
  describe: callback<NonNullable<SessionModuleOptions['describe']>>('(request) => { address, agent }').optional(),
  hashUserIds: z.unknown().optional(),
  maxSessionsPerUser: z.unknown().optional(),
  conflict: oneOf(['merge', 'reject']).optional(),
  maxBytes: wholeNumber(minBytes, maxBytes, 'bytes').optional(),
  maxFields: wholeNumber(1, maxFields).optional(),
  nearCache: z.unknown().optional(),
  encryption: z.unknown().optional(),
};

/** Encryption of what is stored. @internal */
export const encryptionSchema = z.strictObject({
  keys: z.unknown().optional(),
  acceptPlaintext: flag().optional(),
  refreshMs: milliseconds(minIdleTimeoutMs, maxLifeMs).optional(),
});

/** Where sessions come from. @internal */
export const migrationSchema = z.strictObject({
  store: satisfying<Store | SessionOrigin>(
    'an express-session store, or an object with read, write and remove of nestjs-ha-session/migration',
    (value) => isStore(value) || isOrigin(value),
  ).optional(),
  mirror: flag().optional(),
  cookieName: text("a cookie's name: letters, digits and !#$%&'*+-.^_`|~", COOKIE_NAME, 256).optional(),
  secrets: z.unknown().optional(),
});

/** The near cache. @internal */
export const nearCacheSchema = z.strictObject({
  maxBytes: wholeNumber(minNearCacheBytes, maxNearCacheBytes, 'bytes').optional(),
  maxStalenessMs: milliseconds(minStalenessMs, maxTimeoutMs).optional(),
  staleOnOutageMs: milliseconds(0, maxTimeoutMs).optional(),
});

/** How many sessions a user may have. @internal */
export const userLimitSchema = z.strictObject({
  max: wholeNumber(1, maxSessionsPerUser),
  evict: oneOf(['oldest', 'reject']).optional(),
});

/** Options of `SessionModule`; what has members of its own is checked apart. @internal */
export const sessionSchema = z.strictObject({
  application: common.application,
  secret: z.unknown().optional(),
  cookie: z.unknown().optional(),
  idleTimeoutMs: common.idleTimeoutMs,
  absoluteTimeoutMs: common.absoluteTimeoutMs,
  touchIntervalMs: common.touchIntervalMs,
  redis: z.unknown().optional(),
  durability: common.durability,
  store: satisfying<Store>(
    "an instance of a class that extends express-session's Store: an EventEmitter with get, set and destroy",
    isStore,
  ).optional(),
  migrateFrom: z.unknown().optional(),
  proxy: flag().optional(),
  rolling: flag().optional(),
  saveUninitialized: flag().optional(),
  genid: callback<NonNullable<SessionModuleOptions['genid']>>('(request) => id').optional(),
  userId: common.userId,
  describe: common.describe,
  hashUserIds: common.hashUserIds,
  maxSessionsPerUser: common.maxSessionsPerUser,
  conflict: common.conflict,
  maxBytes: common.maxBytes,
  maxFields: common.maxFields,
  nearCache: common.nearCache,
  encryption: common.encryption,
  onUnavailable: oneOf(['reject', 'anonymous']).optional(),
  failFast: flag().optional(),
  lockTimeoutMs: milliseconds(minTimeoutMs, maxTimeoutMs).optional(),
  forRoutes: list<NonNullable<SessionModuleOptions['forRoutes']>[number]>(
    'an array of at least one route or controller; leave it out for every route',
  ).optional(),
  exclude: list<NonNullable<SessionModuleOptions['exclude']>[number]>('an array of routes', 0).optional(),
});

/** Options of `SessionModule.forRoot`, where settings of the registration stand among them. @internal */
export const registrationSchema = sessionSchema.extend({ isGlobal: flag().optional() });

/** Options of `createSessionMiddleware`. @internal */
export const middlewareSchema = sessionSchema
  .omit({ forRoutes: true, exclude: true, failFast: true })
  .extend({ onEvent: callback<SessionEventListener>('(event) => void').optional() });

/** Options of `RedisSessionStore`. @internal */
export const storeSchema = z.strictObject({
  ...common,
  redis: z.unknown().optional(),
  onEvent: callback<SessionEventListener>('(event) => void').optional(),
});

/** The cookie. @internal */
export const cookieSchema = z.strictObject({
  name: text("a cookie's name: letters, digits and !#$%&'*+-.^_`|~", COOKIE_NAME, 256).optional(),
  path: text('a path that begins with "/"', COOKIE_PATH, 1024).optional(),
  domain: text('a domain name, without scheme, port and path', COOKIE_DOMAIN, 255).optional(),
  httpOnly: flag().optional(),
  secure: oneOf([true, false, 'auto']).optional(),
  sameSite: oneOf([true, false, 'lax', 'strict', 'none', 'auto']).optional(),
  maxAge: milliseconds(1, maxLifeMs).optional(),
  partitioned: flag().optional(),
  priority: oneOf(['low', 'medium', 'high']).optional(),
  forRequest: callback<NonNullable<SessionCookieOptions['forRequest']>>('(request) => options').optional(),
});

/** Methods that express-session calls on any store. */
const STORE_METHODS = ['on', 'emit', 'get', 'set', 'destroy', 'createSession', 'regenerate'];

/** Whether it is another store's sessions rather than an express-session store. */
function isOrigin(value: unknown): boolean {
  return typeof value === 'object' && ORIGIN_METHODS.every((method) => typeof peek(value, method) === 'function');
}

const ORIGIN_METHODS = ['read', 'write', 'remove'];

function isStore(value: unknown): boolean {
  return typeof value === 'object' && STORE_METHODS.every((method) => typeof peek(value, method) === 'function');
}
