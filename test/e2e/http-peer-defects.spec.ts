import { Body, Controller, Delete, Get, Post, Redirect, Req } from '@nestjs/common';

import { RedisStore } from 'connect-redis';
import type session from 'express-session';

import { Redis } from 'ioredis';
import { SessionEvents, SessionModule } from 'nestjs-ha-session';
import type { SessionCookieOptions, SessionEvent, SessionModuleOptions } from 'nestjs-ha-session';
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { RawRequest } from '../../lib/http/raw-http.js';
import { startHttpApp } from '../support/http-app.js';
import type { HttpApp } from '../support/http-app.js';
import { ScriptedStore } from '../support/scripted-store.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';

/**
 * What the usual pair, express-session and connect-redis, gets wrong, each shown twice with the same steps: that we do not, and
 * that they do. The second keeps the first honest: the steps can fail.
 */

const SECRET = 'a-secret-of-the-peer-tests-0123456789';
const { version } = createRequire(import.meta.url)('express-session/package.json') as { version: string };
const takesFunction = Number(version.split('.')[1]) >= 19;
/** How long a response may take before it counts as held back. */
const SLOW_MS = 1_500;

type Data = Record<string, unknown> & session.Session;

/** Handlers that wait until the test lets them go on, by the field that they change. */
const waiting = new Map<string, () => void>();

async function whenWaiting(field: string): Promise<() => void> {
  await expect.poll(() => waiting.has(field)).toBe(true);
  const go = waiting.get(field) as () => void;
  waiting.delete(field);
  return go;
}

@Controller()
class Shop {
  @Get('seen')
  seen(@Req() request: RawRequest) {
    const data = request.session as unknown as Data | undefined;
    return {
      hasSession: data !== undefined,
      user: data?.['user'] ?? null,
      a: data?.['a'] ?? null,
      b: data?.['b'] ?? null,
    };
  }

  @Get('administrator/seen')
  administrator(@Req() request: RawRequest) {
    return { hasSession: request.session !== undefined };
  }

  @Post('login')
  login(@Req() request: RawRequest, @Body() body: { user: string }) {
    (request.session as unknown as Data)['user'] = body.user;
    return { ok: true };
  }

  @Post('set')
  async set(@Req() request: RawRequest, @Body() body: { field: string }) {
    await new Promise<void>((resolve) => waiting.set(body.field, resolve));
    (request.session as unknown as Data)[body.field] = 'set';
    return { ok: true };
  }

  @Post('login-and-go')
  @Redirect('/seen')
  loginAndGo(@Req() request: RawRequest, @Body() body: { user: string }): void {
    (request.session as unknown as Data)['user'] = body.user;
  }

  @Post('unstorable')
  unstorable(@Req() request: RawRequest) {
    (request.session as unknown as Data)['amount'] = 1n;
    return { ok: true };
  }

  @Delete('session')
  logout(@Req() request: RawRequest) {
    return new Promise((resolve, reject) => {
      (request.session as unknown as Data).destroy((error: Error | null) => {
        if (error) reject(error);
        else resolve({ ok: true });
      });
    });
  }

  @Post('promises')
  promises(@Req() request: RawRequest) {
    const data = request.session as unknown as Data;
    data['user'] = 'ann';
    return { isPromise: (data.save() as unknown) instanceof Promise };
  }
}

let redis: RedisProcess;

beforeAll(async () => {
  redis = await startRedisServer();
});

afterAll(() => redis.stop());

beforeEach(() => redis.cli('FLUSHALL'));

afterEach(async () => {
  await redis.cli('CLIENT', 'UNPAUSE');
  await redis.cli('CONFIG', 'SET', 'min-replicas-to-write', '0');
});

interface StartOptions {
  readonly cookie?: SessionModuleOptions['cookie'];
}

type Start = (options?: StartOptions) => Promise<HttpApp>;

const startOurs: Start = ({ cookie } = {}) =>
  startHttpApp({
    controllers: [Shop],
    modules: [
      SessionModule.forRoot({
        application: 'shop',
        secret: SECRET,
        cookie,
        redis: { host: redis.host, port: redis.port, operationTimeoutMs: 4 * SLOW_MS },
      }),
    ],
  });

const startPeer: Start = ({ cookie } = {}) => {
  const client = new Redis({ host: redis.host, port: redis.port });
  client.on('error', () => undefined);
  onTestFinished(() => client.disconnect());
  return startHttpApp({
    controllers: [Shop],
    peer: true,
    store: new RedisStore({ client }),
    secrets: [SECRET],
    ...(cookie && { cookie }),
  });
};

