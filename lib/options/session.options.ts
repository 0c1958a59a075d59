import type { MiddlewareConsumer } from '@nestjs/common';
import type { CookieOptions, SessionData, Store } from 'express-session';
import type { SessionDurability, SessionRedisOptions } from './redis.options.js';

type MiddlewareConfigProxy = ReturnType<MiddlewareConsumer['apply']>;

/** The cookie that carries the session's id. @public */
export interface SessionCookieOptions extends Omit<CookieOptions, 'signed' | 'encode' | 'expires' | 'sameSite'> {
  /** @defaultValue 'connect.sid', express-session's, so that a move keeps everybody logged in */
  readonly name?: string | undefined;
  /** `'auto'`: `none` on a secure connection, else `lax`. @defaultValue 'lax' */
  readonly sameSite?: CookieOptions['sameSite'] | 'auto';
}

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
   * Longest life of a session, however busy; never slides. Without it there is no such limit.
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
   */
  readonly touchIntervalMs?: number | undefined;
  /** Where the sessions live; without it in this process. */
  readonly redis?: SessionRedisOptions | undefined;
  /** @defaultValue 'replicated' with Sentinel, else 'primary' */
  readonly durability?: SessionDurability | undefined;
}

/** Options of `SessionModule.forRoot`. @public */
export interface SessionModuleOptions extends SessionStoreOptions {
  /** Signs the cookie: the first signs, all verify. At least 32 characters each in production (8 elsewhere). */
  readonly secret: string | readonly string[];
  readonly cookie?: SessionCookieOptions | undefined;
  /** Any express-session store instead of `redis`; what only our store can do is refused by a clear error. */
  readonly store?: Store | undefined;
  /** Trust `X-Forwarded-Proto`; without it Express's own `trust proxy` setting decides. */
  readonly proxy?: boolean | undefined;
  /** Send the cookie again with every response. @defaultValue false */
  readonly rolling?: boolean | undefined;
  /** Makes the id of a new session. @defaultValue express-session's: 24 random bytes */
  readonly genid?: ((req: unknown) => string) | undefined;
  /** Whose session it is; enables sign-out everywhere and limits per user. */
  readonly userId?: ((session: Partial<SessionData>) => string | number | null | undefined) | undefined;
  /** Routes the session covers. @defaultValue every route, with or without a global prefix */
  readonly forRoutes?: Parameters<MiddlewareConfigProxy['forRoutes']> | undefined;
  /** Routes it leaves alone. */
  readonly exclude?: Parameters<MiddlewareConfigProxy['exclude']> | undefined;
}
