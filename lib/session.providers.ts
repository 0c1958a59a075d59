import type { Provider } from '@nestjs/common';
import type { Store } from 'express-session';
import {
  SESSION_EVENTS,
  SESSION_EXAMINER,
  SESSION_LINK,
  SESSION_MIDDLEWARE,
  SESSION_OBSERVERS,
  SESSION_OPTIONS,
  SESSION_REDIS,
  SESSION_REPOSITORY,
  SESSION_SERVICE,
  SESSION_STORE,
} from './core/session.tokens.js';
import type { SessionLink } from './core/session-link.js';
import { SessionObservers } from './core/session-observer.js';
import { SessionContext } from './http/session-context.js';
import { SessionEnds } from './http/session-ends.js';
import { SessionFastifyBridge } from './http/session-fastify.bridge.js';
import { SessionRoutes } from './http/session-routes.js';
import type { SessionModuleAsyncOptions } from './options/async-session.options.js';
import { checkAsyncOptions } from './options/async-session.options.js';
import { resolveSessionOptions } from './options/resolve-session-options.js';
import type { ResolvedSessionOptions } from './options/resolved-session.options.js';
import { createRedisClient } from './redis/link/redis-client.factory.js';
import { SessionDoctor } from './session.doctor.js';
import { SessionEvents } from './session.events.js';
import {
  assembleSessionMiddleware,
  isProduction,
  openSessionLink,
  openSessionRepository,
  openSessionStore,
} from './session-middleware.js';
import { SessionService } from './session.service.js';
import { SessionWorker } from './session.worker.js';
import { statsProviders } from './session-stats.providers.js';
import type { SessionRepository } from './store/session-repository.js';

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
  { provide: SESSION_OBSERVERS, useClass: SessionObservers },
  { provide: SESSION_EVENTS, useExisting: SessionEvents },
  { provide: SESSION_EXAMINER, useExisting: SessionDoctor },
  { provide: SESSION_SERVICE, useExisting: SessionService },
  {
    provide: SESSION_LINK,
    useFactory: openSessionLink,
    inject: [SESSION_OPTIONS, SESSION_OBSERVERS],
  },
  {
    provide: SESSION_REDIS,
    useFactory: ({ redis }: ResolvedSessionOptions) => (redis ? createRedisClient(redis) : null),
    inject: [SESSION_OPTIONS],
  },
  {
    provide: SESSION_REPOSITORY,
    useFactory: (options: ResolvedSessionOptions, link: SessionLink | null, events: SessionEvents) =>
      openSessionRepository(options, link, (event) => {
        events.emit(event);
      }),
    inject: [SESSION_OPTIONS, SESSION_LINK, SessionEvents],
  },
  {
    provide: SESSION_STORE,
    useFactory: (options: ResolvedSessionOptions, repository: SessionRepository | null, events: SessionEvents) =>
      openSessionStore(options, repository, (event) => {
        events.emit(event);
      }),
    inject: [SESSION_OPTIONS, SESSION_REPOSITORY, SessionEvents],
  },
  {
    provide: SESSION_MIDDLEWARE,
    useFactory: (
      options: ResolvedSessionOptions,
      store: Store,
      repository: SessionRepository | null,
      link: SessionLink | null,
      context: SessionContext,
      ends: SessionEnds,
      observers: SessionObservers,
    ) => assembleSessionMiddleware({ options, store, repository, link, context, ends, observers }),
    inject: [
      SESSION_OPTIONS,
      SESSION_STORE,
      SESSION_REPOSITORY,
      SESSION_LINK,
      SessionContext,
      SessionEnds,
      SESSION_OBSERVERS,
    ],
  },
  SessionContext,
  SessionDoctor,
  SessionEnds,
  SessionEvents,
  SessionFastifyBridge,
  SessionRoutes,
  SessionService,
  SessionWorker,
  ...statsProviders,
];

function resolve(options: unknown): ResolvedSessionOptions {
  return resolveSessionOptions(options, { isProduction: isProduction() });
}
