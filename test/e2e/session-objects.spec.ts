import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Controller, Get, Inject, Injectable, Post, Req, Res, Scope } from '@nestjs/common';
import { firstValueFrom, filter } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CurrentSession, OnSessionEvent, SessionEvents, SessionModule, SessionService } from '../../lib/index.js';
import type { LiveSession } from '../../lib/index.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { PLATFORMS, SECRET, startHttpApp } from '../support/http-app.js';
import { moduleSite, newInstallation } from '../support/session-site.js';
import type { SiteData, SiteRequest } from '../support/session-site.js';

/** Session objects that are not, or no longer, the request's; and sessions stored at odd moments. */

type Live = LiveSession<SiteData>;

@Controller()
class Accounts {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Post('create')
  create(@CurrentSession() session: Live) {
    session.count = 1;
    return {};
  }

  @Post('login-by-service')
  async byService(@CurrentSession() session: Live) {
    await this.sessions.regenerate();
    session.user = 'ann';
    return {};
  }

  @Post('login-by-method')
  async byMethod(@CurrentSession() session: Live) {
    await session.regenerate();
    session.user = 'ann';
    return {};
  }

  @Post('reload')
  async reload(@CurrentSession() session: Live) {
    session.count = 1;
    await session.save();
    await session.reload();
    session.user = 'ann';
    return {};
  }

  @Post('destroy')
  async destroy(@CurrentSession() session: Live) {
    session.count = 1;
    await session.destroy();
    session.user = 'ann';
    return {};
  }

  @Post('delete-after-regenerate')
  async deletes(@CurrentSession() session: Live) {
    session.user = 'eve';
    await this.sessions.regenerate({ keep: ['user'] });
    delete session.user;
    return {};
  }

  @Post('deep-after-regenerate')
  async deep(@CurrentSession() session: Live) {
    session.deep = { list: [1] };
    await this.sessions.regenerate({ keep: 'all' });
    session.deep.list.push(2);
    return {};
  }

  @Get('session')
  show(@CurrentSession() session: Live) {
    const { user = null, count = null, deep = null } = session;
    return { user, count, deep };
  }
}

/** Counts what it is told of, by user, in one place for all its instances. */
const told: string[] = [];

@Injectable({ scope: Scope.REQUEST })
class RequestScoped {
  @OnSessionEvent('created')
  hear(): void {
    told.push('request-scoped');
  }
}

