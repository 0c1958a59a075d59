import type { IncomingMessage, ServerResponse } from 'node:http';
import { Passport } from 'passport';
import { expect, it } from 'vitest';
import { describeSites } from '../support/session-site.js';
import type { SiteHandler, SiteRequest } from '../support/session-site.js';

/** What is written for express-session and stands on it: passport, flash messages, CSRF tokens. */

type Middleware = (request: unknown, response: unknown, next: (error?: unknown) => void) => void;

function through(middleware: Middleware, request: IncomingMessage, response: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    middleware(request, response, (error) => {
      if (error instanceof Error) reject(error);
      else resolve();
    });
  });
}

interface PassportRequest {
  readonly user?: { readonly name: string };
  logIn(user: object, options: object, done: (error?: unknown) => void): void;
  logOut(options: object, done: (error?: unknown) => void): void;
  isAuthenticated(): boolean;
}

function withPassport(options: { readonly keepSessionInfo?: boolean } = {}): SiteHandler {
  const passport = new Passport();
  passport.serializeUser((user, done) => done(null, (user as { name: string }).name));
  passport.deserializeUser((name, done) => done(null, { name }));
  const middleware = [passport.initialize(), passport.session()] as unknown as Middleware[];
  return async (request, response) => {
    for (const each of middleware) await through(each, request, response);
    const user = request as unknown as PassportRequest;
    const called = (call: (done: (error?: unknown) => void) => void): Promise<void> =>
      new Promise((resolve, reject) => {
        call((error) => {
          if (error instanceof Error) reject(error);
          else resolve();
        });
      });
    if (request.url === '/visit') request.session.count = (request.session.count ?? 0) + 1;
    if (request.url === '/login') await called((done) => user.logIn({ name: 'ann' }, options, done));
    if (request.url === '/logout') await called((done) => user.logOut(options, done));
    const { count = null } = request.session;
    response.end(JSON.stringify({ id: request.sessionID, user: user.user?.name ?? null, count }));
  };
}

interface Seen {
  readonly id: string;
  readonly user: string | null;
  readonly count: number | null;
}

describeSites('beside a session', (kind) => {
  it('passport: a login gives a new id, is known to the next request, and a logout ends it', async () => {
    const site = await kind.start({}, withPassport());
    const browser = site.client();
    const ask = async (path: string) => (await browser.get(path)).json as Seen;
    const before = await ask('/visit');
    const login = await ask('/login');
    expect(login).toMatchObject({ user: 'ann', count: null });
    expect(login.id).not.toBe(before.id);
    expect(await ask('/')).toEqual({ ...login });
    const cookie = `connect.sid=${browser.cookies.get('connect.sid')!}`;
    const logout = await ask('/logout');
    expect(logout.user).toBe(null);
    expect(logout.id).not.toBe(login.id);
    expect(await ask('/')).toMatchObject({ user: null });
    expect((await site.client().get('/', { headers: { cookie } })).json).toMatchObject({ user: null });
  });

  it('passport: keepSessionInfo keeps what was there', async () => {
    const { client } = await kind.start({}, withPassport({ keepSessionInfo: true }));
    const browser = client();
    const ask = async (path: string) => (await browser.get(path)).json as Seen;
    await ask('/visit');
    expect(await ask('/login')).toMatchObject({ user: 'ann', count: 1 });
    expect(await ask('/visit')).toMatchObject({ user: 'ann', count: 2 });
    expect(await ask('/logout')).toMatchObject({ user: null, count: 2 });
    expect(await ask('/visit')).toMatchObject({ user: null, count: 3 });
  });

  it('flash messages: are there once, after the redirect', async () => {
    const flash = (request: SiteRequest, type: string, message?: string): string[] => {
      const messages = (request.session.flash ??= {});
      if (message !== undefined) (messages[type] ??= []).push(message);
      else {
        const list = messages[type] ?? [];
        Reflect.deleteProperty(messages, type);
        return list;
      }
      return messages[type] ?? [];
    };
    const { client } = await kind.start({}, (request, response) => {
      if (request.method === 'POST') {
        flash(request, 'info', 'one');
        flash(request, 'info', 'two');
        flash(request, 'error', 'bad');
        response.writeHead(302, { Location: '/' }).end();
      } else response.end(JSON.stringify(flash(request, 'info')));
    });
    const browser = client();
    await browser.post('/');
    expect((await browser.get('/')).json).toEqual(['one', 'two']);
    expect((await browser.get('/')).json).toEqual([]);
  });

  it('a CSRF secret of the session stays as it is, and goes with the session', async () => {
    const { client } = await kind.start({}, async (request, response) => {
      const data = request.session as unknown as { csrfSecret?: string };
      if (request.url === '/logout') await new Promise((resolve) => request.session.regenerate(resolve));
      const fresh = request.session as unknown as { csrfSecret?: string };
      const secret = ((request.url === '/logout' ? fresh : data).csrfSecret ??= `secret ${Math.random()}`);
      response.end(secret);
    });
    const browser = client();
    const first = (await browser.get('/')).text;
    expect((await browser.get('/')).text).toBe(first);
    expect((await client().get('/')).text).not.toBe(first);
    expect((await browser.get('/logout')).text).not.toBe(first);
  });

  it('headers that others write when the head goes out are sent: response time, security headers', async () => {
    const { client } = await kind.start(
      {
        before: (_request, response) => {
          const { writeHead } = response;
          response.writeHead = ((...args: Parameters<typeof writeHead>) => {
            response.setHeader('X-Response-Time', '1ms');
            return writeHead.apply(response, args);
          }) as typeof writeHead;
        },
      },
      (request, response) => {
        request.session.count = 1;
        response.end('body');
      },
    );
    const { headers, setCookie, text } = await client().get('/');
    expect(headers['x-response-time']).toBe('1ms');
    expect(setCookie).toHaveLength(1);
    expect(text).toBe('body');
  });
});
