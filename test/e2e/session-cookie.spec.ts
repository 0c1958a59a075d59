import type { Cookie } from 'express-session';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import type { HttpAnswer } from '../support/http-client.js';
import { PLATFORMS } from '../support/http-app.js';
import { moduleSite, newInstallation } from '../support/session-site.js';
import type { SiteHandler, SiteOptions, SiteRequest } from '../support/session-site.js';

/** When the cookie is sent, and which of several is the session's. */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

type Routes = Readonly<Record<string, (request: SiteRequest) => unknown>>;

const BASE: Routes = {
  '/login': ({ session }) => (session.user = 'ann'),
  '/long': ({ session }) => Object.assign(session, { user: 'ann', text: 'x'.repeat(300) }) && 1,
  '/read': ({ session }) => session.user,
  '/read-long': ({ session }) => session.text?.length,
  '/change': ({ session }) => (session.count = (session.count ?? 0) + 1),
};

function routes(more: Routes = {}): SiteHandler {
  const table = { ...BASE, ...more };
  return async (request, response) => {
    const value = await table[request.url ?? '']?.(request);
    response.end(JSON.stringify(value ?? null));
  };
}

/** Milliseconds until the cookie of the answer ends; `null` when it ends with the browser, `undefined` without a cookie. */
function lifeOf({ setCookie: [line] }: HttpAnswer): number | null | undefined {
  if (line === undefined) return undefined;
  const expires = /; Expires=([^;]*)/.exec(line)?.[1];
  return expires === undefined ? null : Date.parse(expires) - Date.now();
}