describe.each(PLATFORMS)('on %s', (platform) => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterAll(async () => {
    await redis.stop();
  });

  const start = (providers: (new (...args: never[]) => object)[] = []) => {
    const { application } = newInstallation();
    const { host, port } = redis;
    const module = SessionModule.forRoot({ application, secret: SECRET, redis: { host, port } });
    return startHttpApp({ platform, modules: [module], controllers: [Accounts], providers });
  };

  it.each(['login-by-service', 'login-by-method', 'reload', 'destroy'])(
    'what is written to an object that is no longer the session is not lost with a success: %s',
    async (path) => {
      const { client, log } = await start();
      const browser = client();
      const { status } = await browser.post(`/${path}`);
      const { user } = (await browser.get('/session')).json as { user: string | null };
      // Either it reaches the session that took its place, or it is an error.
      if (status < 400) expect(user).toBe('ann');
      else expect({ status, isTold: log.join().length > 0 }).toEqual({ status: 500, isTold: true });
    },
  );

  it('nor is what is deleted from it', async () => {
    const { client } = await start();
    const browser = client();
    const { status } = await browser.post('/delete-after-regenerate');
    const { user } = (await browser.get('/session')).json as { user: string | null };
    if (status < 400) expect(user).toBe(null);
    else expect(status).toBe(500);
  });

  it('nor what is changed deep in a field that the new session has kept', async () => {
    const { client } = await start();
    const browser = client();
    const { status } = await browser.post('/deep-after-regenerate');
    const { deep } = (await browser.get('/session')).json as { deep: unknown };
    if (status < 400) expect(deep).toEqual({ list: [1, 2] });
    else expect(status).toBe(500);
  });

  it('a listener for events in request scope is called, or the start says that it cannot be', async () => {
    told.length = 0;
    const outcome = await start([RequestScoped]).then(
      async ({ app, client, log }) => {
        const created = firstValueFrom(app.get(SessionEvents).all.pipe(filter(({ type }) => type === 'created')));
        await client().post('/create');
        await created;
        return { isTold: told.length > 0, log: log.join() };
      },
      (error: unknown) => ({ isTold: false, log: String(error) }),
    );
    if (!outcome.isTold) expect(outcome.log).toContain('RequestScoped');
  });

  const site = async (run: (request: SiteRequest, response: ServerResponse) => unknown) =>
    moduleSite(platform, () => redis).start({}, async (request, response) => {
      if (request.url === '/get') response.end(JSON.stringify({ ...(request.session as object), cookie: null }));
      else await run(request, response);
    });

  it.each([
    ['awaited', async ({ session }: SiteRequest) => session.save()],
    ['several times', async ({ session }: SiteRequest) => Promise.all([session.save(), session.save()])],
    ['not awaited', ({ session }: SiteRequest) => void session.save()],
  ])('`save()` of a new, empty session leaves nothing behind that no cookie names: %s', async (_name, save) => {
    const { client, count } = await site(async (request, response) => {
      await save(request);
      response.end();
    });
    const { setCookie } = await client().get('/');
    expect(await count()).toBe(setCookie.length);
  });

  it('a session put there by assignment is stored, or the error names the assignment', async () => {
    const { client } = await site((request, response) => {
      Object.assign(request, { session: { user: 'ann' } });
      response.end('done');
    });
    const browser = client();
    const answer = await browser.get('/');
    const stored = (await browser.get('/get')).json as { user?: string };
    if (answer.status < 400) expect(stored).toMatchObject({ user: 'ann' });
    else expect(answer.status).toBe(500);
  });

  it('and when it is an error, the log says what was done and what to do', async () => {
    const { application } = newInstallation();
    const { host, port } = redis;
    @Controller()
    class Assigning {
      @Post('assign')
      assign(
        @Req() request: SiteRequest & { raw?: SiteRequest },
        @Res() response: ServerResponse & { raw?: ServerResponse },
      ) {
        Object.assign(request.raw ?? request, { session: { user: 'ann' } });
        (response.raw ?? response).end('done');
      }
    }
    const module = SessionModule.forRoot({ application, secret: SECRET, redis: { host, port } });
    const { client, log } = await startHttpApp({ platform, modules: [module], controllers: [Assigning] });
    const { status } = await client().post('/assign');
    if (status >= 400) expect(log.join()).toMatch(/req\.session|assign/i);
    else expect(status).toBe(201);
  });

  it('a change after the first byte is stored although the client left during the stream', async () => {
    const state = { isGone: false };
    const { client } = await site(async (request, response) => {
      if (request.url === '/login') {
        request.session.user = 'ann';
        response.end();
        return;
      }
      response.write('first');
      request.session.count = 1;
      await once(response, 'close');
      state.isGone = true;
    });
    const browser = client();
    await browser.get('/login');
    const response = await browser.open('/stream');
    response.on('error', () => undefined);
    response.destroy();
    await expect.poll(() => state.isGone).toBe(true);
    await expect.poll(async () => (await browser.get('/get')).json).toMatchObject({ user: 'ann', count: 1 });
  });

  it('and also what changes after the client has left, while the handler works on', async () => {
    const { client } = await site(async (request, response) => {
      if (request.url === '/login') {
        request.session.user = 'ann';
        response.end();
        return;
      }
      response.write('first');
      await once(response, 'close');
      request.session.count = 1;
      await request.session.save();
    });
    const browser = client();
    await browser.get('/login');
    const response = await browser.open('/stream');
    response.on('error', () => undefined);
    response.destroy();
    await expect.poll(async () => (await browser.get('/get')).json).toMatchObject({ user: 'ann', count: 1 });
  });

  it('a session that begins after the head is not stored, and a warning says why', async () => {
    @Controller()
    class Streaming {
      @Get('stream')
      stream(
        @CurrentSession() session: Live,
        @Res() response: ServerResponse & { readonly raw?: ServerResponse },
      ): void {
        const raw = response.raw ?? response;
        raw.write('first');
        session.count = 1;
        raw.end(' last');
      }
    }
    const { application } = newInstallation();
    const module = SessionModule.forRoot({
      application,
      secret: SECRET,
      redis: { host: redis.host, port: redis.port },
    });
    const { app, client, log } = await startHttpApp({ platform, modules: [module], controllers: [Streaming] });
    const { text, setCookie, isComplete } = await client().get('/stream');
    expect({ text, setCookie, isComplete }).toEqual({ text: 'first last', setCookie: [], isComplete: true });
    expect(await app.get(SessionService).count()).toBe(0);
    expect(log.join()).toContain('after the head of its response had left');
  });
});
