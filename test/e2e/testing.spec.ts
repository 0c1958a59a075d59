import 'reflect-metadata';
import type { INestApplication, ModuleMetadata } from '@nestjs/common';
import { Controller, Get, Module, Post, Session } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import session from 'express-session';
import { SessionModule, SessionService, SessionUnsupportedError } from 'nestjs-ha-session';
import { clearSessions, readSession, SessionTestingModule, signInAs } from 'nestjs-ha-session/testing';
import type { SessionTestData } from 'nestjs-ha-session/testing';
import request from 'supertest';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';

type Imported = NonNullable<ModuleMetadata['imports']>[number];
type Platform = 'Express' | 'Fastify';

/** What the test's application keeps in its session; typed loosely here, `SessionData` is shared by all tests. */
const ANN = { user: { id: 'ann' }, cart: ['apple'] } as unknown as SessionTestData;

@Controller()
class ShopController {
  @Get('me')
  me(@Session() current: Record<string, unknown>) {
    return { user: current['user'] ?? null, cart: current['cart'] ?? null };
  }

  @Post('cart')
  add(@Session() current: Record<string, unknown>) {
    current['cart'] = ['apple', 'pear'];
  }

  @Post('logout')
  async logout(@Session() current: session.Session) {
    await new Promise((resolve) => current.destroy(resolve));
  }
}

const apps: INestApplication[] = [];

async function startApp(sessions: Imported, platform: Platform = 'Express'): Promise<INestApplication> {
  @Module({ imports: [sessions], controllers: [ShopController] })
  class AppModule {}
  const app =
    platform === 'Fastify'
      ? await NestFactory.create(AppModule, new FastifyAdapter(), { logger: false })
      : await NestFactory.create(AppModule, { logger: false });
  apps.push(app);
  await app.init();
  // Fastify's server answers once its plugins are loaded.
  await app.getHttpAdapter().getInstance().ready?.();
  return app;
}

const meOf = async (app: INestApplication, cookie: string): Promise<unknown> =>
  (await request(app.getHttpServer()).get('/me').set('Cookie', cookie).expect(200)).body;

let redis: RedisProcess;

beforeAll(async () => {
  redis = await startRedisServer();
});

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

afterAll(() => redis.stop());

const PLACES: readonly [string, () => Parameters<typeof SessionTestingModule.forRoot>[0]][] = [
  ['in this process', () => ({})],
  ['in Redis', () => ({ redis: { host: redis.host, port: redis.port } })],
  ['in a foreign store', () => ({ store: new session.MemoryStore() })],
];

describe.each<Platform>(['Express', 'Fastify'])('a test user on %s', (platform) => {
  describe.each(PLACES)('with sessions %s', (_place, overrides) => {
    it('is logged in by a cookie that the application takes for its own', async () => {
      const app = await startApp(SessionTestingModule.forRoot(overrides()), platform);
      const { cookie, sid } = await signInAs(app, ANN);

      expect(cookie).toMatch(/^connect\.sid=s%3A[^;]+$/);
      expect(await meOf(app, cookie)).toEqual(ANN);
      expect(await readSession(app, sid)).toMatchObject(ANN);
      await clearSessions(app);
    });

    it('can be read after a change and is gone after logout', async () => {
      const app = await startApp(SessionTestingModule.forRoot(overrides()), platform);
      const { cookie } = await signInAs(app, ANN);
      await request(app.getHttpServer()).post('/cart').set('Cookie', cookie).expect(201);
      expect(await readSession(app, cookie)).toMatchObject({ user: { id: 'ann' }, cart: ['apple', 'pear'] });

      await request(app.getHttpServer()).post('/logout').set('Cookie', cookie).expect(201);
      expect(await readSession(app, cookie)).toBeNull();
      expect(await meOf(app, cookie)).toEqual({ user: null, cart: null });
    });

    it('is logged out by clearSessions, like everybody', async () => {
      const app = await startApp(SessionTestingModule.forRoot(overrides()), platform);
      const users = await Promise.all([signInAs(app, ANN), signInAs(app, { ...ANN, cart: [] } as SessionTestData)]);
      expect(await app.get(SessionService).count()).toBe(2);

      await clearSessions(app);

      expect(await app.get(SessionService).count()).toBe(0);
      for (const { cookie } of users) expect(await readSession(app, cookie)).toBeNull();
    });
  });
});

