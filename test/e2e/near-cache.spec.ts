import { Controller, Get, HttpCode, Inject, Post, Query } from '@nestjs/common';

import { TerminusModule } from '@nestjs/terminus';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CurrentSession, SessionAccess, SessionModule, SessionService } from '../../lib/index.js';
import type { LiveSession, SessionModuleOptions } from '../../lib/index.js';
import { SessionHealthIndicator, SessionHealthModule } from '../../lib/health/index.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startRedisServer, type RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { PLATFORMS, startHttpApp, type HttpApp, type Platform } from '../support/http-app.js';

interface Data {
  user: string;
  n: number;
  cart: { lines: string[] };
}

@Controller()
class Shop {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Get('cart')
  cart(@CurrentSession() session: LiveSession<Data>) {
    return { user: session.user, n: session.n, lines: session.cart?.lines };
  }

  @Post('login')
  login(@CurrentSession() session: LiveSession<Data>) {
    Object.assign(session, { user: 'u', n: 0, cart: { lines: ['a'] } });
    return {};
  }

  @Post('add')
  add(@CurrentSession() session: LiveSession<Data>, @Query('line') line: string) {
    session.cart?.lines.push(line);
    return {};
  }

  /** Changes its own copy of the session, and fails: nothing of it may be seen by anybody. */
  @Get('spoil')
  @SessionAccess('readonly')
  async spoil(@CurrentSession() session: LiveSession<Data>) {
    session.cart?.lines.push('spoilt');
    return {};
  }

  @Post('increment')
  @SessionAccess('exclusive')
  async increment(@CurrentSession() session: LiveSession<Data>) {
    const n = session.n ?? 0;
    await new Promise((resolve) => setImmediate(resolve));
    session.n = n + 1;
    return {};
  }

  @Get('newest')
  async newest(@CurrentSession() session: LiveSession<Data>) {
    await session.reload();
    return { n: this.sessions.current<Data>()?.n };
  }

  @Post('renew')
  async renew(@Query('grace') grace: string) {
    await this.sessions.regenerate({ keep: 'all', graceMs: Number(grace) });
    return {};
  }

  @Post('logout')
  @HttpCode(204)
  async logout() {
    await this.sessions.destroy();
  }

  @Post('everywhere')
  async everywhere() {
    return { ended: await this.sessions.signOutEverywhere('u') };
  }
}

let server: RedisProcess;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(async () => {
  await server.stop();
});

async function start(platform: Platform, options: Partial<SessionModuleOptions> = {}): Promise<HttpApp> {
  const app = await startHttpApp({
    platform,
    modules: [
      SessionModule.forRoot({
        application: `near-${platform}`,
        secret: 'a-secret-of-the-near-cache-test-0123456789',
        redis: { host: server.host, port: server.port },
        userId: (session) => (session as Partial<Data>).user,
        nearCache: true,
        ...options,
      }),
    ],
    controllers: [Shop],
  });
  await pollUntil('it serves', () => statusOf(app)?.state === 'serving', { intervalMs: 5 });
  return app;
}

const statusOf = (app: HttpApp) => app.app.get(SessionService).nearCache();

async function loadsInRedis(): Promise<number> {
  return Number(/cmdstat_hgetall:calls=(\d+)/.exec(String(await server.cli('info', 'commandstats')))?.[1] ?? 0);
}

