import type { KeyObject } from 'node:crypto';
import type { Store } from 'express-session';
import type { SessionEventListener } from '../core/session-events.js';
import type { SessionOrigin } from '../core/session-origin.js';
import type { UserLimit } from '../core/session-record.js';
import type { ResolvedRedisOptions } from './redis.options.js';
import type { SessionCookieOptions, SessionModuleOptions, SessionNearCacheOptions } from './session.options.js';

/** The cookie with its defaults in place. @internal */
export interface ResolvedCookieOptions extends SessionCookieOptions {
  readonly name: string;
  readonly path: string;
  readonly httpOnly: boolean;
  readonly secure: boolean | 'auto';
  readonly sameSite: NonNullable<SessionCookieOptions['sameSite']>;
}

/** The near cache with its defaults in place. @internal */
export type NearCacheOptions = { readonly [Name in keyof SessionNearCacheOptions]-?: number };

/** Encryption with its defaults in place. @internal */
export interface EncryptionOptions {
  /** Never empty; key objects, which show their bytes to nobody. A function's result is checked when it is there. */
  readonly keys: readonly KeyObject[] | (() => unknown);
  readonly acceptPlaintext: boolean;
  /** @unit milliseconds */
  readonly refreshMs: number;
}

/** Where sessions come from that are not here. @internal */
export interface MigrationOptions {
  /** `null`: only the cookie has changed. */
  readonly store: Store | SessionOrigin | null;
  readonly mirrors: boolean;
  /** The cookie's name of before, or `null`: it is the same. */
  readonly cookieName: string | null;
  /** Secrets of before; those of the cookie verify as well. */
  readonly secrets: readonly string[];
}

/** Options that the module and the store alone have in common. @internal */
interface ResolvedLifeOptions {
  readonly application: string;
  /** @unit milliseconds */
  readonly idleTimeoutMs: number;
  /** `null`: a session lives as long as it is used. @unit milliseconds */
  readonly absoluteTimeoutMs: number | null;
  /** @unit milliseconds */
  readonly touchIntervalMs: number;
  readonly userId: SessionModuleOptions['userId'];
  readonly describe: SessionModuleOptions['describe'];
  /** `null`: user ids stand in the names of keys as they are. */
  readonly hashUserIds: KeyObject | null;
  /** `null`: a user may have as many sessions as he likes. */
  readonly userLimit: UserLimit | null;
  readonly conflict: 'merge' | 'reject';
  /** @unit bytes */
  readonly maxBytes: number;
  readonly maxFields: number;
  /** `null`: there is none. */
  readonly nearCache: NearCacheOptions | null;
  /** `null`: what is stored is plain JSON. */
  readonly encryption: EncryptionOptions | null;
}

/** Options of `RedisSessionStore`, checked, complete and frozen. @internal */
export interface ResolvedStoreOptions extends ResolvedLifeOptions {
  readonly redis: ResolvedRedisOptions;
  readonly onEvent: SessionEventListener | undefined;
}

/** Options of `SessionModule`, checked, complete and frozen. @internal */
export interface ResolvedSessionOptions extends ResolvedLifeOptions {
  /** The first signs, all verify; never empty. */
  readonly secrets: readonly [string, ...string[]];
  readonly cookie: ResolvedCookieOptions;
  /** `null`: the sessions live in this process, or in `store`. */
  readonly redis: ResolvedRedisOptions | null;
  /** The application's own store, or `null`. */
  readonly store: Store | null;
  /** `null`: sessions come from nowhere else. */
  readonly migrateFrom: MigrationOptions | null;
  /** `undefined`: Express's `trust proxy` decides. */
  readonly proxy: boolean | undefined;
  readonly rolling: boolean;
  readonly saveUninitialized: boolean;
  readonly genid: SessionModuleOptions['genid'];
  readonly onUnavailable: 'reject' | 'anonymous';
  /** @unit milliseconds */
  readonly lockTimeoutMs: number;
  readonly failFast: boolean;
  /** Empty: every route. */
  readonly forRoutes: NonNullable<SessionModuleOptions['forRoutes']>;
  readonly exclude: NonNullable<SessionModuleOptions['exclude']>;
  /** For the log at the start: what is allowed and unwise here. */
  readonly warnings: readonly string[];
}