describe('signInAs', () => {
  it('honours the cookie name, the cookie path and the first secret, and verifies with none but the given ones', async () => {
    const secrets = ['first-secret-of-two-0123456789abcdef', 'second-secret-of-two-0123456789abcdef'];
    const cookie = { name: 'portal.sid', path: '/portal' };
    const store = new session.MemoryStore();
    const app = await startApp(SessionTestingModule.forRoot({ secret: secrets, cookie, store }));
    const signedIn = await signInAs(app, ANN);
    expect(signedIn.cookie).toMatch(/^portal\.sid=/);

    const readerWith = (secret: string) =>
      startApp(SessionTestingModule.forRoot({ secret, cookie: { name: 'portal.sid' }, store }));
    const [first, second] = [await readerWith(secrets[0]!), await readerWith(secrets[1]!)];
    expect(await meOf(first, signedIn.cookie)).toEqual(ANN);
    expect(await meOf(second, signedIn.cookie)).toEqual({ user: null, cart: null });
  });

  it('makes the cookie of a secure session without TLS', async () => {
    const app = await startApp(SessionTestingModule.forRoot({ cookie: { secure: true } }));
    const { cookie } = await signInAs(app, ANN);

    expect(await meOf(app, cookie)).toEqual(ANN);
  });

  it('uses the id that `genid` makes', async () => {
    const genid = () => 'an-id-of-the-application';
    const app = await startApp(SessionTestingModule.forRoot({ genid }));

    expect((await signInAs(app, ANN)).sid).toBe('an-id-of-the-application');
  });

  it('works on a testing module that serves nothing, and with a SessionModule of the application itself', async () => {
    const sessions = SessionModule.forRoot({ application: 'shop', secret: 'a-secret-of-the-shop-0123456789abcdef' });
    const moduleRef = await Test.createTestingModule({ imports: [sessions] }).compile();
    const { sid } = await signInAs(moduleRef, ANN);

    expect(await readSession(moduleRef, sid)).toMatchObject(ANN);
    await moduleRef.close();
  });

  it('is refused without data, because an empty session gets no cookie in the application either', async () => {
    const app = await startApp(SessionTestingModule.forRoot());

    await expect(signInAs(app, {})).rejects.toBeInstanceOf(TypeError);
    expect(await app.get(SessionService).count()).toBe(0);
  });

  it('rejects with the error of a store that cannot store', async () => {
    class FullStore extends session.MemoryStore {
      override set(_sid: string, _data: session.SessionData, callback?: (error?: unknown) => void): void {
        callback?.(new Error('full'));
      }
    }
    const app = await startApp(SessionTestingModule.forRoot({ store: new FullStore() }));

    await expect(signInAs(app, ANN)).rejects.toThrow('full');
  });
});

describe('readSession', () => {
  it('takes an id, a Cookie header among others, and the set-cookie lines of a response', async () => {
    const app = await startApp(SessionTestingModule.forRoot());
    const { cookie, sid } = await signInAs(app, ANN);
    const signature = cookie.slice('connect.sid='.length);

    for (const source of [
      sid,
      cookie,
      signature,
      `theme=dark; ${cookie}; a=b`,
      ['a=b; Path=/', `${cookie}; Path=/; HttpOnly`],
    ]) {
      expect(await readSession(app, source)).toMatchObject(ANN);
    }
  });

  it('answers null for an unknown id and for cookies without a session', async () => {
    const app = await startApp(SessionTestingModule.forRoot());

    for (const source of ['nobody', 'theme=dark', '', [], 'connect.sid='])
      expect(await readSession(app, source)).toBeNull();
  });
});

describe('clearSessions', () => {
  it('is refused by name over a store that cannot clear', async () => {
    class KeepingStore extends session.MemoryStore {}
    Object.defineProperty(KeepingStore.prototype, 'clear', { value: undefined });
    const app = await startApp(SessionTestingModule.forRoot({ store: new KeepingStore() }));

    await expect(clearSessions(app)).rejects.toBeInstanceOf(SessionUnsupportedError);
  });
});

describe('SessionTestingModule', () => {
  it('keeps the sessions of two applications apart', async () => {
    const [one, other] = [
      await startApp(SessionTestingModule.forRoot()),
      await startApp(SessionTestingModule.forRoot()),
    ];
    const { cookie } = await signInAs(one, ANN);

    expect(await meOf(other, cookie)).toEqual({ user: null, cart: null });
  });
});
