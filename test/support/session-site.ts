import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { All, Controller, Req, Res } from '@nestjs/common';
import session from 'express-session';
import type { Store } from 'express-session';
import { afterAll, beforeAll, describe, onTestFinished } from 'vitest';
import { SessionModule, SessionService, createSessionMiddleware } from '../../lib/index.js';
import type { LiveSession, SessionModuleOptions, SessionRequestCookieOptions } from '../../lib/index.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { SECRET, startHttpApp } from './http-app.js';
import type { Platform } from './http-app.js';
import { HttpClient } from './http-client.js';

/** What the handlers of a site keep in a session. */
export interface SiteData {
  count?: number;
  user?: string;
  text?: string;
  deep?: { list: number[] };
  flash?: Record<string, string[]>;
}

export type SiteSession = LiveSession<SiteData>;

/** A request as express-session leaves it. */
export type SiteRequest = IncomingMessage & {
  session: SiteSession;
  sessionID: string;
  sessionStore: Store;
};

/** Answers every request of a site, with Node's own request and response. */
export type SiteHandler = (request: SiteRequest, response: ServerResponse) => unknown;

/** One place where sessions are, for several sites. */
export interface Installation {
  readonly application: string;
  readonly store: Store;
}

/** express-session's options, as far as both have them. */
export interface SiteOptions {
  readonly secret?: string | readonly string[];
  readonly name?: string;
  readonly cookie?: SessionRequestCookieOptions;
  readonly cookieOf?: (request: IncomingMessage) => SessionRequestCookieOptions;
  readonly rolling?: boolean;
  readonly saveUninitialized?: boolean;
  readonly proxy?: boolean;
  readonly genid?: (request: unknown) => string;
  /** Runs before the session's middleware. */
  readonly before?: (request: IncomingMessage, response: ServerResponse) => void;
  readonly installation?: Installation;
  /** Options that only the module has. */
  readonly own?: Partial<SessionModuleOptions>;
}

export interface Site {
  readonly url: string;
  client(): HttpClient;
  /** Sessions stored now. */
  count(): Promise<number>;
}

/** A way to serve sessions over HTTP, all held to one contract. */
export interface SiteKind {
  readonly name: string;
  /** Whether it is express-session itself. */
  readonly isPeer: boolean;
  /** Starts a site that ends with the test. */
  start(options: SiteOptions, handler: SiteHandler): Promise<Site>;
}

/** Attributes as express-session has them by default, so that both sides start from the same. */
const COOKIE = { secure: false, sameSite: false } as const;

export function newInstallation(): Installation {
  return { application: `site-${randomUUID()}`, store: new session.MemoryStore() };
}

/** express-session itself on plain `node:http`: shows that the suite asks for no more than it does. */
export const peerSite: SiteKind = {
  name: 'express-session',
  isPeer: true,
  start: async (options, handler) => {
    const { store } = options.installation ?? newInstallation();
    const { secret = SECRET, name, cookie, cookieOf, rolling, saveUninitialized = false, proxy, genid } = options;
    const handle = session({
      store,
      secret: [secret].flat(),
      resave: false,
      saveUninitialized,
      unset: 'destroy',
      cookie: (cookieOf
        ? (request: IncomingMessage) => ({ ...COOKIE, ...cookie, ...cookieOf(request) })
        : { ...COOKIE, ...cookie }) as session.CookieOptions,
      ...(name !== undefined && { name }),
      ...(rolling !== undefined && { rolling }),
      ...(proxy !== undefined && { proxy }),
      ...(genid && { genid }),
    });
    return startNodeSite(options, handle as unknown as ConnectHandler, handler, () => lengthOf(store));
  },
};

/** The module, with its sessions in Redis. */
export function moduleSite(platform: Platform, redis: () => RedisProcess): SiteKind {
  return {
    name: `the module on ${platform}`,
    isPeer: false,
    start: async (options, handler) => {
      const { application } = options.installation ?? newInstallation();
      const { host, port } = redis();
      return startModuleSite(platform, options, { application, redis: { host, port } }, handler);
    },
  };
}

