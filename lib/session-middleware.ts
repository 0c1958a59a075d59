import type { IncomingMessage, ServerResponse } from 'node:http';
import { Logger } from '@nestjs/common';
import type { Store } from 'express-session';
import type { SessionEventListener } from './core/session-events.js';
import type { SessionLink } from './core/session-link.js';
import type { SessionObservers } from './core/session-observer.js';
import { SessionContext } from './http/session-context.js';
import type { SessionEnds } from './http/session-ends.js';
import { createSessionHandler } from './http/session.middleware.js';
import { resolveSessionOptions } from './options/resolve-session-options.js';
import type { ResolvedSessionOptions } from './options/resolved-session.options.js';
import type { SessionMiddlewareOptions } from './options/session.options.js';
import { createSessionLink } from './redis/link/redis-link.factory.js';
import { logLinkEvents } from './session-link.logger.js';
import { SessionLocks } from './store/session-locks.js';
import { createMemoryRepository, createRedisProbe, createRedisRepository } from './store/session-repository.factory.js';
import type { SessionRepositoryOptions } from './store/session-repository.factory.js';
import type { SessionRepository } from './store/session-repository.js';
import { SessionStore } from './store/session-store.js';

/**
 * The session middleware, in Connect's form: `app.use(middleware)` on Express, on Fastify through `@fastify/middie`, a call in a
 * listener of `node:http`, `io.engine.use(middleware)` of socket.io.
 *
 * @public
 */
export interface SessionMiddleware {
  (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void;
  /** The express-session store, as `req.sessionStore`. */
  readonly store: Store;
  /** Lets what is under way finish, then closes the connections that it opened; never those it was given. */
  close(): Promise<void>;
}

/**
 * Makes the session middleware without Nest.
 *
 * @remarks Connects in the background; until a primary is found requests wait, by their deadline.
 * @throws SessionConfigurationError when an option is wrong; lists all faults with their paths.
 * @public
 */
export function createSessionMiddleware(options: SessionMiddlewareOptions): SessionMiddleware {
  const resolved = resolveSessionOptions(options, { isProduction: isProduction(), isMiddleware: true });
  const link = openSessionLink(resolved);
  const repository = openSessionRepository(resolved, link, options.onEvent);
  const store = openSessionStore(resolved, repository, options.onEvent);
  return assembleSessionMiddleware({ options: resolved, store, repository, link, context: new SessionContext() });
}

/** The parts of a session middleware. @internal */
export interface SessionMiddlewareParts {
  readonly options: ResolvedSessionOptions;
  readonly store: Store;
  /** `null`: a foreign store. */
  readonly repository: SessionRepository | null;
  /** `null`: sessions live elsewhere. */
  readonly link: SessionLink | null;
  readonly context: SessionContext;
  /** Ends event streams with their sessions. */
  readonly ends?: SessionEnds | undefined;
  /** Those who look on at operations. */
  readonly observers?: SessionObservers | undefined;
}

/** Makes a session middleware of its parts, and says in the log what of the options is unwise in production. @internal */
export function assembleSessionMiddleware(parts: SessionMiddlewareParts): SessionMiddleware {
  const { options, store, repository, link, context, ends, observers } = parts;
  const logger = new Logger(`Session ${options.application}`);
  for (const warning of options.warnings) logger.warn(warning);
  const operationTimeoutMs = options.redis?.operationTimeoutMs ?? 0;
  const locks = repository && new SessionLocks(repository.locks, options.lockTimeoutMs, operationTimeoutMs, observers);
  const handler = createSessionHandler({ options, store, locks, context, ends });
  return Object.assign(handler, {
    store,
    close: async () => {
      await link?.close();
    },
  });
}

/** The link to the sessions' Redis, or `null`. @internal */
export function openSessionLink(
  { redis, application }: ResolvedSessionOptions,
  observers?: SessionObservers,
): SessionLink | null {
  if (!redis) return null;
  const link = createSessionLink(redis, createRedisProbe({ application, redis }), observers);
  logLinkEvents(link, new Logger(`Session ${application}`));
  return link;
}

/** The repository of the sessions, or `null` with a store of the application's own. @internal */
export function openSessionRepository(
  options: ResolvedSessionOptions,
  link: SessionLink | null,
  onEvent: SessionEventListener | undefined,
): SessionRepository | null {
  const { redis, store } = options;
  if (store) return null;
  if (link && redis)
    return createRedisRepository(link, { ...options, redis, onEvent, migration: migrationOf(options) });
  return createMemoryRepository(options);
}

function migrationOf({ migrateFrom, ...options }: ResolvedSessionOptions): SessionRepositoryOptions['migration'] {
  return migrateFrom ? { ...options, migrateFrom, cookieLifeMs: options.cookie.maxAge } : undefined;
}

/** The express-session store: ours over the repository, or the application's own. @internal */
export function openSessionStore(
  options: ResolvedSessionOptions,
  repository: SessionRepository | null,
  onEvent: SessionEventListener | undefined,
): Store {
  // Without a repository there is a store of the application.
  if (!repository) return options.store as Store;
  // By name: a copy of all options would show their secrets to whoever inspects the store.
  const { idleTimeoutMs, absoluteTimeoutMs, touchIntervalMs, maxBytes, maxFields, conflict, userLimit } = options;
  const { userId, describe } = options;
  const life = { idleTimeoutMs, absoluteTimeoutMs, touchIntervalMs };
  return new SessionStore(repository, { ...life, maxBytes, maxFields, conflict, userLimit, userId, describe, onEvent });
}

/** Whether faults of the configuration that are merely unwise elsewhere count. @internal */
export function isProduction(): boolean {
  return process.env['NODE_ENV'] === 'production';
}
