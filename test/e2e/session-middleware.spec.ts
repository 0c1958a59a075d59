import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Controller, Get, Post } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { IoAdapter } from '@nestjs/platform-socket.io';
import type { Express, RequestHandler } from 'express';
import session from 'express-session';
import { io } from 'socket.io-client';
import type { Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { CurrentSession, SessionConfigurationError, SessionModule, createSessionMiddleware } from '../../lib/index.js';
import type { LiveSession } from '../../lib/index.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { SECRET, startHttpApp } from '../support/http-app.js';
import { HttpClient } from '../support/http-client.js';
import { newInstallation } from '../support/session-site.js';
import type { SiteData, SiteRequest } from '../support/session-site.js';

/** The middleware without Nest: on Express, beside Nest, in socket.io's engine; what it opens, it closes. */

@Controller()
class Portal {
  @Post('login')
  login(@CurrentSession() session: LiveSession<SiteData>) {
    session.user = 'ann';
    return {};
  }

  @Get('me')
  me(@CurrentSession() session: LiveSession<SiteData>) {
    return { user: session.user ?? null, count: session.count ?? null };
  }
}

describe('the middleware without Nest', () => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterAll(async () => {
    await redis.stop();
  });

  const open = (application = newInstallation().application) => {
    const { host, port } = redis;
    const middleware = createSessionMiddleware({ application, secret: SECRET, redis: { host, port } });
    onTestFinished(() => middleware.close());
    return middleware;
  };

  const listen = async (server: Server): Promise<string> => {
    onTestFinished(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  };

  const serveSockets = (server: Server) => {
    const sockets = new IoAdapter(server).createIOServer(0);
    onTestFinished(async () => {
      await sockets.close();
    });
    return sockets;
  };

  const browse = (url: string): HttpClient => {
    const client = new HttpClient(url);
    onTestFinished(() => client.close());
    return client;
  };

  it('serves Express routes, and an error goes to Express’s own handler', async () => {
    const app = new ExpressAdapter().getInstance<Express>();
    app.use(open() as unknown as RequestHandler);
    app.get('/count', (request, response) => {
      const { session } = request as unknown as SiteRequest;
      session.count = (session.count ?? 0) + 1;
      response.json({ count: session.count });
    });
    const browser = browse(await listen(createServer(app)));
    await browser.get('/count');
    expect((await browser.get('/count')).json).toEqual({ count: 2 });
  });

  it('shares the sessions of a Nest application with the same settings', async () => {
    const { application } = newInstallation();
    const { host, port } = redis;
    const module = SessionModule.forRoot({ application, secret: SECRET, redis: { host, port } });
    const nest = await startHttpApp({ modules: [module], controllers: [Portal] });
    const handle = open(application);
    const server = createServer((request, response) => {
      handle(request, response, () => {
        const { session } = request as SiteRequest;
        session.count = (session.count ?? 0) + 1;
        response.end(session.user ?? 'nobody');
      });
    });
    const beside = browse(await listen(server));
    const browser = nest.client();
    await browser.post('/login');
    for (const [name, value] of browser.cookies) beside.cookies.set(name, value);
    expect((await beside.get('/')).text).toBe('ann');
    expect((await browser.get('/me')).json).toEqual({ user: 'ann', count: 1 });
  });

  it('takes any express-session store', async () => {
    const store = new session.MemoryStore();
    const middleware = createSessionMiddleware({ application: 'foreign', secret: SECRET, store });
    expect(middleware.store).toBe(store);
    const server = createServer((request, response) => {
      middleware(request, response, () => {
        (request as SiteRequest).session.user ??= 'ann';
        response.end('ok');
      });
    });
    const browser = browse(await listen(server));
    expect((await browser.get('/')).setCookie).toHaveLength(1);
    expect((await browser.get('/')).setCookie).toEqual([]);
    await middleware.close();
  });

  it('says what is wrong with its options at once', () => {
    expect(() => createSessionMiddleware({ application: 'x y', secret: 'short' })).toThrow(SessionConfigurationError);
    expect(() => createSessionMiddleware({ application: 'routes', secret: SECRET, forRoutes: ['/'] } as never)).toThrow(
      /forRoutes/,
    );
  });

  it('closes the connections that it opened, and nobody waits for a store that is closed', async () => {
    const { application } = newInstallation();
    const { host, port } = redis;
    const name = async () => String(await redis.cli('client', 'list')).split('\n').length;
    const before = await name();
    const middleware = createSessionMiddleware({ application, secret: SECRET, redis: { host, port } });
    const server = createServer((request, response) => {
      middleware(request, response, (error) => {
        if (!error) (request as SiteRequest).session.count = 1;
        response.statusCode = error ? 503 : 200;
        response.end();
      });
    });
    const browser = browse(await listen(server));
    expect((await browser.get('/')).status).toBe(200);
    expect(await name()).toBeGreaterThan(before);
    await middleware.close();
    await expect.poll(name).toBe(before);
    expect((await browser.get('/')).status).toBe(503);
  });

  describe.each(['polling', 'websocket'] as const)('in socket.io’s engine, by %s', (transport) => {
    it('gives a socket the session of its browser, which can be reloaded and saved', async () => {
      const middleware = open();
      const server = createServer((request, response) => {
        middleware(request, response, () => {
          const { session } = request as SiteRequest;
          if (request.url === '/login') session.user = 'ann';
          response.end(JSON.stringify({ user: session.user ?? null, count: session.count ?? null }));
        });
      });
      const sockets = serveSockets(server);
      sockets.engine.use(middleware);
      sockets.on('connection', (socket) => {
        const request = socket.request as SiteRequest;
        socket.on('whoami', (answer: (user: string | null) => void) => answer(request.session.user ?? null));
        socket.on('count', async (answer: (count: number | string) => void) => {
          try {
            await request.session.reload();
            request.session.count = (request.session.count ?? 0) + 1;
            await request.session.save();
            answer(request.session.count);
          } catch (error) {
            answer(String(error));
          }
        });
      });
      const url = await listen(server);
      const browser = browse(url);
      await browser.get('/login');
      const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const socket: Socket = io(url, { transports: [transport], extraHeaders: { cookie } });
      onTestFinished(() => {
        socket.close();
      });
      expect(await socket.timeout(5000).emitWithAck('whoami')).toBe('ann');
      expect(await socket.timeout(5000).emitWithAck('count')).toBe(1);
      expect(await socket.timeout(5000).emitWithAck('count')).toBe(2);
      expect((await browser.get('/')).json).toEqual({ user: 'ann', count: 2 });
    });

    it('a socket without a session connects, and is nobody', async () => {
      const middleware = open();
      const server = createServer((_request: IncomingMessage, response: ServerResponse) => response.end());
      const sockets = serveSockets(server);
      sockets.engine.use(middleware);
      sockets.on('connection', (socket) => {
        const { session } = socket.request as SiteRequest;
        socket.on('whoami', (answer: (user: string) => void) => answer(session.user ?? 'nobody'));
      });
      const socket: Socket = io(await listen(server), { transports: [transport] });
      onTestFinished(() => {
        socket.close();
      });
      expect(await socket.timeout(5000).emitWithAck('whoami')).toBe('nobody');
    });
  });
});
