import { Controller, Inject, Module, Post } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { CurrentSession, SessionAccess, SessionModule, SessionService } from '../../lib/index.js';
import type { LiveSession } from '../../lib/http/session.types.js';
import { PLATFORMS, SECRET, startHttpApp } from '../support/http-app.js';

interface Counted {
  n: number;
}

class Counter {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Post('count')
  @SessionAccess('exclusive')
  async count(@CurrentSession() session: LiveSession<Counted>) {
    const n = session.n ?? 0;
    await new Promise((resolve) => setImmediate(resolve));
    session.n = n + 1;
    return { n: session.n, isCurrent: this.sessions.current<Counted>() === session };
  }
}

@Controller('shop')
class Shop extends Counter {}

@Controller('admin')
class Admin extends Counter {}

@Controller('outside')
class Outside {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Post('rotate')
  async rotate() {
    await this.sessions.regenerate();
  }
}

it('a second registration of the same application and cookie is warned of, once', async () => {
  const options = { application: 'twin', secret: SECRET };
  const { log } = await startHttpApp({
    modules: [SessionModule.forRoot(options), SessionModule.forRoot({ ...options, idleTimeoutMs: 60_000 })],
  });
  expect(log).toEqual([
    expect.stringMatching(
      /^warn SessionModule is registered twice with the application "twin" and the cookie "connect.sid"/,
    ),
  ]);
});

it('a new id on a route without sessions is an error of this package', async () => {
  const module = SessionModule.forRoot({ application: 'part', secret: SECRET, exclude: ['outside/{*rest}'] });
  const { client, app } = await startHttpApp({ modules: [module], controllers: [Outside] });
  expect((await client().post('/outside/rotate')).status).toBe(500);
  await expect(app.get(SessionService).regenerate()).rejects.toMatchObject({
    code: 'SESSION_HTTP_MISSING',
    asker: 'SessionService.regenerate()',
  });
});

/** A portal and its administration: two modules, two cookies, locks of their own. */
describe.each(PLATFORMS)('two modules in one application on %s', (platform) => {
  it('each gives its own handlers exclusive access', async () => {
    const shop = SessionModule.forRoot({
      application: 'shop',
      secret: SECRET,
      cookie: { name: 'shop.sid' },
      exclude: ['admin', 'admin/{*rest}'],
    });
    const admin = SessionModule.forRoot({
      application: 'admin',
      secret: SECRET,
      cookie: { name: 'admin.sid', path: '/admin' },
      forRoutes: [Admin],
      isGlobal: false,
    });
    @Module({ imports: [admin], controllers: [Admin] })
    class Administration {}
    const { client } = await startHttpApp({
      platform,
      modules: [shop, { module: Administration }],
      controllers: [Shop],
    });
    const browser = client();
    for (const path of ['/shop/count', '/admin/count']) {
      for (const n of [1, 2, 3]) {
        const { status, json } = await browser.post(path);
        expect({ path, status, json }).toEqual({ path, status: 201, json: { n, isCurrent: true } });
      }
    }
  });
});
