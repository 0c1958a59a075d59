import 'reflect-metadata';
import type { INestApplication, MiddlewareConsumer, ModuleMetadata, NestModule, Type } from '@nestjs/common';
import { Module, RequestMethod } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { RequestHandler } from 'express';
import session from 'express-session';
import type { Store } from 'express-session';
import { onTestFinished } from 'vitest';
import { SessionContext } from '../../lib/http/session-context.js';
import { createSessionHandler } from '../../lib/http/session.middleware.js';
import type { SessionHandlerOptions } from '../../lib/http/session.middleware.js';
import { SessionFastifyBridge } from '../../lib/http/session-fastify.bridge.js';
import { HttpClient } from './http-client.js';

export const SECRET = 'a-secret-of-the-http-tests-0123456789';
export const PLATFORMS = ['express', 'fastify'] as const;
export type Platform = (typeof PLATFORMS)[number];

export interface HttpAppOptions extends Partial<SessionHandlerOptions> {
  readonly platform?: Platform;
  /** Behind our cycle, or behind plain express-session with `peer`. */
  readonly store?: Store;
  /** The module itself, instead of a cycle over `store`. */
  readonly modules?: NonNullable<ModuleMetadata['imports']>;
  /** Runs after the session's middleware. */
  readonly middleware?: RequestHandler[];
  readonly controllers?: Type[];
  readonly providers?: ModuleMetadata['providers'];
  /** Plain express-session instead of ours. */
  readonly peer?: boolean;
  /** Changes the application before it listens. */
  readonly prepare?: (app: INestApplication) => void | Promise<void>;
  readonly adapter?: FastifyAdapter | ExpressAdapter;
}

export interface HttpApp {
  readonly url: string;
  readonly app: INestApplication;
  /** Lines of level `warn` and `error`. */
  readonly log: readonly string[];
  client(): HttpClient;
}

/** Starts a real Nest application on a free port; it ends with the test. */
export async function startHttpApp(options: HttpAppOptions): Promise<HttpApp> {
  const {
    platform = 'express',
    store,
    modules = [],
    controllers = [],
    providers = [],
    peer = false,
    prepare,
  } = options;
  const log: string[] = [];
  const logger = {
    warn: (message: unknown) => void log.push(`warn ${String(message)}`),
    error: (message: unknown) => void log.push(`error ${String(message)}`),
  };

  @Module({
    imports: modules,
    controllers,
    providers: [...(store && !peer ? [SessionContext, SessionFastifyBridge] : []), ...providers],
  })
  class AppModule implements NestModule {
    configure(consumer: MiddlewareConsumer): void {
      if (!store) return;
      const { secrets = [SECRET], cookie = {}, proxy, rolling = false, genid } = options;
      const middleware = peer
        ? session({
            store,
            secret: [...secrets],
            resave: false,
            saveUninitialized: false,
            cookie: cookie as session.CookieOptions,
            ...(proxy !== undefined && { proxy }),
            rolling,
          })
        : createSessionHandler({
            options: { ...options, secrets, cookie, proxy, rolling, genid },
            store,
            context: app.get(SessionContext),
            logger,
          });
      consumer
        .apply(middleware, ...(options.middleware ?? []))
        .forRoutes({ path: '/{*splat}', method: RequestMethod.ALL });
    }
  }

  const adapter = options.adapter ?? (platform === 'fastify' ? new FastifyAdapter() : new ExpressAdapter());
  const app: INestApplication = await NestFactory.create<NestExpressApplication>(AppModule, adapter as ExpressAdapter, {
    logger: false,
  });
  app.useLogger({ log: () => undefined, ...logger });
  const clients: HttpClient[] = [];
  onTestFinished(async () => {
    for (const client of clients) client.close();
    (app.getHttpServer() as { closeAllConnections?(): void }).closeAllConnections?.();
    await app.close();
  });
  await prepare?.(app);
  await app.listen(0, '127.0.0.1');
  const url = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  return {
    url,
    app,
    log,
    client: () => {
      const client = new HttpClient(url);
      clients.push(client);
      return client;
    },
  };
}
