import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  Controller,
  Get,
  Injectable,
  Post,
  Redirect,
  Req,
  Session,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common';
import type { ExecutionContext, MiddlewareConsumer, NestModule } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { AuthGuard, PassportSerializer, PassportStrategy } from '@nestjs/passport';
import type { Request } from 'express';
import passport from 'passport';
import { Strategy as LocalStrategy } from 'passport-local';
import { Strategy as OAuth2Strategy } from 'passport-oauth2';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SessionModule } from '../../lib/index.js';
import type { HttpClient } from '../support/http-client.js';
import { PLATFORMS, SECRET, startHttpApp } from '../support/http-app.js';
import type { HttpApp, Platform } from '../support/http-app.js';

/** Passport's flows through Nest's own guards: a password, and a provider that the browser is sent to and comes back from. */

interface User {
  readonly name: string;
}

/** An authorization server: it signs everybody in at once. */
async function startProvider(): Promise<string> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://provider');
    if (url.pathname === '/authorize') {
      const back = new URL(url.searchParams.get('redirect_uri') ?? '');
      back.searchParams.set('code', 'a-code');
      back.searchParams.set('state', url.searchParams.get('state') ?? '');
      response.writeHead(302, { location: back.href }).end();
    } else {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ access_token: 'a-token', token_type: 'bearer' }));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** As docs/middleware-order.md says it: signing in regenerates the session. */
function signInGuard(strategy: string) {
  @Injectable()
  class SignInGuard extends AuthGuard(strategy) {
    override async canActivate(context: ExecutionContext): Promise<boolean> {
      const allowed = (await super.canActivate(context)) as boolean;
      await super.logIn(context.switchToHttp().getRequest());
      return allowed;
    }
  }
  return SignInGuard;
}

async function start(platform: Platform, callbackURL: string): Promise<HttpApp> {
  const provider = await startProvider();

  @Injectable()
  class Password extends PassportStrategy(LocalStrategy) {
    validate(username: string, password: string): User {
      if (password !== 'right') throw new UnauthorizedException();
      return { name: username };
    }
  }

  @Injectable()
  class Provider extends PassportStrategy(OAuth2Strategy, 'provider') {
    constructor() {
      super({
        authorizationURL: `${provider}/authorize`,
        tokenURL: `${provider}/token`,
        clientID: 'portal',
        clientSecret: 'portal-secret',
        callbackURL,
        state: true,
      });
    }

    validate(): User {
      return { name: 'of-provider' };
    }
  }

  @Injectable()
  class Serializer extends PassportSerializer {
    serializeUser(user: User, done: (error: null, name: string) => void): void {
      done(null, user.name);
    }

    deserializeUser(name: string, done: (error: null, user: User) => void): void {
      done(null, { name });
    }
  }

  @Controller()
  class Accounts {
    @Post('login')
    @UseGuards(signInGuard('local'))
    @Redirect('/me')
    login() {
      return undefined;
    }

    @Get('provider')
    @UseGuards(signInGuard('provider'))
    provider() {
      return 'never: the browser is elsewhere';
    }

    @Get('provider/back')
    @UseGuards(signInGuard('provider'))
    @Redirect('/me')
    back() {
      return undefined;
    }

    @Get('me')
    me(@Req() request: Request & { raw?: Request }, @Session() session: { passport?: { user: string } }) {
      const { user } = request.raw ?? request;
      return { user: user ?? null, stored: session.passport?.user ?? null };
    }
  }

  @Module({ controllers: [Accounts], providers: [Password, Provider, Serializer] })
  class AuthenticationModule implements NestModule {
    configure(consumer: MiddlewareConsumer) {
      consumer.apply(passport.initialize(), passport.session()).forRoutes('/{*path}');
    }
  }

  const sessions = SessionModule.forRoot({ application: 'passport', secret: SECRET });
  return startHttpApp({ platform, modules: [sessions, AuthenticationModule] });
}

/** Follows the browser's way to the provider and back; resolves with the answer of the application. */
async function signInAtProvider(user: HttpClient, origin: string) {
  const leaving = await user.get('/provider');
  expect({ status: leaving.status, text: leaving.text, length: leaving.headers['content-length'] }).toEqual({
    status: 302,
    text: '',
    length: '0',
  });
  const returning = await fetch(String(leaving.headers.location), { redirect: 'manual' });
  const back = new URL(returning.headers.get('location') ?? '');
  expect(back.origin).toBe(origin);
  return { back: `${back.pathname}${back.search}`, cookie: leaving.setCookie };
}

describe.each(PLATFORMS)("passport's flows on %s", (platform) => {
  it('a password: refused with 401, accepted with a redirect to a page that knows the user', async () => {
    const { client, log } = await start(platform, '/provider/back');
    const user = client();
    expect((await user.post('/login', { username: 'ann', password: 'wrong' })).status).toBe(401);
    const { status, headers } = await user.post('/login', { username: 'ann', password: 'right' });
    expect({ status, location: headers.location }).toEqual({ status: 302, location: '/me' });
    expect((await user.get('/me')).json).toEqual({ user: { name: 'ann' }, stored: 'ann' });
    expect(log).toEqual([]);
  });

  it.each(['absolute', 'relative'])('a provider, with an %s callback URL', async (kind) => {
    const path = '/provider/back';
    // The port is known only once the application listens; the name is resolved by nobody but this test.
    const { client, url, log } = await start(platform, kind === 'relative' ? path : `http://portal.test${path}`);
    const user = client();
    const { back, cookie } = await signInAtProvider(user, kind === 'relative' ? url : 'http://portal.test');
    expect(cookie).toHaveLength(1);
    const before = user.cookies.get('connect.sid');
    const { status, headers } = await user.get(back);
    expect({ status, location: headers.location }).toEqual({ status: 302, location: '/me' });
    expect(user.cookies.get('connect.sid')).not.toBe(before);
    expect((await user.get('/me')).json).toEqual({ user: { name: 'of-provider' }, stored: 'of-provider' });
    expect(log).toEqual([]);
  });

  it('a provider: a state that is not of this session is refused', async () => {
    const { client, url } = await start(platform, '/provider/back');
    const { back } = await signInAtProvider(client(), url);
    const other = client();
    expect((await other.get(back)).status).toBe(401);
    expect((await other.get('/me')).json).toEqual({ user: null, stored: null });
  });
});