/** Changes the session on one instance and is redirected to another while the store is slow to write; what does that show? */
async function userSeenAfterRedirect(start: Start): Promise<unknown> {
  const [here, there] = [(await start()).client(), (await start()).client()];
  await here.post('/login', { user: 'nobody' });
  there.cookies.set('connect.sid', here.cookies.get('connect.sid') ?? '');
  await redis.cli('CLIENT', 'PAUSE', '10000', 'WRITE');
  const redirect = here.open('/login-and-go', { method: 'POST', body: { user: 'ann' } });
  const isEarly = await Promise.race([redirect.then(() => true), delay(SLOW_MS).then(() => false)]);
  if (!isEarly) await redis.cli('CLIENT', 'UNPAUSE');
  await redirect;
  const page = await there.open('/seen');
  await redis.cli('CLIENT', 'UNPAUSE');
  let text = '';
  for await (const chunk of page) text += String(chunk);
  return (JSON.parse(text) as { user: unknown }).user;
}

/** Logs in while Redis refuses writes. */
async function loginWithoutStore(start: Start) {
  const { client } = await start();
  await redis.cli('CONFIG', 'SET', 'min-replicas-to-write', '1');
  const { status, setCookie } = await client().post('/login', { user: 'ann' });
  return { status, cookies: setCookie.length };
}

/** Two requests change two fields of one session at the same time. */
async function parallelChanges(start: Start) {
  const { client } = await start();
  const [one, two] = [client(), client()];
  await one.post('/login', { user: 'ann' });
  two.cookies.set('connect.sid', one.cookies.get('connect.sid') ?? '');
  const answers = [one.post('/set', { field: 'a' }), two.post('/set', { field: 'b' })];
  for (const go of [await whenWaiting('a'), await whenWaiting('b')]) go();
  await Promise.all(answers);
  const { a, b } = (await one.get('/seen')).json as { a: unknown; b: unknown };
  return { a, b };
}

/** Logs out while another request of the same session is still busy and changes it afterwards. */
async function userAfterLogout(start: Start) {
  const { client } = await start();
  const [one, two] = [client(), client()];
  await one.post('/login', { user: 'ann' });
  const cookie = one.cookies.get('connect.sid') ?? '';
  two.cookies.set('connect.sid', cookie);
  const busy = two.post('/set', { field: 'a' });
  const go = await whenWaiting('a');
  await one.send('/session', { method: 'DELETE' });
  go();
  await busy;
  const last = client();
  last.cookies.set('connect.sid', cookie);
  return ((await last.get('/seen')).json as { user: unknown }).user;
}

/** What comes of a session with a value that JSON cannot carry; `null` when nothing comes. */
async function statusOfUnstorable(start: Start): Promise<number | null> {
  const { client } = await start();
  const answer = client()
    .post('/unstorable')
    .then(({ status }) => status)
    .catch(() => null);
  return Promise.race([answer, delay(1000).then(() => null)]);
}

async function cookiesAtLogout(start: Start) {
  const { client } = await start();
  const browser = client();
  await browser.post('/login', { user: 'ann' });
  await browser.send('/session', { method: 'DELETE' });
  return [...browser.cookies.keys()];
}

/** Two middlewares over one store; the first one's new session. */
async function cookieOfFirst(
  startFirst: (store: ScriptedStore) => Promise<HttpApp>,
  startSecond: (store: ScriptedStore) => Promise<HttpApp>,
) {
  const store = new ScriptedStore();
  const first = await startFirst(store);
  await startSecond(store);
  return (await first.client().post('/login', { user: 'ann' })).setCookie[0];
}

