import { setTimeout as delay } from 'node:timers/promises';
import { Body, Controller, Delete, Get, Injectable, Inject, Post, Req, Res, Session } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import session from 'express-session';
import type { NextFunction, Request, Response } from 'express';
import type { ServerResponse } from 'node:http';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { SessionUnavailableError } from '../../lib/errors/session-unavailable.error.js';
import type { RawRequest } from '../../lib/http/raw-http.js';
import { SessionContext } from '../../lib/http/session-context.js';
import { createSessionHandler } from '../../lib/http/session.middleware.js';
import { CurrentSession, SessionId, SessionValue } from '../../lib/http/session.decorators.js';
import type { LiveSession } from '../../lib/http/session.types.js';
import { PLATFORMS, SECRET, startHttpApp } from '../support/http-app.js';
import { ScriptedStore } from '../support/scripted-store.js';

declare module 'express-session' {
  interface SessionData {
    user?: string;
    views?: number;
    deep?: { list: number[] };
  }
}

@Injectable()
class Deep {
  constructor(@Inject(SessionContext) private readonly context: SessionContext) {}

  async user(): Promise<string | undefined> {
    await new Promise((resolve) => setImmediate(resolve));
    return this.context.current()?.user;
  }
}

type AnyResponse = ServerResponse & { raw?: ServerResponse };
type AnyRequest = RawRequest & { raw?: RawRequest };
const rawOf = (request: AnyRequest): RawRequest => request.raw ?? request;

@Controller()
class Portal {
  constructor(@Inject(Deep) private readonly deep: Deep) {}

  @Post('login')
  async login(@CurrentSession() session: LiveSession, @Body() body: { user: string }) {
    session.user = body.user;
    return { user: await this.deep.user() };
  }

  @Get('me')
  async me(@SessionValue('user') user: string | undefined, @SessionId() id: string) {
    return { user: user ?? null, id, deep: (await this.deep.user()) ?? null };
  }

  @Get('nests-own')
  nestsOwn(@Session() session: Record<string, unknown>) {
    return { user: session['user'] ?? null };
  }

  @Post('view')
  view(@CurrentSession() session: LiveSession) {
    session.views = (session.views ?? 0) + 1;
    return session.views;
  }

  @Delete('session')
  async destroy(@CurrentSession() session: LiveSession) {
    await session.destroy();
    return 'bye';
  }

  @Delete('session-by-null')
  unset(@Req() request: AnyRequest) {
    rawOf(request).session = null;
    return 'bye';
  }

  @Post('regenerate')
  async regenerate(@CurrentSession() session: LiveSession, @Req() request: AnyRequest) {
    const before = session.id;
    await session.regenerate();
    const after = rawOf(request).session!;
    after.user = 'new';
    await after.save();
    await after.reload();
    const reloaded = rawOf(request).session!;
    return {
      isNewId: before !== reloaded.id,
      user: reloaded.user,
      deep: await this.deep.user(),
      keys: Object.keys(reloaded),
    };
  }

  @Post('regenerate-empty')
  regenerateByCallback(@CurrentSession() session: LiveSession, @Res() response: AnyResponse) {
    session.regenerate((error: unknown) => {
      (response.raw ?? response).end(error ? 'failed' : 'regenerated');
    });
  }

  @Post('change-after-answer')
  async changeAfter(@CurrentSession() session: LiveSession, @Res() response: AnyResponse) {
    const target = response.raw ?? response;
    target.writeHead(200);
    await new Promise((resolve) => target.write('first ', resolve));
    session.user = 'late';
    target.end('last');
  }

  @Post('change-while-held')
  changeWhileHeld(@CurrentSession() session: LiveSession, @Res() response: AnyResponse) {
    const target = response.raw ?? response;
    target.writeHead(200);
    target.write('first ');
    session.user = 'late';
    target.end('last');
  }

