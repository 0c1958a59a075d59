import type { IncomingMessage } from 'node:http';
import type { MiddlewareConsumer } from '@nestjs/common';
import type { Request } from 'express';
import type { SessionData, Store } from 'express-session';
import type { SessionEventListener } from '../core/session-events.js';
import type { SessionOrigin } from '../core/session-origin.js';
import type { SessionDurability, SessionRedisOptions } from './redis.options.js';

type MiddlewareConfigProxy = ReturnType<MiddlewareConsumer['apply']>;

/**
 * The cookie that carries the session's id: express-session's options.
 *
 * @remarks
 * A function, as express-session takes one, goes to `forRequest`. Not taken: `expires` (one date for all sessions),
 * `signed` and `encode` (always so).
 *
 * @public
 */
export interface SessionCookieOptions {
  /** @defaultValue 'connect.sid', express-session's, so that a move keeps everybody logged in */
  readonly name?: string | undefined;
  /** Requests below this path carry the cookie. @defaultValue '/' */
  readonly path?: string | undefined;
  /** Hosts that get the cookie; without it only the one that set it. */
  readonly domain?: string | undefined;
  /** Whether scripts in the page cannot read it. @defaultValue true */
  readonly httpOnly?: boolean | undefined;
  /** Whether it goes over TLS only; `'auto'`: when the request came in by TLS. @defaultValue 'auto' */
  readonly secure?: boolean | 'auto' | undefined;
  /** `'auto'`: `none` on a secure connection, else `lax`. `true` is `strict`. @defaultValue 'lax' */
  readonly sameSite?: boolean | 'lax' | 'strict' | 'none' | 'auto' | undefined;
  /**
   * Life of the cookie and of the session, instead of `idleTimeoutMs`; without it the cookie ends with the browser.
   *
   * @unit milliseconds
   * @range 1 … 31536000000
   */
  readonly maxAge?: number | undefined;
  /** Whether it is kept apart for each embedding site (CHIPS). */
  readonly partitioned?: boolean | undefined;
  /** Which cookies a browser drops last. */
  readonly priority?: 'low' | 'medium' | 'high' | undefined;
  /** Options of one request's cookie, over the others; asked once or twice for each request, so it must be quick. */
  readonly forRequest?: ((request: IncomingMessage) => SessionRequestCookieOptions) | undefined;
}

/** Attributes of the cookie that may differ from request to request: all but its name. @public */
export type SessionRequestCookieOptions = Omit<SessionCookieOptions, 'name' | 'forRequest'>;

