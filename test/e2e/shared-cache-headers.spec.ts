import { Controller, Get, Header, Post, Res } from '@nestjs/common';
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CurrentSession, SessionModule, SessionValue } from '../../lib/index.js';
import type { LiveSession } from '../../lib/index.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { PLATFORMS, SECRET, startHttpApp } from '../support/http-app.js';
import { newInstallation } from '../support/session-site.js';

/** A cache that serves several users must not keep what is one user's. */

@Controller()
class Pages {
  @Post('login')
  login(@CurrentSession() session: LiveSession<{ user: string }>) {
    session.user = 'ann';
    return {};
  }

  @Get('login-by-get')
  loginByGet(@CurrentSession() session: LiveSession<{ user: string }>) {
    session.user = 'ann';
    return {};
  }

  @Get('public-login')
  @Header('Cache-Control', 'public, max-age=60')
  publicLogin(@CurrentSession() session: LiveSession<{ user: string }>) {
    session.user = 'ann';
    return {};
  }

  @Get('own-login')
  ownLogin(@CurrentSession() session: LiveSession<{ user: string }>, @Res() response: Raw) {
    session.user = 'ann';
    (response.raw ?? response).writeHead(200, { 'Cache-Control': 'private, max-age=5' }).end('own');
  }

  @Get('vary')
  @Header('Vary', 'Accept-Encoding')
  vary(@SessionValue('user') user?: string) {
    return { user };
  }

  @Get('vary-all')
  @Header('Vary', '*')
  varyAll(@SessionValue('user') user?: string) {
    return { user };
  }

  @Get('read')
  read(@SessionValue('user') user?: string) {
    return { user };
  }

  @Get('unread')
  @Header('Cache-Control', 'public, max-age=60')
  unread() {
    return {};
  }

  @Post('logout')
  async logout(@CurrentSession() session: LiveSession) {
    await session.destroy();
    return {};
  }
}

type Raw = ServerResponse & { raw?: ServerResponse };

function namesIn(header: string | undefined): string[] {
  return (header ?? '')
    .toLowerCase()
    .split(/\s*,\s*/)
    .filter(Boolean)
    .sort();
}

describe.each(PLATFORMS)('on %s', (platform) => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterAll(async () => {
    await redis.stop();
  });

  const start = () => {
    const { application } = newInstallation();
    const { host, port } = redis;
    const module = SessionModule.forRoot({ application, secret: SECRET, redis: { host, port } });
    return startHttpApp({ platform, modules: [module], controllers: [Pages] });
  };

  it.each(['/login-by-get', '/login'])('a response that sets our cookie is not stored by caches: %s', async (path) => {
    const { client } = await start();
    const { headers, setCookie } = await client().send(path, { method: path === '/login' ? 'POST' : 'GET' });
    expect(setCookie).toHaveLength(1);
    expect(namesIn(headers['cache-control'])).toContain('no-store');
  });

  it('nor is one that clears it', async () => {
    const { client } = await start();
    const browser = client();
    await browser.post('/login');
    const { headers, setCookie } = await browser.post('/logout');
    expect(setCookie).toHaveLength(1);
    expect(namesIn(headers['cache-control'])).toContain('no-store');
  });

  it('the application’s own Cache-Control stays when it keeps the response to the user, and only then', async () => {
    const { client } = await start();
    const own = await client().get('/own-login');
    expect(own.headers['cache-control']).toBe('private, max-age=5');
    const open = await client().get('/public-login');
    expect(open.setCookie).toHaveLength(1);
    // A cookie of one user must not travel with what is for all.
    expect(namesIn(open.headers['cache-control'])).not.toContain('public');
  });

  it('a response that read the session varies by the cookie, beside what the application says', async () => {
    const { client } = await start();
    const browser = client();
    await browser.post('/login');
    expect(namesIn((await browser.get('/read')).headers.vary)).toEqual(['cookie']);
    expect(namesIn((await client().get('/read')).headers.vary)).toEqual(['cookie']);
    expect(namesIn((await browser.get('/vary')).headers.vary)).toEqual(['accept-encoding', 'cookie']);
    expect(namesIn((await browser.get('/vary-all')).headers.vary)).toContain('*');
  });

  it('a response that never looked at the session is left as it is', async () => {
    const { client } = await start();
    const browser = client();
    await browser.post('/login');
    const { headers, setCookie } = await browser.get('/unread');
    expect(setCookie).toEqual([]);
    expect(headers['cache-control']).toBe('public, max-age=60');
  });
});
