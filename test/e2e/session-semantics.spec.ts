import { randomUUID } from 'node:crypto';
import type { ArgumentsHost } from '@nestjs/common';
import { APP_FILTER, BaseExceptionFilter } from '@nestjs/core';
import { Body, Catch, Controller, Delete, Get, HttpException, Inject, Injectable, Param, Post } from '@nestjs/common';
import { firstValueFrom, take, toArray } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionData } from 'express-session';
import {
  CurrentSession,
  OnSessionEvent,
  SessionAccess,
  SessionError,
  SessionEvents,
  SessionModule,
  SessionService,
  SessionValue,
} from '../../lib/index.js';
import type { SessionEvent, SessionModuleOptions } from '../../lib/index.js';
import type { LiveSession } from '../../lib/http/session.types.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import type { HttpApp } from '../support/http-app.js';
import { PLATFORMS, startHttpApp } from '../support/http-app.js';

declare module 'express-session' {
  interface SessionData {
    userId?: string;
    count?: number;
    large?: string;
  }
}

@Injectable()
class Listener {
  readonly heard: SessionEvent[] = [];

  @OnSessionEvent('created', 'revoked')
  hear(event: Extract<SessionEvent, { type: 'created' | 'revoked' }>): void {
    this.heard.push(event);
  }

  @OnSessionEvent('created')
  fail(): Promise<void> {
    return Promise.reject(new Error('of a listener'));
  }
}

@Catch(SessionError)
class ShowErrors extends BaseExceptionFilter {
  override catch(error: SessionError, host: ArgumentsHost): void {
    super.catch(new HttpException(Object.assign({}, error), 500), host);
  }
}

@Controller()
class Portal {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Post('login/:user')
  async login(@Param('user') user: string) {
    const session = await this.sessions.regenerate({ keep: ['count'], graceMs: 500 });
    session.userId = user;
    return {};
  }

  @Post('set')
  set(@CurrentSession() session: LiveSession, @Body() body: Partial<SessionData>) {
    Object.assign(session, body);
    return {};
  }

  @Get('session')
  show(@CurrentSession() session: LiveSession) {
    const { userId = null, count = null } = session;
    return { userId, count };
  }

  @Get('fields')
  fields(@CurrentSession() session: LiveSession) {
    return Object.fromEntries(Object.entries(session).filter(([name]) => name !== 'cookie'));
  }

  // So that the exception filter sees a store that refuses.
  @Post('large/:length')
  @SessionAccess('shared')
  grow(@CurrentSession() session: LiveSession, @Param('length') length: string) {
    session.large = 'x'.repeat(Number(length));
    return {};
  }

  @Get('large')
  large(@CurrentSession() session: LiveSession) {
    return { length: session.large?.length };
  }

  @Post('increment')
  @SessionAccess('exclusive')
  async increment(@CurrentSession() session: LiveSession, @SessionValue('count') count: number | undefined) {
    await new Promise((resolve) => setImmediate(resolve));
    session.count = (count ?? 0) + 1;
    return { count: session.count };
  }

  @Post('increment-shared')
  async incrementShared(@CurrentSession() session: LiveSession) {
    const count = session.count ?? 0;
    await new Promise((resolve) => setTimeout(resolve, 20));
    session.count = count + 1;
    return {};
  }

  @Post('fail')
  @SessionAccess('exclusive')
  fail(): never {
    throw new Error('of the handler');
  }

  @Post('read')
  @SessionAccess('readonly')
  read(@CurrentSession() session: LiveSession) {
    session.count = 99;
    return {};
  }

  @Post('none')
  @SessionAccess('none')
  none(@CurrentSession() session: LiveSession) {
    session.count = 99;
    return {};
  }

  @Get('sessions/:user')
  async list(@Param('user') user: string) {
    return this.sessions.list(user);
  }

  @Delete('sessions/one/:id')
  async revoke(@Param('id') id: string) {
    return { ended: await this.sessions.revoke(id, { ofAnyUser: true }) };
  }

  @Delete('others/:user')
  async others(@Param('user') user: string) {
    return { ended: await this.sessions.signOutEverywhere(user, { except: 'current' }) };
  }

  @Post('logout')
  async logout() {
    await this.sessions.destroy();
    return {};
  }
}