/** Options that `RedisSessionStore` and `SessionModule` share. @public */
export interface SessionStoreOptions {
  /**
   * The installation: namespace of keys, counts and metrics. Letters, digits, `.`, `_`, `-`; at most 64.
   */
  readonly application: string;
  /**
   * Longest pause between two requests before the session ends; every request restarts it. A session with a
   * `cookie.maxAge` of its own lives by that instead.
   *
   * @defaultValue 1200000 (20 minutes)
   * @unit milliseconds
   * @range 1000 … 31536000000
   */
  readonly idleTimeoutMs?: number | undefined;
  /**
   * Longest life of a session, however busy; never slides. Without it there is no such limit. Not with `store`.
   *
   * @unit milliseconds
   * @range idleTimeoutMs … 31536000000
   */
  readonly absoluteTimeoutMs?: number | undefined;
  /**
   * How far a deadline may lag behind before a request that changed nothing moves it. 0: every request.
   *
   * @defaultValue a tenth of the idle timeout, at most 60000
   * @unit milliseconds
   * @range 0 … idleTimeoutMs - 1
   */
  readonly touchIntervalMs?: number | undefined;
  /** Where the sessions live; without it in this process. */
  readonly redis?: SessionRedisOptions | undefined;
  /** @defaultValue 'replicated' with Sentinel, else 'primary' */
  readonly durability?: SessionDurability | undefined;
  /** Reads the user's id from a session; enables sign-out everywhere and limits per user. Not with `store`. */
  readonly userId?: ((session: Partial<SessionData>) => string | number | null | undefined) | undefined;
  /** Where a user who signs in comes from; shown by `SessionService.list()`. Not with `store`. */
  readonly describe?: ((request: Request) => Readonly<Record<string, string>>) | undefined;
  /**
   * Key of an HMAC that stands for the user's id in the names of keys, so that those who see only names (slow log, `MONITOR`,
   * `SCAN`) learn no user ids. At least 32 characters; it must never change. Without it the id itself stands there.
   */
  readonly hashUserIds?: string | undefined;
  /** How many sessions one user may have at the same time; needs `userId`. Without it as many as they like. @range 1 … 10000 */
  readonly maxSessionsPerUser?: number | SessionUserLimitOptions | undefined;
  /**
   * Decides about a top-level field that another request has changed since this one loaded the session: the last one wins
   * (`'merge'`), or the later is refused by a 409 and nothing of it is stored (`'reject'`). Not with `store`.
   *
   * @defaultValue 'merge'
   */
  readonly conflict?: 'merge' | 'reject' | undefined;
  /** Largest session, all fields together; a larger one is refused by an error. @defaultValue 4194304 @unit bytes @range 1024 … 67108864 */
  readonly maxBytes?: number | undefined;
  /**
   * Most top-level fields of one session; one more is refused by an error. Redis handles a session's fields one by one, and everybody
   * waits meanwhile.
   *
   * @defaultValue 1000
   * @range 1 … 10000
   */
  readonly maxFields?: number | undefined;
  /**
   * Whether sessions are kept in this process, too, and read there without asking Redis for as long as nobody changes them.
   * Needs `redis`, with connections of our own to Sentinel or one server. See docs/near-cache.md for what it promises.
   *
   * @defaultValue false
   */
  readonly nearCache?: boolean | SessionNearCacheOptions | undefined;
  /**
   * Encrypts what is stored: fields, the cookie's attributes and what `describe` said; not ids, users and times. Needs `redis`. See
   * docs/security.md for what it protects from.
   */
  readonly encryption?: SessionEncryptionOptions | undefined;
}

/** A key of 32 bytes, or its text in base64 or hexadecimal. @public */
export type SessionEncryptionKey = string | Uint8Array;

/** Encryption of what is stored. @public */
export interface SessionEncryptionOptions {
  /**
   * The first encrypts, all decrypt; or a function that brings them, from a key management service for example. Each must be another
   * than the `secret`.
   */
  readonly keys:
    | readonly SessionEncryptionKey[]
    | (() => readonly SessionEncryptionKey[] | Promise<readonly SessionEncryptionKey[]>);
  /**
   * Whether fields that were stored without encryption are read, too, while an installation moves. Anybody who can write to Redis can
   * forge sessions meanwhile.
   *
   * @defaultValue false
   */
  readonly acceptPlaintext?: boolean | undefined;
  /**
   * How old keys from a function may be before it is asked again. A key that is met and not known has it asked at once.
   *
   * @defaultValue 300000
   * @unit milliseconds
   * @range 1000 … 31536000000
   */
  readonly refreshMs?: number | undefined;
}

/** The near cache. @public */
export interface SessionNearCacheOptions {
  /**
   * Memory of this process that it may take, by estimate; the sessions used least recently go first.
   *
   * @defaultValue 33554432 (32 MiB)
   * @unit bytes
   * @range 1048576 … 17179869184
   */
  readonly maxBytes?: number | undefined;
  /**
   * Greatest age of what is read from it when key invalidations do not arrive. Without a proof younger than this the cache is
   * emptied and not asked.
   *
   * @defaultValue 2000
   * @unit milliseconds
   * @range 100 … 600000
   */
  readonly maxStalenessMs?: number | undefined;
  /**
   * How old it may be while no primary is usable; 0: then nothing is read from it.
   *
   * @defaultValue 0
   * @unit milliseconds
   * @range 0 … 600000
   */
  readonly staleOnOutageMs?: number | undefined;
}

/** Decides about a user who signs in once more than they may. @public */
export interface SessionUserLimitOptions {
  /** Sessions that one user may have at the same time. @range 1 … 10000 */
  readonly max: number;
  /** Whether the session used least recently ends, or the new one is refused by a 409. @defaultValue 'oldest' */
  readonly evict?: 'oldest' | 'reject' | undefined;
}