describe.each(PLATFORMS)('an application with a near cache, on %s', (platform) => {
  async function signedIn(): Promise<{ apps: readonly [HttpApp, HttpApp]; cookie: string }> {
    const apps = [await start(platform), await start(platform)] as const;
    const client = apps[0].client();
    await client.post('/login');
    return { apps, cookie: [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
  }

  const send = async (app: HttpApp, method: 'get' | 'post', path: string, cookie: string) => {
    const client = app.client();
    const options = { headers: { cookie } };
    return method === 'get' ? client.get(path, options) : client.post(path, undefined, options);
  };

  const keep = (app: HttpApp, cookie: string) =>
    pollUntil('it is kept', async () => (await send(app, 'get', '/cart', cookie)) && (statusOf(app)?.hits ?? 0) > 0);

  it('reads a session of its user without a command, and sees its own changes at once', async () => {
    const { apps, cookie } = await signedIn();
    const [app] = apps;
    await keep(app, cookie);
    // A machine that stands still for a moment costs the near cache its proof, and a read a load: then five more are asked.
    await pollUntil('five reads in a row cost no command', async () => {
      const before = await loadsInRedis();
      for (let read = 0; read < 5; read++) {
        expect((await send(app, 'get', '/cart', cookie)).json).toEqual({ user: 'u', n: 0, lines: ['a'] });
      }
      return (await loadsInRedis()) === before;
    });
    for (const line of ['b', 'c', 'd']) {
      await send(app, 'post', `/add?line=${line}`, cookie);
      expect((await send(app, 'get', '/cart', cookie)).json).toMatchObject({ lines: expect.arrayContaining([line]) });
    }
    expect((await send(app, 'get', '/cart', cookie)).json).toMatchObject({ lines: ['a', 'b', 'c', 'd'] });
  });

  it('gives each request a copy of its own', async () => {
    const { apps, cookie } = await signedIn();
    const [app] = apps;
    for (let time = 0; time < 3; time++) {
      expect((await send(app, 'get', '/cart', cookie)).json).toMatchObject({ lines: ['a'] });
      expect((await send(app, 'get', '/spoil', cookie)).status).toBe(500);
    }
    expect(statusOf(app)?.hits).toBeGreaterThan(0);
  });

  it('knows of a logout elsewhere, of a sign-out everywhere, and of a new id', async () => {
    for (const path of ['/logout', '/everywhere', '/renew?grace=0']) {
      const { apps, cookie } = await signedIn();
      const [mine, others] = apps;
      expect((await send(mine, 'get', '/cart', cookie)).json).toMatchObject({ user: 'u' });
      expect((await send(mine, 'get', '/cart', cookie)).json).toMatchObject({ user: 'u' });
      const { invalidations = 0 } = statusOf(mine) ?? {};
      await send(others, 'post', path, cookie);
      await pollUntil('it is heard of', () => (statusOf(mine)?.invalidations ?? 0) > invalidations, { intervalMs: 2 });
      expect((await send(mine, 'get', '/cart', cookie)).json).toEqual({});
      // What the session was when it was read does not bring it back.
      await send(mine, 'post', '/add?line=x', cookie);
      expect((await send(others, 'get', '/cart', cookie)).json).toEqual({});
    }
  });

  it('keeps the grace of an id that was given up, and ends it', async () => {
    const { apps, cookie } = await signedIn();
    const [mine, others] = apps;
    await send(mine, 'get', '/cart', cookie);
    await send(others, 'post', '/renew?grace=400', cookie);
    const endsAt = performance.now() + 400;
    const first = await send(mine, 'get', '/cart', cookie);
    if (performance.now() < endsAt - 100) expect(first.json).toMatchObject({ user: 'u' });
    await pollUntil(
      'it has ended',
      async () => !('user' in ((await send(mine, 'get', '/cart', cookie)).json as object)),
      {
        timeoutMs: 2_000,
      },
    );
  });

  it('gives exclusive access to the newest state: 60 increments on two instances give 60', async () => {
    const { apps, cookie } = await signedIn();
    const statuses = await Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        await send(apps[index % 2 === 0 ? 1 : 0], 'get', '/cart', cookie);
        return (await send(apps[index % 2 === 0 ? 0 : 1], 'post', '/increment', cookie)).status;
      }),
    );
    expect(new Set(statuses)).toEqual(new Set([201]));
    expect((await send(apps[0], 'get', '/newest', cookie)).json).toEqual({ n: 60 });
    expect((await send(apps[1], 'get', '/newest', cookie)).json).toEqual({ n: 60 });
  });

  it('asks Redis when the handler reloads its session', async () => {
    const { apps, cookie } = await signedIn();
    const [app] = apps;
    await keep(app, cookie);
    const before = await loadsInRedis();
    expect((await send(app, 'get', '/newest', cookie)).json).toEqual({ n: 0 });
    expect(await loadsInRedis()).toBe(before + 1);
  });
});

describe('the health check of an application with a near cache', () => {
  it('counts it, and is as well as before when it is off; what the server wrote is not told', async () => {
    const admin = server.connect();
    await admin.call('acl', 'setuser', 'portal', 'on', '>secret', '~*', '&*', '+@all', '-client|tracking');
    try {
      const redis = { host: server.host, port: server.port };
      const healthWith = async (options: object, state: string): Promise<Record<string, unknown>> => {
        const app = await startHttpApp({
          modules: [
            SessionModule.forRoot({
              application: 'near-health',
              secret: 'a secret',
              redis: { ...redis, ...options },
              nearCache: true,
            }),
            TerminusModule,
            SessionHealthModule,
          ],
        });
        await pollUntil(`it is ${state}`, () => statusOf(app)?.state === state, { intervalMs: 5 });
        return (await app.app.get(SessionHealthIndicator, { strict: false }).isHealthy('sessions', { details: true }))
          .sessions;
      };
      const counts = { entries: 0, bytes: 0, hits: 0, misses: 0 };
      const serving = await healthWith({}, 'serving');
      expect(serving).toMatchObject({ status: 'up', nearCache: { state: 'serving', ...counts } });
      const off = await healthWith({ username: 'portal', password: 'secret' }, 'off');
      expect(off).toMatchObject({ status: 'up', degraded: false, nearCache: { state: 'off', ...counts } });
      expect(JSON.stringify(off)).not.toContain('NOPERM');
    } finally {
      await admin.call('acl', 'deluser', 'portal');
      admin.disconnect();
    }
  });
});

describe('an application whose Redis cannot tell of changes', () => {
  it('says so in one line of its log, and works', async () => {
    const admin = server.connect();
    await admin.call('acl', 'setuser', 'portal', 'on', '>secret', '~*', '&*', '+@all', '-client|tracking');
    try {
      const redis = { host: server.host, port: server.port, username: 'portal', password: 'secret' };
      const app = await startHttpApp({
        modules: [SessionModule.forRoot({ application: 'near-off', secret: 'a secret', redis, nearCache: true })],
        controllers: [Shop],
      });
      await pollUntil('it is off', () => statusOf(app)?.state === 'off', { intervalMs: 5 });
      const client = app.client();
      expect((await client.post('/login')).status).toBe(201);
      expect((await client.get('/cart')).json).toMatchObject({ user: 'u' });
      expect(app.log).toEqual([
        expect.stringMatching(
          /^warn The near cache is off: the server refuses it \(NOPERM .*grant .* or leave `nearCache` out/,
        ),
      ]);
    } finally {
      await admin.call('acl', 'deluser', 'portal');
      admin.disconnect();
    }
  });
});