/** The module over a store of express-session's kind. */
export const foreignStoreSite: SiteKind = {
  name: 'the module over a foreign store',
  isPeer: false,
  start: async (options, handler) => {
    const { application, store } = options.installation ?? newInstallation();
    return startModuleSite('express', options, { application, store }, handler);
  },
};

/** The middleware without Nest, on plain `node:http`. */
export function middlewareSite(redis: () => RedisProcess): SiteKind {
  return {
    name: 'the middleware on node:http',
    isPeer: false,
    start: async (options, handler) => {
      const { application } = options.installation ?? newInstallation();
      const { host, port } = redis();
      const middleware = createSessionMiddleware({ application, redis: { host, port }, ...moduleOptionsOf(options) });
      onTestFinished(() => middleware.close());
      return startNodeSite(options, middleware, handler, () => lengthOf(middleware.store));
    },
  };
}

function moduleOptionsOf(options: SiteOptions) {
  const { secret = SECRET, name, cookie, cookieOf, rolling, saveUninitialized, proxy, genid, own } = options;
  return {
    secret,
    cookie: { ...COOKIE, ...cookie, ...(name !== undefined && { name }), ...(cookieOf && { forRequest: cookieOf }) },
    ...(rolling !== undefined && { rolling }),
    ...(saveUninitialized !== undefined && { saveUninitialized }),
    ...(proxy !== undefined && { proxy }),
    ...(genid && { genid }),
    ...own,
  };
}

async function startModuleSite(
  platform: Platform,
  options: SiteOptions,
  place: Pick<SessionModuleOptions, 'application' | 'redis' | 'store'>,
  handler: SiteHandler,
): Promise<Site> {
  @Controller()
  class Everything {
    @All(platform === 'fastify' ? '*' : '{*path}')
    handle(@Req() request: Rawable<SiteRequest>, @Res() response: Rawable<ServerResponse>): unknown {
      return handler(request.raw ?? request, response.raw ?? response);
    }
  }
  const { before } = options;
  const { app, url, client } = await startHttpApp({
    platform,
    modules: [SessionModule.forRoot({ ...place, ...moduleOptionsOf(options) })],
    controllers: [Everything],
    prepare: (application) => {
      if (!before) return;
      application.use((request: IncomingMessage, response: ServerResponse, next: () => void) => {
        before(request, response);
        next();
      });
    },
  });
  return { url, client, count: () => app.get(SessionService).count() };
}

type Rawable<T> = T & { readonly raw?: T };
type ConnectHandler = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void;

/** A Connect-style middleware on plain `node:http`. */
export async function startNodeSite(
  options: SiteOptions,
  middleware: ConnectHandler,
  handler: SiteHandler,
  count: () => Promise<number>,
): Promise<Site> {
  const server = createServer((request, response) => {
    options.before?.(request, response);
    const fail = (error: unknown): void => {
      if (response.headersSent) return;
      response.statusCode = (error as { status?: number }).status ?? 500;
      response.end(error instanceof Error ? error.message : String(error));
    };
    middleware(request, response, (error) => {
      if (error !== undefined && error !== null) fail(error);
      else
        Promise.resolve()
          .then(() => handler(request as SiteRequest, response))
          .catch(fail);
    });
  });
  const clients: HttpClient[] = [];
  onTestFinished(async () => {
    for (const client of clients) client.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    count,
    client: () => {
      const client = new HttpClient(url);
      clients.push(client);
      return client;
    },
  };
}

function lengthOf(store: Store): Promise<number> {
  return new Promise((resolve, reject) => {
    store.length?.((error: unknown, length = 0) => {
      if (error instanceof Error) reject(error);
      else resolve(length);
    });
  });
}

/** Runs one suite against express-session itself, to prove the suite, and against every way that we have. */
export function describeSites(title: string, suite: (kind: SiteKind) => void): void {
  describe(title, () => {
    let server: RedisProcess;
    const redis = (): RedisProcess => server;
    beforeAll(async () => {
      server = await startRedisServer();
    });
    afterAll(async () => {
      await server.stop();
    });
    const modules = [moduleSite('express', redis), moduleSite('fastify', redis), foreignStoreSite];
    const kinds = [peerSite, ...modules, middlewareSite(redis)];
    describe.each(kinds)('of $name', suite);
  });
}