/** Options of `RedisSessionStore`, the store without the module. @public */
export interface RedisSessionStoreOptions extends SessionStoreOptions {
  /** Where the sessions live. */
  readonly redis: SessionRedisOptions;
  /** Receives the events of sessions. */
  readonly onEvent?: SessionEventListener | undefined;
}

/** Where sessions come from that are not here. @public */
export interface SessionMigrationOptions {
  /** Any express-session store, or one of `nestjs-ha-session/migration`; without it only the cookie has changed. */
  readonly store?: Store | SessionOrigin | undefined;
  /**
   * Whether that store is kept up to date, for instances of before that run at the same time: both have every session and every
   * change, whichever instance makes it. Without it a session is removed there once it is here.
   *
   * @defaultValue false
   */
  readonly mirror?: boolean | undefined;
  /** The cookie's name of before, when it was another. */
  readonly cookieName?: string | undefined;
  /** Secrets of before that are not among `secret`; with `mirror` and `cookieName` the first signs the cookie of before. */
  readonly secrets?: string | readonly string[] | undefined;
}

/** Options of `SessionModule.forRoot`. @public */
export interface SessionModuleOptions extends SessionStoreOptions {
  /** Signs the cookie: the first signs, all verify. At least 32 characters each in production (8 elsewhere). */
  readonly secret: string | readonly string[];
  /** The cookie that carries the session's id. */
  readonly cookie?: SessionCookieOptions | undefined;
  /** Any express-session store instead of `redis`; what only our store can do is refused by a clear error. */
  readonly store?: Store | undefined;
  /** Takes the sessions of another store over, so that nobody is logged out by a move. Needs `redis`. See docs/migration.md. */
  readonly migrateFrom?: SessionMigrationOptions | undefined;
  /** Trust `X-Forwarded-Proto`; without it Express's own `trust proxy` setting decides. */
  readonly proxy?: boolean | undefined;
  /** Send the cookie again with every response. @defaultValue false */
  readonly rolling?: boolean | undefined;
  /**
   * Whether a session that is new and empty is stored and gets its cookie, so that an anonymous visitor has an id that stays: for
   * CSRF tokens, rate limits. Otherwise a session is stored once something is in it.
   *
   * @defaultValue false
   */
  readonly saveUninitialized?: boolean | undefined;
  /** Makes the id of a new session. @defaultValue express-session's: 24 random bytes */
  readonly genid?: ((req: unknown) => string) | undefined;
  /**
   * Decides about a request whose session cannot be reached by the operation's deadline: a 503 (`'reject'`), or an empty session
   * that cannot be stored (`'anonymous'`): no cookie is issued and the user's own stays.
   *
   * @defaultValue 'reject'
   */
  readonly onUnavailable?: 'reject' | 'anonymous' | undefined;
  /**
   * How long a request with exclusive access waits for its session's lock; then 503. Not with `store`.
   *
   * @defaultValue 10000
   * @unit milliseconds
   * @range 10 … 600000
   */
  readonly lockTimeoutMs?: number | undefined;
  /**
   * Whether the application's start fails when sessions cannot be stored within `operationTimeoutMs`. Without it requests wait,
   * and the log says why.
   *
   * @defaultValue false
   */
  readonly failFast?: boolean | undefined;
  /**
   * Routes that the session covers, as Nest's `forRoutes` takes them. With versions in the URI a path without a version stands for
   * all versions.
   *
   * @defaultValue every route, with or without a global prefix
   */
  readonly forRoutes?: readonly Parameters<MiddlewareConfigProxy['forRoutes']>[number][] | undefined;
  /**
   * Routes that the session leaves alone, as Nest's `exclude` takes them. With versions in the URI a path without a version stands
   * for all versions.
   */
  readonly exclude?: readonly Parameters<MiddlewareConfigProxy['exclude']>[number][] | undefined;
}

/** Options of `createSessionMiddleware`: those of the module, except the ones for Nest's routes. @public */
export interface SessionMiddlewareOptions extends Omit<SessionModuleOptions, 'forRoutes' | 'exclude' | 'failFast'> {
  /** Takes what happens to sessions; not with `store`. */
  readonly onEvent?: SessionEventListener | undefined;
}
