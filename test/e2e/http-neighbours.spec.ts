import { request as startRequest } from 'node:http';
import type { ClientHttp2Session } from 'node:http2';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import {
  Body,
  Controller,
  Get,
  Injectable,
  Post,
  Req,
  Res,
  UnauthorizedException,
  UseGuards,
  ValidationPipe,
} from '@nestjs/common';
import type { PipeTransform } from '@nestjs/common';
import { AuthGuard, PassportSerializer, PassportStrategy } from '@nestjs/passport';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import compression from 'compression';
import { IsString } from 'class-validator';
import type { Request } from 'express';
import { SessionModule } from 'nestjs-ha-session';
import passport from 'passport';
import { Strategy } from 'passport-local';
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { CurrentSession, SessionId, SessionValue } from '../../lib/http/session.decorators.js';
import type { LiveSession } from '../../lib/http/session.types.js';
import { PLATFORMS, SECRET, startHttpApp } from '../support/http-app.js';
import { ScriptedStore } from '../support/scripted-store.js';

/** What stands next to sessions in real applications. */

class Basket {
  @IsString()
  owner!: string;
}

declare module 'express-session' {
  interface SessionData {
    basket?: Basket;
  }
}

/** Small enough that a compressing stream takes one without asking its writer to wait. */
const LINE = Buffer.alloc(1024, 'session ');
const LINES = 2000;

@Controller()
class Shop {
  @Post('login')
  login(@CurrentSession() session: LiveSession, @Body() body: { user: string }) {
    session.user = body.user;
    return { ok: true };
  }

  @Get('seen')
  seen(@SessionValue('user') user: string | undefined, @SessionId() id: string) {
    return { user: user ?? null, hasId: id.length > 0 };
  }

  @Post('basket')
  basket(@CurrentSession() session: LiveSession) {
    session.basket = { owner: 'ann', extra: 1 } as Basket;
    return { ok: true };
  }

  @Post('change-basket')
  change(@CurrentSession() session: LiveSession, @SessionValue('basket') basket?: Basket) {
    if (basket) basket.owner = 'bob';
    return { isLive: basket === session.basket, basket: session.basket };
  }

  @Post('download')
  download(@CurrentSession() session: LiveSession, @Res() response: ServerResponse) {
    session.user = 'downloader';
    response.setHeader('Content-Type', 'text/plain');
    Readable.from(Array.from({ length: LINES }, () => LINE)).pipe(response);
  }

  @Post('raw-end')
  rawEnd(@CurrentSession() session: LiveSession, @Res() response: { raw: ServerResponse }) {
    session.user = 'raw';
    response.raw.end();
  }

  @Post('hints')
  hints(@CurrentSession() session: LiveSession, @Res() response: ServerResponse) {
    session.user = 'hinted';
    response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' });
    response.writeProcessing();
    response.end('after hints');
  }
}

