/** What a user's own test of a controller looks like; run by vitest and by jest, whose globals it uses. */
import 'reflect-metadata';
import type { INestApplication } from '@nestjs/common';
import { Controller, Get, Module, Post } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { AddressInfo } from 'node:net';
import type { LiveSession } from 'nestjs-ha-session';
import { CurrentSession, SessionValue } from 'nestjs-ha-session';
import { clearSessions, readSession, SessionTestingModule, signInAs } from 'nestjs-ha-session/testing';

declare module 'express-session' {
  interface SessionData {
    user: { id: string };
    cart: string[];
  }
}

@Controller()
class CartController {
  @Get('me')
  me(@SessionValue('user') user: { id: string } | undefined) {
    return { id: user?.id ?? null };
  }

  @Post('cart')
  add(@CurrentSession() session: LiveSession) {
    session.cart = ['apple'];
    return {};
  }
}

@Module({ controllers: [CartController] })
class CartModule {}

describe('an application with sessions', () => {
  let app: INestApplication;
  let url: string;

  beforeAll(async () => {
    const testing = await Test.createTestingModule({ imports: [SessionTestingModule.forRoot(), CartModule] }).compile();
    app = testing.createNestApplication({ logger: false });
    await app.listen(0, '127.0.0.1');
    url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
  });
  afterAll(() => app.close());

  it('knows the user who is signed in, and keeps what they change', async () => {
    const { cookie } = await signInAs(app, { user: { id: 'ann' } });
    const me = await fetch(`${url}/me`, { headers: { cookie } });
    expect(await me.json()).toEqual({ id: 'ann' });
    await fetch(`${url}/cart`, { method: 'POST', headers: { cookie } });
    expect(await readSession(app, cookie)).toMatchObject({ cart: ['apple'] });
    await clearSessions(app);
    expect(await readSession(app, cookie)).toBe(null);
  });
});