  @Post('busy-after-answer')
  busy(@CurrentSession() session: LiveSession, @Res() response: AnyResponse) {
    const target = response.raw ?? response;
    session.user = 'ann';
    target.statusCode = 202;
    target.setHeader('X-Seen', 'before');
    const isFlowing = target.write('one ');
    const seen = {
      isFlowing,
      headersSent: target.headersSent,
      error: codeOf(() => target.setHeader('X-Seen', 'after')),
      second: codeOf(() => target.writeHead(500)),
    };
    target.statusCode = 500;
    target.once('drain', () => target.end(JSON.stringify(seen)));
  }

  @Post('wrong-head')
  wrongHead(@CurrentSession() session: LiveSession, @Res() response: AnyResponse) {
    const target = response.raw ?? response;
    session.user = 'ann';
    target.end(
      JSON.stringify({
        status: codeOf(() => target.writeHead(99)),
        name: codeOf(() => target.writeHead(200, { 'no name': 'x' })),
        value: codeOf(() => target.writeHead(200, { 'X-Value': 'a\nb' })),
      }),
    );
  }

  @Post('wrong-body')
  wrongBody(@CurrentSession() session: LiveSession, @Res() response: AnyResponse) {
    session.user = 'ann';
    (response.raw ?? response).end({ not: 'a body' });
  }

  @Post('unstorable')
  unstorable(@CurrentSession() session: LiveSession) {
    session.user = 1n as unknown as string;
    return 'never';
  }

  @Post('failing-save-handled')
  async handled(@CurrentSession() session: LiveSession) {
    session.user = 'ann';
    try {
      await session.save();
    } catch {
      delete session.user;
    }
    return { handled: true };
  }
}

