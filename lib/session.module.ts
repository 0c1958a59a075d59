import type {
  DynamicModule,
  MiddlewareConsumer,
  NestModule,
  OnApplicationShutdown,
  OnModuleInit,
} from '@nestjs/common';
import { Inject, Logger, Module } from '@nestjs/common';
import { DiscoveryModule, DiscoveryService } from '@nestjs/core';
import type { Cluster, Redis } from 'ioredis';
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
import { SessionContext } from './http/session-context.js';
import { SessionRoutes } from './http/session-routes.js';
import type { SessionLink } from './core/session-link.js';
import type { SessionModuleAsyncOptions } from './options/async-session.options.js';
import type { ResolvedSessionOptions } from './options/resolved-session.options.js';
import type { SessionModuleOptions } from './options/session.options.js';
import { SessionDoctor } from './session.doctor.js';
import type { SessionMiddleware } from './session-middleware.js';
import { asyncOptionsProviders, optionsProvider, sessionProviders } from './session.providers.js';
import { SessionEvents } from './session.events.js';
import { SessionService } from './session.service.js';
import { SessionInstallationEvents } from './stats/session-installation-events.js';
import { SessionWatch } from './stats/session-watch.js';
import { SessionStats } from './stats/session.stats.js';

/** Settings of the registration itself. @public */
export interface SessionModuleRegistration {
  /** Whether other modules can inject the providers without importing this one. @defaultValue true */
  readonly isGlobal?: boolean | undefined;
}

/**
 * Highly available server-side sessions: mounts the session middleware on every route, over Redis with Sentinel, and provides
 * {@link SessionService}, the store and the Redis client.
 *
 * @public
 */
@Module({})
export class SessionModule implements NestModule, OnModuleInit, OnApplicationShutdown {
  /** @internal */
  constructor(
    @Inject(SESSION_OPTIONS) private readonly options: ResolvedSessionOptions,
    @Inject(SESSION_MIDDLEWARE) private readonly middleware: SessionMiddleware,
    @Inject(SESSION_LINK) private readonly link: SessionLink | null,
    @Inject(SESSION_REDIS) private readonly redis: Redis | Cluster | null,
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(SessionRoutes) private readonly routes: SessionRoutes,
  ) {}

  /**
   * Registers the module with options that are known now.
   *
   * @throws SessionConfigurationError when an option is wrong; lists all faults with their paths.
   */
  static forRoot(options: SessionModuleOptions & SessionModuleRegistration): DynamicModule {
    const provider = optionsProvider(options);
    return this.register([provider], { isGlobal: options.isGlobal });
  }

  /**
   * Registers the module with options from a factory, a class or an existing provider.
   *
   * @throws SessionConfigurationError at once when none or several of `useFactory`, `useClass`, `useExisting` are given, and at
   *   start-up when an option is wrong.
   */
  static forRootAsync(options: SessionModuleAsyncOptions): DynamicModule {
    return this.register(asyncOptionsProviders(options), options);
  }

  private static register(
    providers: NonNullable<DynamicModule['providers']>,
    {
      isGlobal = true,
      imports = [],
    }: SessionModuleRegistration & { readonly imports?: DynamicModule['imports'] | undefined },
  ): DynamicModule {
    return {
      module: SessionModule,
      global: isGlobal,
      imports: [DiscoveryModule, ...imports],
      providers: [...providers, ...sessionProviders],
      exports: [
        SessionService,
        SessionDoctor,
        SessionEvents,
        SessionContext,
        SessionStats,
        SessionInstallationEvents,
        SessionWatch,
        SESSION_OPTIONS,
        SESSION_REDIS,
        SESSION_STORE,
        SESSION_MIDDLEWARE,
        SESSION_LINK,
        SESSION_REPOSITORY,
        SESSION_EVENTS,
        SESSION_EXAMINER,
        SESSION_OBSERVERS,
        SESSION_SERVICE,
      ],
    };
  }

  /** Mounts the session middleware; called by Nest. */
  configure(consumer: MiddlewareConsumer): void {
    this.routes.mount(consumer, this.middleware, this.options);
  }

  /** With `failFast` the start waits until sessions can be stored, or fails. Called by Nest. */
  async onModuleInit(): Promise<void> {
    this.warnOfTwin();
    if (!this.options.failFast || !this.link) return;
    try {
      await this.link.ready();
    } catch (error) {
      // A start that failed is not ended by Nest: what is open would keep the process alive.
      await this.onApplicationShutdown();
      throw error;
    }
  }

  /** A second registration with the same cookie never gets a request, and has connections and background work all the same. */
  private warnOfTwin(): void {
    const { application, cookie } = this.options;
    const all = this.discovery
      .getProviders()
      .filter(({ token }) => token === SESSION_OPTIONS)
      .map(({ instance }) => instance as ResolvedSessionOptions);
    const twin = all.find(
      (other) =>
        other.application === application && other.cookie.name === cookie.name && other.cookie.path === cookie.path,
    );
    if (!twin || twin === this.options) return;
    new Logger(`Session ${application}`).warn(
      `SessionModule is registered twice with the application "${application}" and the cookie "${cookie.name}": the second one ` +
        'handles no request. Register it once and import the same module; or give each an application and a cookie of its own.',
    );
  }

  /** Lets saves under way finish, then closes the connections this module opened; never those it was given. Called by Nest. */
  async onApplicationShutdown(): Promise<void> {
    await this.middleware.close();
    if (this.options.redis?.topology.kind !== 'client') this.redis?.disconnect();
  }
}