describe('what connect-redis and express-session get wrong', () => {
  describe('1 lost update', () => {
    it('two parallel requests that change two fields are both stored', async () => {
      expect(await parallelChanges(startOurs)).toEqual({ a: 'set', b: 'set' });
    });
    it('connect-redis shows the defect: one change is gone', async () => {
      expect(await parallelChanges(startPeer)).not.toEqual({ a: 'set', b: 'set' });
    });
  });

  describe('2 resurrection', () => {
    it('a session that ended during a slow request stays ended', async () => {
      expect(await userAfterLogout(startOurs)).toBe(null);
    });
    it('what the slow request lost is told once', async () => {
      const events: SessionEvent[] = [];
      const startListening: Start = async () => {
        const app = await startOurs();
        app.app.get(SessionEvents).all.subscribe((event) => events.push(event));
        return app;
      };
      await userAfterLogout(startListening);
      expect(events.filter(({ type }) => type === 'lostWrite')).toMatchObject([{ fields: ['a'], reason: 'gone' }]);
    });
    it('connect-redis shows the defect: the user is logged in again', async () => {
      expect(await userAfterLogout(startPeer)).toBe('ann');
    });
  });

  describe('3 redirect race', () => {
    it('the page after a redirect sees the change, however slow the store', async () => {
      expect(await userSeenAfterRedirect(startOurs)).toBe('ann');
    });
    it('connect-redis shows the defect: the page after a redirect sees the session from before', async () => {
      expect(await userSeenAfterRedirect(startPeer)).toBe('nobody');
    });
  });

  describe('4 success although nothing was stored', () => {
    it('a login that could not be stored is a 503 and sets no cookie', async () => {
      expect(await loginWithoutStore(startOurs)).toEqual({ status: 503, cookies: 0 });
    });
    it('connect-redis shows the defect: 201 and a cookie for a session that does not exist', async () => {
      expect(await loginWithoutStore(startPeer)).toEqual({ status: 201, cookies: 1 });
    });
  });

  describe('6 anonymous while the store is down', () => {
    const seenWhileDisconnected = async (peer: boolean) => {
      const store = new ScriptedStore();
      const { client } = await startHttpApp({ store, peer, controllers: [Shop] });
      const browser = client();
      await browser.post('/login', { user: 'ann' });
      store.emit('disconnect');
      store.fail('get', new Error('connection lost'));
      return (await browser.get('/seen')).status;
    };
    it('a request whose session cannot be loaded fails', async () => {
      expect(await seenWhileDisconnected(false)).toBe(500);
    });
    it('express-session shows the defect: the handler runs without a session and answers 200', async () => {
      expect(await seenWhileDisconnected(true)).toBe(200);
    });
  });

  describe('7 a BigInt in the session', () => {
    it('is an error response', async () => {
      expect(await statusOfUnstorable(startOurs)).toBe(500);
    });
    it('connect-redis shows the defect: the response never ends', async () => {
      expect(await statusOfUnstorable(startPeer)).toBe(null);
    });
  });

  describe('8 cookie options', () => {
    const hasSession = async (start: Start) => {
      const { client } = await start({ cookie: { path: '/admin' } });
      return ((await client().get('/administrator/seen')).json as { hasSession: boolean }).hasSession;
    };
    it('the path /admin does not match /administrator', async () => {
      expect(await hasSession(startOurs)).toBe(false);
    });
    it('connect-redis shows the defect: the path /admin matches /administrator', async () => {
      expect(await hasSession(startPeer)).toBe(true);
    });

    const cookiesOfFunction = async (peer: boolean) => {
      const { client } = await startHttpApp({
        store: new ScriptedStore(),
        peer,
        controllers: [Shop],
        // express-session takes the function itself.
        cookie: (peer
          ? () => ({ secure: 'auto' })
          : { forRequest: () => ({ secure: 'auto' }) }) as SessionCookieOptions,
      });
      return (await client().post('/login', { user: 'ann' })).setCookie.length;
    };
    it('secure "auto" from a function is resolved', async () => {
      expect(await cookiesOfFunction(false)).toBe(1);
    });
    // Before 1.19 express-session takes no function at all.
    it.runIf(takesFunction)(
      'express-session shows the defect: secure "auto" from a function means no cookie at all',
      async () => {
        expect(await cookiesOfFunction(true)).toBe(0);
      },
    );

    const start = (peer: boolean, path: string) => (store: ScriptedStore) =>
      startHttpApp({ store, peer, controllers: [Shop], cookie: { path, sameSite: path === '/' ? 'lax' : 'strict' } });
    it('two middlewares over one store give each its own cookie', async () => {
      expect(await cookieOfFirst(start(false, '/'), start(false, '/admin'))).toMatch(/; Path=\/; .*SameSite=Lax/);
    });
    it("express-session shows the defect: the first middleware's cookie has the second one's options", async () => {
      expect(await cookieOfFirst(start(true, '/'), start(true, '/admin'))).toMatch(/; Path=\/admin; .*SameSite=Strict/);
    });
  });

  describe('11 what sessions lack', () => {
    it('the cookie goes with the session', async () => {
      expect(await cookiesAtLogout(startOurs)).toEqual([]);
    });
    it('connect-redis shows the defect: the cookie stays after the session was destroyed', async () => {
      expect(await cookiesAtLogout(startPeer)).toEqual(['connect.sid']);
    });

    const promises = async (start: Start) => (await (await start()).client().post('/promises')).json;
    it('save() without a callback returns a promise', async () => {
      expect(await promises(startOurs)).toEqual({ isPromise: true });
    });
    it('connect-redis shows the defect: save() returns nothing to wait for', async () => {
      expect(await promises(startPeer)).toEqual({ isPromise: false });
    });
  });
});