function codeOf(action: () => unknown): unknown {
  try {
    action();
    return 'none';
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

const down = new SessionUnavailableError('deadline', 'no primary');

describe.each(PLATFORMS)('a session on %s', (platform) => {
  const base = { platform, controllers: [Portal], providers: [Deep] };

  it('is seen by the next request, by providers without request scope, and by Nest’s own @Session()', async () => {
    const { client } = await startHttpApp({ ...base, store: new ScriptedStore() });
    const browser = client();
    expect((await browser.post('/login', { user: 'ann' })).json).toEqual({ user: 'ann' });
    expect((await browser.get('/me')).json).toMatchObject({ user: 'ann', deep: 'ann' });
    expect((await browser.get('/nests-own')).json).toEqual({ user: 'ann' });
  });

  it('is still at hand without request scope when the body of the request comes late', async () => {
    const { client } = await startHttpApp({ ...base, store: new ScriptedStore() });
    const body = JSON.stringify({ user: 'ann', filler: 'x'.repeat(50_000) });
    const answer = await client().sendInParts('/login', [
      body.slice(0, 10),
      body.slice(10, 30_000),
      body.slice(30_000),
    ]);
    expect(answer).toBe('{"user":"ann"}');
  });

  it('costs nothing while it is new and empty: no store call, no cookie', async () => {
    const store = new ScriptedStore();
    const { client } = await startHttpApp({ ...base, store });
    const answer = await client().get('/me');
    expect(answer.setCookie).toEqual([]);
    expect(store.calls).toEqual([]);
  });

  it('is touched before the response when nothing changed, and a failing touch harms nobody', async () => {
    const store = new ScriptedStore();
    const { client } = await startHttpApp({ ...base, store });
    const browser = client();
    await browser.post('/login', { user: 'ann' });
    store.fail('touch', down);
    store.calls.length = 0;
    const answer = await browser.get('/me');
    expect(answer).toMatchObject({ status: 200, isComplete: true });
    expect(store.calls).toEqual(['get', 'touch']);
  });

  it('is touched once for each request, also when that failed and the store would have it again', async () => {
    class Eager extends ScriptedStore {
      loadForRequest(sid: string, callback: Parameters<ScriptedStore['get']>[1]): void {
        this.get(sid, callback);
      }

      pending(session: object): 'touch' | 'changes' {
        return 'user' in session && this.sessions.size === 0 ? 'changes' : 'touch';
      }
    }
    const store = new Eager();
    const { client } = await startHttpApp({ ...base, store });
    const browser = client();
    await browser.post('/login', { user: 'ann' });
    store.fail('touch', down);
    expect((await browser.get('/me')).status).toBe(200);
    expect(store.count('touch')).toBe(1);
  });

  it('clears the cookie, with its path, when it is destroyed', async () => {
    const store = new ScriptedStore();
    const { client } = await startHttpApp({
      ...base,
      store,
      cookie: { name: 'own.sid', path: '/', domain: '127.0.0.1' },
    });
    const browser = client();
    await browser.post('/login', { user: 'ann' });
    const { setCookie } = await browser.send('/session', { method: 'DELETE' });
    expect(setCookie).toHaveLength(1);
    expect(setCookie[0]).toMatch(/^own\.sid=; Domain=127\.0\.0\.1; Path=\/; Expires=Thu, 01 Jan 1970/);
    expect(store.sessions.size).toBe(0);
    expect(store.count('destroy')).toBe(1);
  });

  it('ends in the store too when it is set to null', async () => {
    const store = new ScriptedStore();
    const { client } = await startHttpApp({ ...base, store });
    const browser = client();
    await browser.post('/login', { user: 'ann' });
    const release = store.hold('destroy');
    const answer = browser.send('/session-by-null', { method: 'DELETE' });
    await expect.poll(() => store.count('destroy')).toBe(1);
    release();
    expect((await answer).setCookie[0]).toMatch(/^connect\.sid=;/);
    expect(store.sessions.size).toBe(0);
  });

  it('is not said to be destroyed when the store could not', async () => {
    const store = new ScriptedStore();
    const { client } = await startHttpApp({ ...base, store });
    const browser = client();
    await browser.post('/login', { user: 'ann' });
    store.fail('destroy', down);
    for (const path of ['/session', '/session-by-null']) {
      expect(await browser.send(path, { method: 'DELETE' })).toMatchObject({ status: 503, setCookie: [] });
    }
  });

  it('returns promises from regenerate, save, reload and destroy, also on the session after regenerate and reload', async () => {
    const store = new ScriptedStore();
    const { client } = await startHttpApp({ ...base, store });
    const browser = client();
    await browser.post('/login', { user: 'ann' });
    const { json } = await browser.post('/regenerate');
    expect(json).toEqual({ isNewId: true, user: 'new', deep: 'new', keys: ['cookie', 'user'] });
    expect(store.sessions.size).toBe(1);
    expect(store.count('set')).toBe(2);
    expect((await browser.get('/me')).json).toMatchObject({ user: 'new' });
  });

  it('is stored and gets its cookie when it was regenerated and holds nothing', async () => {
    const store = new ScriptedStore();
    const { client } = await startHttpApp({ ...base, store });
    const browser = client();
    await browser.post('/login', { user: 'ann' });
    const { text, setCookie } = await browser.post('/regenerate-empty');
    expect(text).toBe('regenerated');
    expect(setCookie).toHaveLength(1);
    expect([...store.sessions.keys()]).toHaveLength(1);
    expect((await browser.get('/me')).json).toMatchObject({ user: null });
  });

  it('is stored before the last byte when it changed after the first', async () => {
    const store = new ScriptedStore();
    const { client } = await startHttpApp({ ...base, store });
    const browser = client();
    await browser.post('/view');
    const release = store.hold('set');
    const response = await browser.open('/change-after-answer', { method: 'POST' });
    const iterator = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    expect(String((await iterator.next()).value)).toBe('first ');
    const last = iterator.next();
    await expect.poll(() => store.count('set')).toBe(2);
    release();
    expect(String((await last).value)).toBe('last');
    await iterator.next();
    expect((await browser.get('/me')).json).toMatchObject({ user: 'late' });
  });

  it('is stored before a response that was held while it changed', async () => {
    const store = new ScriptedStore();
    const { client } = await startHttpApp({ ...base, store });
    const browser = client();
    await browser.post('/view');
    const goOn = store.hold('touch');
    const release = store.hold('set');
    const answer = browser.post('/change-while-held');
    await expect.poll(() => store.count('touch')).toBe(1);
    goOn();
    await expect.poll(() => store.count('set')).toBe(2);
    expect(await Promise.race([answer, delay(50, 'none')])).toBe('none');
    release();
    expect((await answer).text).toBe('first last');
    expect((await browser.get('/me')).json).toMatchObject({ user: 'late' });
  });

  it('is a 503 when what changed while its response was held could not be stored', async () => {
    const store = new ScriptedStore();
    const { client } = await startHttpApp({ ...base, store });
    const browser = client();
    await browser.post('/view');
    store.fail('set', down);
    expect((await browser.post('/change-while-held')).status).toBe(503);
    store.fail('set', undefined);
    expect((await browser.get('/me')).json).not.toMatchObject({ user: 'late' });
  });

  it('breaks a response off when a change made after its first byte could not be stored', async () => {
    const store = new ScriptedStore();
    const { client, log } = await startHttpApp({ ...base, store });
    const browser = client();
    await browser.post('/view');
    store.fail('set', down);
    expect(await browser.post('/change-after-answer')).toMatchObject({
      status: 200,
      text: 'first ',
      isComplete: false,
    });
    expect(log.join()).toContain('after its response had begun');
  });

  it('lets a held response look sent: headers are refused, writers wait for drain, the client gets what was said first', async () => {
    const store = new ScriptedStore();
    const { client } = await startHttpApp({ ...base, store });
    const { status, text, headers } = await client().post('/busy-after-answer');
    expect(status).toBe(202);
    expect(headers['x-seen']).toBe('before');
    const sent = 'ERR_HTTP_HEADERS_SENT';
    expect(text).toBe(`one ${JSON.stringify({ isFlowing: false, headersSent: true, error: sent, second: sent })}`);
  });

  it('drops what the application said when it could not be stored, but not what lets a browser see the answer', async () => {
    const store = new ScriptedStore();
    const { client } = await startHttpApp({
      ...base,
      store,
      prepare: (app) => {
        app.enableCors({ origin: 'https://portal.example', credentials: true });
        app.use((_request: unknown, response: ServerResponse, next: () => void) => {
          response.setHeader('X-Frame-Options', 'DENY');
          next();
        });
      },
    });
    store.fail('set', down);
    const { status, headers, json } = await client().post('/busy-after-answer', undefined, {
      headers: { origin: 'https://portal.example' },
    });
    expect(status).toBe(503);
    expect(json).toEqual({ statusCode: 503, message: 'Service Unavailable' });
    expect(headers).toMatchObject({
      'access-control-allow-origin': 'https://portal.example',
      'access-control-allow-credentials': 'true',
      'x-frame-options': 'DENY',
      'content-type': 'application/json; charset=utf-8',
    });
    expect(headers['x-seen']).toBeUndefined();
  });

  it('refuses a head that cannot be sent at once, as Node does', async () => {
    const { client } = await startHttpApp({ ...base, store: new ScriptedStore() });
    expect((await client().post('/wrong-head')).json).toEqual({
      status: 'ERR_HTTP_INVALID_STATUS_CODE',
      name: 'ERR_INVALID_HTTP_TOKEN',
      value: 'ERR_INVALID_CHAR',
    });
  });

  it('is an error when the application wrote what cannot be sent', async () => {
    const { client, log } = await startHttpApp({ ...base, store: new ScriptedStore() });
    expect(await client().post('/wrong-body')).toMatchObject({ status: 500, isComplete: true });
    expect(log.join()).toContain('A response could not be sent; answered 500. The "chunk" argument');
  });

  it('answers what the handler makes of a save that failed, without a cookie', async () => {
    const store = new ScriptedStore();
    const { client } = await startHttpApp({ ...base, store });
    store.fail('set', down);
    const answer = await client().post('/failing-save-handled');
    expect(answer).toMatchObject({ status: 201, setCookie: [] });
    expect(store.count('set')).toBe(1);
  });

  it('is a 503 with Retry-After when it cannot be loaded, and the user’s cookie stays', async () => {
    const store = new ScriptedStore();
    const { client } = await startHttpApp({ ...base, store });
    const browser = client();
    await browser.post('/login', { user: 'ann' });
    store.fail('get', down);
    const answer = await browser.get('/me');
    expect(answer).toMatchObject({ status: 503, setCookie: [] });
    expect(answer.json).toEqual({ statusCode: 503, message: 'Service Unavailable' });
    expect(answer.headers['retry-after']).toBe('1');
    store.fail('get', undefined);
    expect((await browser.get('/me')).json).toMatchObject({ user: 'ann' });
  });

  it('re-signs a cookie that an older secret verified, once', async () => {
    const store = new ScriptedStore();
    const old = await startHttpApp({ ...base, store, secrets: ['old-secret-of-the-http-tests'] });
    const browser = old.client();
    await browser.post('/login', { user: 'ann' });
    const rotated = await startHttpApp({ ...base, store, secrets: [SECRET, 'old-secret-of-the-http-tests'] });
    const next = rotated.client();
    next.cookies.set('connect.sid', browser.cookies.get('connect.sid') ?? '');
    const first = await next.get('/me');
    expect(first.json).toMatchObject({ user: 'ann' });
    expect(first.setCookie).toHaveLength(1);
    expect((await next.get('/me')).setCookie).toEqual([]);
    const only = await startHttpApp({ ...base, store, secrets: [SECRET] });
    const last = only.client();
    last.cookies.set('connect.sid', next.cookies.get('connect.sid') ?? '');
    expect((await last.get('/me')).json).toMatchObject({ user: 'ann' });
  });

  it('sets one cookie when it is both re-signed and rolling', async () => {
    const store = new ScriptedStore();
    const secrets = ['old-secret-of-the-http-tests'] as const;
    const browser = (await startHttpApp({ ...base, store, secrets })).client();
    await browser.post('/login', { user: 'ann' });
    const rolling = await startHttpApp({
      ...base,
      store,
      secrets: [SECRET, ...secrets],
      rolling: true,
      cookie: { maxAge: 60_000 },
    });
    const next = rolling.client();
    next.cookies.set('connect.sid', browser.cookies.get('connect.sid') ?? '');
    expect((await next.get('/me')).setCookie).toHaveLength(1);
    expect((await next.get('/me')).setCookie).toHaveLength(1);
  });

  it('keeps the length of its cookie to the millisecond, however often it is stored and however slow the clock is read', async () => {
    const store = new ScriptedStore();
    const { client } = await startHttpApp({ ...base, store, cookie: { maxAge: 60_000 } });
    const browser = client();
    let nowMs = Date.now();
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => (nowMs += 1));
    onTestFinished(() => clock.mockRestore());
    const maxAgeAfterView = async () => {
      await browser.post('/view');
      const stored = JSON.parse([...store.sessions.values()][0] ?? '') as { cookie: { originalMaxAge: number } };
      return stored.cookie.originalMaxAge;
    };
    const first = await maxAgeAfterView();
    await maxAgeAfterView();
    expect(await maxAgeAfterView()).toBe(first);
  });

  it('fails with a clear error where the module does not cover the route', async () => {
    const { client, log } = await startHttpApp({ ...base, store: new ScriptedStore(), cookie: { path: '/login' } });
    expect((await client().get('/me')).status).toBe(500);
    expect(log.join()).toMatch(/SessionMissingError: @Session.* of Portal\.me found no session/);
  });

  it('names the field that cannot be stored, in the log only', async () => {
    const { client, log } = await startHttpApp({ ...base, store: new ScriptedStore() });
    const answer = await client().post('/unstorable');
    expect(answer).toMatchObject({ status: 500, setCookie: [] });
    expect(answer.json).toEqual({ statusCode: 500, message: 'Internal server error' });
    expect(log.join()).toContain('Session field "user" cannot be stored');
  });

  it('stores a change although the client has gone, and the server goes on', async () => {
    const store = new ScriptedStore();
    const { client } = await startHttpApp({ ...base, store });
    const browser = client();
    const release = store.hold('set');
    const lost = browser.open('/login', { method: 'POST', body: { user: 'ann' } }, (request) => {
      void expect
        .poll(() => store.count('set'))
        .toBe(1)
        .then(() => request.destroy());
    });
    await expect(lost).rejects.toThrow();
    release();
    await expect.poll(() => store.sessions.size).toBe(1);
    expect((await client().get('/me')).status).toBe(200);
  });

  it('warns once, and says why, when a secure cookie is dropped behind a proxy that is not trusted', async () => {
    const { client, log } = await startHttpApp({ ...base, store: new ScriptedStore(), cookie: { secure: true } });
    const headers = { 'x-forwarded-proto': 'https' };
    for (const user of ['ann', 'bob']) {
      expect((await client().post('/login', { user }, { headers })).setCookie).toEqual([]);
    }
    const warnings = log.filter((line) => line.includes('is secure and was not sent'));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('`X-Forwarded-Proto: https`, but it is not trusted');
  });

  it('sends a secure cookie behind a trusted proxy', async () => {
    const headers = { 'x-forwarded-proto': 'https' };
    const cookie = { secure: true } as const;
    const byOption = await startHttpApp({ ...base, store: new ScriptedStore(), cookie, proxy: true });
    expect((await byOption.client().post('/login', { user: 'ann' }, { headers })).setCookie[0]).toContain('; Secure');
    const adapter = platform === 'fastify' ? new FastifyAdapter({ trustProxy: true }) : new ExpressAdapter();
    if (adapter instanceof ExpressAdapter) adapter.set('trust proxy', true);
    const byServer = await startHttpApp({ ...base, store: new ScriptedStore(), cookie, adapter });
    expect((await byServer.client().post('/login', { user: 'ann' }, { headers })).setCookie[0]).toContain('; Secure');
  });

  it.each(['an object', 'a function'])('resolves secure and sameSite "auto" when the cookie is %s', async (form) => {
    const auto = { secure: 'auto', sameSite: 'auto' } as const;
    const cookie = form === 'an object' ? auto : { forRequest: () => auto };
    const { client } = await startHttpApp({ ...base, store: new ScriptedStore(), cookie, proxy: true });
    const plain = await client().post('/login', { user: 'ann' });
    expect(plain.setCookie[0]).toContain('SameSite=Lax');
    expect(plain.setCookie[0]).not.toContain('Secure');
    const secure = await client().post('/login', { user: 'ann' }, { headers: { 'x-forwarded-proto': 'https' } });
    expect(secure.setCookie[0]).toMatch(/Secure.*SameSite=None|SameSite=None.*Secure/);
  });

  it('keeps two cycles over one store apart: each gives its own cookie', async () => {
    const store = new ScriptedStore();
    const other = createSessionHandler({
      options: {
        secrets: [SECRET],
        cookie: { name: 'admin.sid', path: '/admin', maxAge: 5000 },
        proxy: undefined,
        rolling: false,
        genid: undefined,
      },
      store,
      context: new SessionContext(),
    });
    const { client } = await startHttpApp({
      ...base,
      store,
      cookie: { name: 'portal.sid', path: '/', maxAge: 60_000 },
      prepare: (app) => {
        app.use((request: Request, response: Response, next: NextFunction) => {
          other(request, response, next);
        });
      },
    });
    const { setCookie } = await client().post('/login', { user: 'ann' });
    expect(setCookie[0]).toMatch(/^portal\.sid=.*; Path=\/;/);
  });
});

describe('the store of a cycle', () => {
  it('is still itself to the application: its class, its other methods, its events', async () => {
    class Counting extends ScriptedStore {
      #asked = 0;
      ask(): number {
        this.#asked += 1;
        return this.#asked;
      }
    }
    const store = new Counting();
    let seen: unknown;
    @Controller()
    class Asks {
      @Get('ask')
      ask(@Req() request: RawRequest) {
        const mine = request.sessionStore as Counting;
        seen = mine instanceof Counting && mine instanceof session.Store;
        mine.once('event', () => (seen = [seen, 'heard']));
        store.emit('event');
        return mine.ask() + mine.ask();
      }
    }
    const asking = await startHttpApp({ store, controllers: [Asks] });
    expect((await asking.client().get('/ask')).text).toBe('3');
    expect(seen).toEqual([true, 'heard']);
  });
});