describe.each(PLATFORMS)('next to a session on %s', (platform) => {
  it.each([
    ['a validating pipe that transforms', () => new ValidationPipe({ transform: true })],
    [
      'a validating pipe that validates custom decorators too',
      () =>
        new ValidationPipe({
          transform: true,
          whitelist: true,
          forbidNonWhitelisted: true,
          validateCustomDecorators: true,
        }),
    ],
    [
      'a pipe that copies every object',
      (): PipeTransform => ({
        transform: (value: unknown) => (typeof value === 'object' && value !== null ? structuredClone(value) : value),
      }),
    ],
  ])('%s leaves the live session alone', async (_name, pipe) => {
    const store = new ScriptedStore();
    const { client } = await startHttpApp({
      platform,
      store,
      controllers: [Shop],
      prepare: (app) => void app.useGlobalPipes(pipe()),
    });
    const browser = client();
    await browser.post('/basket');
    const expected = { isLive: true, basket: { owner: 'bob', extra: 1 } };
    expect((await browser.post('/change-basket')).json).toEqual(expected);
    expect(JSON.parse([...store.sessions.values()][0] ?? '')).toMatchObject({ basket: expected.basket });
  });

  it('a pipe that replaces what is not its own is told so', async () => {
    const { client, log } = await startHttpApp({
      platform,
      store: new ScriptedStore(),
      controllers: [Shop],
      prepare: (app) => void app.useGlobalPipes({ transform: () => 'replaced' }),
    });
    expect((await client().get('/seen')).status).toBe(500);
    expect(log.join()).toContain('a global pipe replaced the value');
  });

  it('several modules with other cookies do not disturb each other', async () => {
    const shared = { secret: SECRET };
    @Controller('admin')
    class Admin {
      @Post('login')
      login(@CurrentSession() session: LiveSession) {
        session.user = 'admin';
        return { ok: true };
      }

      @Get('seen')
      seen(@SessionValue('user') user: string | undefined) {
        return { user: user ?? null };
      }
    }
    const portal = SessionModule.forRoot({
      ...shared,
      application: 'portal',
      cookie: { name: 'portal.sid' },
      exclude: ['admin/{*rest}'],
    });
    const admin = SessionModule.forRoot({
      ...shared,
      application: 'admin',
      isGlobal: false,
      cookie: { name: 'admin.sid', path: '/admin', sameSite: 'strict' },
    });
    const { client } = await startHttpApp({ platform, modules: [portal, admin], controllers: [Shop, Admin] });
    const browser = client();
    expect((await browser.post('/login', { user: 'ann' })).setCookie[0]).toMatch(
      /^portal\.sid=.*Path=\/;.*SameSite=Lax/,
    );
    expect((await browser.post('/admin/login')).setCookie[0]).toMatch(/^admin\.sid=.*Path=\/admin;.*SameSite=Strict/);
    expect((await browser.get('/seen')).json).toMatchObject({ user: 'ann' });
    expect((await browser.get('/admin/seen')).json).toEqual({ user: 'admin' });
  });

  it('pipelined requests of one connection are answered in order', async () => {
    const store = new ScriptedStore();
    const { client, url } = await startHttpApp({ platform, store, controllers: [Shop] });
    const browser = client();
    await browser.post('/login', { user: 'ann' });
    const cookie = `cookie: connect.sid=${browser.cookies.get('connect.sid') ?? ''}\r\n`;
    const release = store.hold('set');
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    let received = '';
    socket.on('data', (chunk: Buffer) => (received += String(chunk)));
    const close = (last: boolean): string => (last ? 'connection: close\r\n' : '');
    const head = (line: string, last = false): string =>
      `${line} HTTP/1.1\r\nhost: localhost\r\n${cookie}${close(last)}`;
    socket.write(`${head('POST /basket')}content-length: 0\r\n\r\n${head('GET /seen', true)}\r\n`);
    await expect.poll(() => store.count('set')).toBe(2);
    release();
    await new Promise((resolve) => socket.once('close', resolve));
    expect(received.match(/HTTP\/1\.1 \d+|"ok":true|"user":"ann"/g)).toEqual([
      'HTTP/1.1 201',
      '"ok":true',
      'HTTP/1.1 200',
      '"user":"ann"',
    ]);
  });
});

