import type { Provider } from '@nestjs/common';
import { Logger } from '@nestjs/common';
import type { Store } from 'express-session';
import {
  SESSION_LINK,
  SESSION_OPTIONS,
  SESSION_REDIS,
  SESSION_REPOSITORY,
  SESSION_STORE,
} from './core/session.tokens.js';
import type { SessionEvent } from './core/session-events.js';
import type { SessionLink } from './core/session-link.js';
import { SessionContext } from './http/session-context.js';
import type { SessionCycle } from './http/session-cycle.js';
import { createSessionCycle } from './http/session-cycle.js';
import { SessionFastifyBridge } from './http/session-fastify.bridge.js';
import type { SessionModuleAsyncOptions } from './options/async-session.options.js';
import { checkAsyncOptions } from './options/async-session.options.js';
import { resolveSessionOptions } from './options/resolve-session-options.js';
import type { ResolvedSessionOptions } from './options/resolved-session.options.js';
import { createRedisClient } from './redis/link/redis-client.factory.js';
import { createSessionLink } from './redis/link/redis-link.factory.js';
import { SessionDoctor } from './session.doctor.js';
import { SessionEvents } from './session.events.js';
import { logLinkEvents } from './session-link.logger.js';
import { SessionService } from './session.service.js';
import { SessionSweeper } from './session.sweeper.js';
import { SessionLocks } from './store/session-locks.js';
import { createMemoryRepository, createRedisRepository } from './store/session-repository.factory.js';
import type { SessionRepository } from './store/session-repository.js';
import { SessionStore } from './store/session-store.js';

/** The middleware that runs the session's request cycle. @internal */
export const SESSION_CYCLE = Symbol.for('nestjs-ha-session:cycle');

const SESSION_RAW_OPTIONS = Symbol.for('nestjs-ha-session:raw-options');

/** Options that are known now; their faults are told now. @internal */
export function optionsProvider(options: unknown): Provider {
  const environment = { isProduction: isProduction(), isRegistration: true };
  return { provide: SESSION_OPTIONS, useValue: resolveSessionOptions(options, environment) };
}

/** Options that come from a factory, a class or an existing provider. @internal */
export function asyncOptionsProviders(options: SessionModuleAsyncOptions): Provider[] {
  const source = checkAsyncOptions(options);
  const resolved = { provide: SESSION_OPTIONS, useFactory: resolve, inject: [SESSION_RAW_OPTIONS] };
  return [...source.toProviders(SESSION_RAW_OPTIONS), resolved];
}

/** Everything else, from the resolved options. @internal */
export const sessionProviders: Provider[] = [
  {
    provide: SESSION_LINK,
    useFactory: ({ redis, application }: ResolvedSessionOptions): SessionLink | null => {
      if (!redis) return null;
      const link = createSessionLink(redis);
      logLinkEvents(link, new Logger(`Session ${application}`));
      return link;
    },
    inject: [SESSION_OPTIONS],
  },
  {
    provide: SESSION_REDIS,
    useFactory: ({ redis }: ResolvedSessionOptions) => (redis ? createRedisClient(redis) : null),
    inject: [SESSION_OPTIONS],
  },
  {
    provide: SESSION_REPOSITORY,
    useFactory: (options: ResolvedSessionOptions, link: SessionLink | null): SessionRepository | null => {
      const { redis, store, application } = options;
      if (store) return null;
      if (link && redis) return createRedisRepository(link, { ...options, redis });
      warnOfMemory(application);
      return createMemoryRepository(options);
    },
    inject: [SESSION_OPTIONS, SESSION_LINK],
  },
  {
    provide: SESSION_STORE,
    useFactory: (
      options: ResolvedSessionOptions,
      repository: SessionRepository | null,
      events: SessionEvents,
    ): Store => {
      const onEvent = (event: SessionEvent): void => {
        events.emit(event);
      };
      return repository ? new SessionStore(repository, { ...options, onEvent }) : requireStore(options);
    },
    inject: [SESSION_OPTIONS, SESSION_REPOSITORY, SessionEvents],
  },
  {
    provide: SESSION_CYCLE,
    useFactory: (
      options: ResolvedSessionOptions,
      store: Store,
      repository: SessionRepository | null,
      context: SessionContext,
    ): SessionCycle => {
      const locks = repository && new SessionLocks(repository.locks, options.lockTimeoutMs);
      return createSessionCycle({ options, store, locks, context });
    },
    inject: [SESSION_OPTIONS, SESSION_STORE, SESSION_REPOSITORY, SessionContext],
  },
  SessionContext,
  SessionDoctor,
  SessionEvents,
  SessionFastifyBridge,
  SessionService,
  SessionSweeper,
];

function resolve(options: unknown): ResolvedSessionOptions {
  return resolveSessionOptions(options, { isProduction: isProduction() });
}

function isProduction(): boolean {
  return process.env['NODE_ENV'] === 'production';
}

function warnOfMemory(application: string): void {
  if (!isProduction()) return;
  new Logger(`Session ${application}`).warn(
    'Sessions live in this process only: they die with it and no other instance sees them. Set `redis` in production.',
  );
}

function requireStore({ store }: ResolvedSessionOptions): Store {
  if (!store) throw new Error('unreachable: without a repository there is a store of the application');
  return store;
}