describe.each(PLATFORMS)('on %s', (platform) => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterAll(async () => {
    await redis.stop();
  });
  const start = (options: SiteOptions, more?: Routes) => moduleSite(platform, () => redis).start(options, routes(more));

  it.each(['/login', '/long'])('a read sends no cookie, whatever the session holds: %s', async (login) => {
    const { client } = await start({ cookie: { maxAge: HOUR_MS } });
    const browser = client();
    expect((await browser.get(login)).setCookie).toHaveLength(1);
    for (const path of ['/read', '/read-long', '/read']) expect((await browser.get(path)).setCookie).toEqual([]);
  });

  it.each([
    ['a browser-session cookie gets a life', {}, 7 * DAY_MS],
    ['a life gets longer', { maxAge: HOUR_MS }, 7 * DAY_MS],
    ['a life gets shorter', { maxAge: DAY_MS }, HOUR_MS],
    ['a life becomes that of the browser', { maxAge: HOUR_MS }, null],
  ])('the browser is told of a changed life, once: %s', async (_name, cookie, life) => {
    const { client } = await start(
      { cookie },
      { '/life': ({ session }) => (session.cookie.maxAge = life as number) && 1 },
    );
    const browser = client();
    await browser.get('/login');
    const told = lifeOf(await browser.get('/life'));
    if (life === null) expect(told).toBe(null);
    else expect(Math.abs((told ?? 0) - life)).toBeLessThan(10_000);
    expect((await browser.get('/read')).setCookie).toEqual([]);
  });

  it.each([
    ['httpOnly', { httpOnly: false }, { httpOnly: true }, /; HttpOnly/],
    ['sameSite', { sameSite: 'lax' }, { sameSite: 'strict' }, /; SameSite=Strict/],
    ['secure', { secure: false }, { secure: true }, /; Secure/],
    ['domain', {}, { domain: 'example.com' }, /; Domain=example\.com/],
    ['priority', {}, { priority: 'high' }, /; Priority=High/],
  ] as const)(
    'an attribute hardened in the configuration reaches sessions that exist, once: %s',
    async (_name, old, young, sent) => {
      const installation = newInstallation();
      const before = await start({ installation, cookie: old, proxy: true });
      const after = await start({ installation, cookie: young, proxy: true });
      const headers = { 'x-forwarded-proto': 'https' };
      const browser = before.client();
      await browser.get('/login', { headers });
      const moved = after.client();
      for (const [name, value] of browser.cookies) moved.cookies.set(name, value);
      const first = await moved.get('/read', { headers });
      expect(first.json).toBe('ann');
      expect(first.setCookie).toHaveLength(1);
      expect(first.setCookie[0]).toMatch(sent);
      expect(moved.cookies.get('connect.sid')).toBe(browser.cookies.get('connect.sid'));
      expect((await moved.get('/read', { headers })).setCookie).toEqual([]);
    },
  );

  it('an attribute changed for this visitor is sent, once, and stays although the configuration says otherwise', async () => {
    const { client } = await start(
      { cookie: { sameSite: 'lax' } },
      { '/strict': ({ session }) => (session.cookie.sameSite = 'strict') },
    );
    const browser = client();
    await browser.get('/login');
    expect((await browser.get('/strict')).setCookie.join()).toMatch(/SameSite=Strict/);
    expect((await browser.get('/read')).setCookie).toEqual([]);
  });

  it.each([Infinity, -Infinity, NaN, 1e300])(
    '`cookie.maxAge = %o` is an error, or a cookie that says so: never neither',
    async (life) => {
      const site = await start(
        {},
        {
          '/life': ({ session }) => {
            session.user = 'ann';
            session.cookie.maxAge = life;
          },
        },
      );
      const browser = site.client();
      const { status, setCookie } = await browser.get('/life');
      if (status < 400) {
        expect(setCookie).toHaveLength(1);
        expect((await browser.get('/read')).json).toBe('ann');
      } else {
        // What was changed before the error is stored, as in every request that fails.
        expect(status).toBe(500);
        expect(setCookie).toHaveLength(await site.count());
      }
    },
  );

  it.each([
    ['maxAge', (cookie: Cookie) => (cookie.maxAge = 10 * 365 * DAY_MS)],
    ['expires', (cookie: Cookie) => Object.assign(cookie, { expires: new Date('2099-01-01') })],
  ])('a life that the application gives a cookie ends after 400 days, as in browsers: %s', async (_name, give) => {
    const { client } = await start(
      {},
      {
        '/life': ({ session }) => (give(session.cookie), (session.user = 'ann'), session.cookie.originalMaxAge),
        '/left': ({ session }) => session.cookie.maxAge,
      },
    );
    const browser = client();
    const answer = await browser.get('/life');
    const bound = 400 * DAY_MS;
    expect(Math.abs(Number(answer.json) - bound)).toBeLessThan(10_000);
    expect(Math.abs((lifeOf(answer) ?? 0) - bound)).toBeLessThan(10_000);
    expect(Math.abs(Number((await browser.get('/left')).json) - bound)).toBeLessThan(10_000);
  });

  it('a signature of an older secret is replaced, once, by a read too', async () => {
    const installation = newInstallation();
    const [old, young] = ['old-secret-0123456789', 'new-secret-0123456789'];
    const before = await start({ installation, secret: old });
    const after = await start({ installation, secret: [young, old] });
    const browser = before.client();
    await browser.get('/login');
    const moved = after.client();
    for (const [name, value] of browser.cookies) moved.cookies.set(name, value);
    expect((await moved.get('/read')).setCookie).toHaveLength(1);
    expect((await moved.get('/read')).setCookie).toEqual([]);
    expect((await moved.get('/read')).json).toBe('ann');
  });

  describe('two cookies of one name', () => {
    const JUNK = ['junk', 's%3Ajunk', 's%3Ajunk.junk', 's:no', '', '%', '"', 's%3A.'];

    const login = async (options: SiteOptions = {}) => {
      const site = await start(options);
      const browser = site.client();
      await browser.get('/login');
      return { site, good: browser.cookies.get('connect.sid')! };
    };

    it.each(JUNK)('the session is found behind junk, and before it: %o', async (junk) => {
      const { site, good } = await login();
      for (const values of [
        [junk, good],
        [good, junk],
        [junk, junk, good, junk],
      ]) {
        const cookie = values.map((value) => `connect.sid=${value}`).join('; ');
        expect((await site.client().get('/read', { headers: { cookie } })).json, cookie).toBe('ann');
      }
    });

    it('the session is found behind one that has ended', async () => {
      const installation = newInstallation();
      const { site, good } = await login({ installation });
      const gone = await start({ installation }, { '/logout': ({ session }) => session.destroy() });
      const browser = gone.client();
      await browser.get('/login');
      const ended = browser.cookies.get('connect.sid')!;
      await browser.get('/logout');
      for (const cookie of [`connect.sid=${ended}; connect.sid=${good}`, `connect.sid=${good}; connect.sid=${ended}`])
        expect((await site.client().get('/read', { headers: { cookie } })).json).toBe('ann');
    });

    it('a user with a stale cookie of an old path can sign in, and is then known', async () => {
      const { site } = await login();
      const stale = 's%3Astale.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
      // Browsers send the cookie of the longer path first; an application cannot see which is which.
      const answer = await site.client().get('/login', { headers: { cookie: `connect.sid=${stale}` } });
      const fresh = /connect\.sid=([^;]+)/.exec(
        answer.setCookie.find((line) => !line.includes('Expires=Thu, 01 Jan 1970')) ?? '',
      )?.[1];
      const cookie = `connect.sid=${stale}; connect.sid=${fresh ?? ''}`;
      expect((await site.client().get('/read', { headers: { cookie } })).json).toBe('ann');
    });

    it('does not ask the store more often than is sane, however many there are', async () => {
      const { site, good } = await login();
      const cookie = `${'connect.sid=s%3Ajunk.junk; '.repeat(500)}connect.sid=${good}`;
      const { status } = await site.client().get('/read', { headers: { cookie } });
      expect(status).toBe(200);
    });
  });
});