describe.each(PLATFORMS)('on two instances of an application on %s', (platform) => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterAll(async () => {
    await redis.stop();
  });

  async function start(options: Partial<SessionModuleOptions> = {}): Promise<[HttpApp, HttpApp]> {
    const application = `semantics-${randomUUID()}`;
    const app = () => {
      const module = SessionModule.forRoot({
        application,
        secret: 'a-secret-of-the-semantics-tests-0123456789',
        redis: { host: redis.host, port: redis.port },
        userId: (session) => session.userId,
        describe: (request) => ({ agent: String(request.headers['user-agent']) }),
        ...options,
      });
      const providers = [Listener, { provide: APP_FILTER, useClass: ShowErrors }];
      return startHttpApp({ platform, modules: [module], controllers: [Portal], providers });
    };
    return [await app(), await app()];
  }

  it('100 parallel increments under exclusive access give exactly 100; shared access would lose some', async () => {
    const [one, two] = await start();
    const client = one.client();
    await client.post('/set', { count: 0 });
    const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const post = async (path: string, index: number) => {
      const app = index % 2 === 0 ? one : two;
      return (await app.client().post(path, undefined, { headers: { cookie } })).status;
    };
    const shared = await Promise.all(Array.from({ length: 10 }, (_, index) => post('/increment-shared', index)));
    expect(shared).toEqual(Array.from({ length: 10 }, () => 201));
    expect(((await client.get('/session')).json as { count: number }).count).toBeLessThan(10);
    await client.post('/set', { count: 0 });
    const statuses = await Promise.all(Array.from({ length: 100 }, (_, index) => post('/increment', index)));
    expect(new Set(statuses)).toEqual(new Set([201]));
    expect((await client.get('/session')).json).toMatchObject({ count: 100 });
  });

  it('LOST UPDATES (a peer keeps one of them): 200 parallel requests that each set another field are all there', async () => {
    const [one, two] = await start();
    const client = one.client();
    await client.post('/set', { count: 0 });
    const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const names = Array.from({ length: 200 }, (_, index) => `field${index}`);
    const answers = await Promise.all(
      names.map((name, index) =>
        (index % 2 ? one : two).client().post('/set', { [name]: index }, { headers: { cookie } }),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(Object.keys((await client.get('/fields')).json as object).sort()).toEqual([...names, 'count'].sort());
  });

  it('CONFLICTS: with `reject` the later of two changes of one field gets a 409 and is not stored', async () => {
    const [one, two] = await start({ conflict: 'reject' });
    const client = one.client();
    await client.post('/set', { count: 0 });
    const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const statuses = await Promise.all(
      [one, two, one, two].map(
        async (app) => (await app.client().post('/increment-shared', undefined, { headers: { cookie } })).status,
      ),
    );
    expect(statuses.filter((status) => status === 201)).toHaveLength(
      ((await client.get('/session')).json as { count: number }).count,
    );
    expect(statuses).toContain(409);
  });

  it('a value of a megabyte is stored whole; one above `maxBytes` is an error and nothing is stored', async () => {
    const [one] = await start({ maxBytes: 2_000_000 });
    const client = one.client();
    await client.post('/large/1000000');
    expect((await client.get('/large')).json).toEqual({ length: 1_000_000 });
    expect((await client.post('/large/3000000')).json).toMatchObject({
      code: 'SESSION_DATA_TOO_LARGE',
      field: 'large',
    });
    expect((await client.get('/large')).json).toEqual({ length: 1_000_000 });
  });

  it('an exclusive handler that fails gives the lock back', async () => {
    const [one, two] = await start({ lockTimeoutMs: 2_000 });
    const client = one.client();
    await client.post('/set', { count: 1 });
    expect((await client.post('/fail')).status).toBe(500);
    const other = two.client();
    for (const [name, value] of client.cookies) other.cookies.set(name, value);
    expect((await other.post('/increment')).json).toEqual({ count: 2 });
  });

  it('read-only access refuses a change and names the field; no access stores none', async () => {
    const [one] = await start();
    const client = one.client();
    await client.post('/set', { count: 1 });
    expect((await client.post('/read')).json).toMatchObject({ code: 'SESSION_ACCESS_READONLY', fields: ['count'] });
    expect((await client.post('/none')).status).toBe(201);
    expect((await client.get('/session')).json).toMatchObject({ count: 1 });
  });

  it('FIXATION and PARALLEL REQUESTS (a peer logs them out): the old id reads the old session for its grace, then nothing', async () => {
    const [one, two] = await start();
    const client = one.client();
    await client.post('/set', { count: 7 });
    const old = two.client();
    for (const [name, value] of client.cookies) old.cookies.set(name, value);
    await client.post('/login/ada');
    expect((await client.get('/session')).json).toEqual({ userId: 'ada', count: 7 });
    expect((await old.get('/session')).json, 'what an attacker who knew the id sees').toEqual({
      userId: null,
      count: 7,
    });
    const stale = [...old.cookies];
    await old.post('/set', { count: 8 });
    await new Promise((resolve) => setTimeout(resolve, 600));
    const later = two.client();
    for (const [name, value] of stale) later.cookies.set(name, value);
    expect((await later.get('/session')).json).toEqual({ userId: null, count: null });
    expect((await client.get('/session')).json).toEqual({ userId: 'ada', count: 7 });
  });

  it("lists a user's sessions, ends one, and all others", async () => {
    const [one, two] = await start();
    const [first, second, third] = [one.client(), two.client(), one.client()];
    for (const client of [first, second, third]) {
      await client.post('/login/ada', undefined, { headers: { 'user-agent': 'tests' } });
      // They are listed by the millisecond of their creation.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const listed = (await first.get('/sessions/ada')).json as {
      id: string;
      isCurrent: boolean;
      about: { agent: string };
    }[];
    expect(listed).toHaveLength(3);
    expect(listed.map(({ isCurrent }) => isCurrent)).toEqual([true, false, false]);
    expect(listed[0]?.about).toEqual({ agent: 'tests' });
    expect((await first.send(`/sessions/one/${listed[1]?.id ?? ''}`, { method: 'DELETE' })).json).toEqual({
      ended: true,
    });
    expect((await second.get('/session')).json).toMatchObject({ userId: null });
    expect((await first.send('/others/ada', { method: 'DELETE' })).json).toEqual({ ended: 1 });
    expect((await third.get('/session')).json).toMatchObject({ userId: null });
    expect((await first.get('/session')).json).toMatchObject({ userId: 'ada' });
  });

  it('50 parallel logins never exceed the limit: the oldest go, or the new ones are refused', async () => {
    const [one, two] = await start({ maxSessionsPerUser: 3 });
    const logins = Array.from({ length: 50 }, (_, index) => (index % 2 ? one : two).client().post('/login/ada'));
    const seen = one.client();
    let most = 0;
    const state = { isDone: false };
    const all = Promise.all(logins).finally(() => (state.isDone = true));
    while (!state.isDone) most = Math.max(most, ((await seen.get('/sessions/ada')).json as unknown[]).length);
    expect(new Set((await all).map(({ status }) => status))).toEqual(new Set([201]));
    expect(most).toBeLessThanOrEqual(3);
    expect((await seen.get('/sessions/ada')).json).toHaveLength(3);
    const [strict] = await start({ maxSessionsPerUser: { max: 2, evict: 'reject' } });
    const statuses = await Promise.all(Array.from({ length: 10 }, () => strict.client().post('/login/eve')));
    expect(statuses.map(({ status }) => status).sort()).toEqual([201, 201, ...Array.from({ length: 8 }, () => 409)]);
  });

  it('tells what happens, to observers and to handlers; a handler that fails disturbs nobody', async () => {
    const [one] = await start();
    const events = one.app.get(SessionEvents);
    const told = firstValueFrom(events.all.pipe(take(4), toArray()));
    const client = one.client();
    await client.post('/set', { count: 1 });
    await client.post('/login/ada');
    const cookie = decodeURIComponent([...client.cookies.values()].join());
    await client.post('/logout');
    const types = (await told).map(({ type }) => type);
    expect(types).toEqual(['created', 'rotated', 'created', 'destroyed']);
    expect(one.app.get(Listener).heard.map(({ type }) => type)).toEqual(['created', 'created']);
    expect(JSON.stringify(await told)).not.toContain(cookie.slice(2, cookie.lastIndexOf('.')));
  });
});