describe('next to a session on express', () => {
  it.each([
    ['before', { 'accept-encoding': 'gzip' }],
    ['before', { 'accept-encoding': 'identity' }],
  ])('compression mounted %s it streams on after the session was stored: %o', async (_where, headers) => {
    const store = new ScriptedStore();
    const { client } = await startHttpApp({
      store,
      controllers: [Shop],
      prepare: (app) => void app.use(compression()),
    });
    const release = store.hold('set');
    const answer = client().post('/download', undefined, { headers });
    await expect.poll(() => store.count('set')).toBe(1);
    release();
    const { status, isComplete, headers: got, text, setCookie } = await answer;
    expect({ status, isComplete }).toEqual({ status: 201, isComplete: true });
    expect(got['content-encoding']).toBe(headers['accept-encoding'] === 'gzip' ? 'gzip' : undefined);
    if (headers['accept-encoding'] === 'identity') expect(text).toHaveLength(LINES * LINE.length);
    expect(setCookie).toHaveLength(1);
  });

  it('early hints and other informational answers go out at once', async () => {
    const store = new ScriptedStore();
    const { url } = await startHttpApp({ store, controllers: [Shop] });
    const release = store.hold('set');
    const seen: number[] = [];
    const answer = new Promise<number>((resolve, reject) => {
      const request = startRequest(`${url}/hints`, { method: 'POST' });
      request.on('information', ({ statusCode }) => seen.push(statusCode));
      request.on('response', (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      request.on('error', reject).end();
    });
    await expect.poll(() => [...seen]).toEqual([103, 102]);
    await expect.poll(() => store.count('set')).toBe(1);
    release();
    expect(await answer).toBe(201);
  });

  it("passport's login and logout work, and leave no session of the user behind", async () => {
    @Injectable()
    class LocalStrategy extends PassportStrategy(Strategy) {
      validate(username: string, password: string): { name: string } {
        if (password !== 'right') throw new UnauthorizedException();
        return { name: username };
      }
    }

    @Injectable()
    class Serializer extends PassportSerializer {
      serializeUser(user: { name: string }, done: (error: null, name: string) => void): void {
        done(null, user.name);
      }

      deserializeUser(name: string, done: (error: null, user: { name: string }) => void): void {
        done(null, { name });
      }
    }

    @Injectable()
    class LoginGuard extends AuthGuard('local') {}

    @Controller()
    class Accounts {
      @Post('login')
      @UseGuards(LoginGuard)
      login(@Req() request: Request): Promise<string> {
        return new Promise((resolve, reject) => {
          request.logIn(request.user as Express.User, (error?: Error) => {
            if (error) reject(error);
            else resolve('in');
          });
        });
      }

      @Get('me')
      me(@Req() request: Request) {
        return { user: (request.user as { name: string } | undefined)?.name ?? null };
      }

      @Post('logout')
      logout(@Req() request: Request): Promise<string> {
        return new Promise((resolve, reject) => {
          request.logOut((error?: Error) => {
            if (error) reject(error);
            else resolve('out');
          });
        });
      }
    }

    const store = new ScriptedStore();
    const { client } = await startHttpApp({
      store,
      controllers: [Accounts],
      providers: [LocalStrategy, Serializer],
      middleware: [passport.initialize(), passport.session()],
    });
    const browser = client();
    await browser.get('/me');
    expect((await browser.post('/login', { username: 'ann', password: 'wrong' })).status).toBe(401);
    expect((await browser.post('/login', { username: 'ann', password: 'right' })).text).toBe('in');
    const loggedIn = browser.cookies.get('connect.sid');
    expect((await browser.get('/me')).json).toEqual({ user: 'ann' });
    expect((await browser.post('/logout')).text).toBe('out');
    expect((await browser.get('/me')).json).toEqual({ user: null });
    expect([...store.sessions.values()].join()).not.toContain('ann');
    browser.cookies.set('connect.sid', loggedIn ?? '');
    expect((await browser.get('/me')).json).toEqual({ user: null });
  });
});

describe('next to a session on fastify', () => {
  it('HTTP/2 works: the cookie is set, changes are stored before the answer', async () => {
    const store = new ScriptedStore();
    const { url } = await startHttpApp({
      store,
      controllers: [Shop],
      adapter: new FastifyAdapter({ http2: true } as never),
    });
    const http2 = connectHttp2(url);
    try {
      const release = store.hold('set');
      const login = exchange(http2, { ':method': 'POST', ':path': '/basket' });
      await expect.poll(() => store.count('set')).toBe(1);
      release();
      const { headers, text } = await login;
      expect(text).toBe('{"ok":true}');
      const cookie = String(headers['set-cookie']).split(';')[0];
      const seen = await exchange(http2, { ':path': '/seen', cookie });
      expect(seen.headers[':status']).toBe(200);
      expect(store.count('get')).toBe(1);
      const raw = await exchange(http2, { ':method': 'POST', ':path': '/raw-end' });
      expect(raw.headers['set-cookie']).toHaveLength(1);
      store.fail('set', new Error('store is broken'));
      const failed = await exchange(http2, { ':method': 'POST', ':path': '/basket' });
      expect(failed.headers).toMatchObject({ ':status': 500 });
      expect(failed.headers['set-cookie']).toBeUndefined();
    } finally {
      http2.destroy();
    }
  });
});

function exchange(http2: ClientHttp2Session, headers: Record<string, string | undefined>) {
  return new Promise<{ headers: Record<string, unknown>; text: string }>((resolve, reject) => {
    const stream = http2.request(headers);
    let text = '';
    let received: Record<string, unknown> = {};
    stream.on('response', (response) => (received = response));
    stream.on('data', (chunk: Buffer) => (text += String(chunk)));
    stream.on('end', () => {
      resolve({ headers: received, text });
    });
    stream.on('error', reject);
    stream.end();
  });
}
