import { randomUUID } from 'node:crypto';
import { Body, Controller, Get, Inject, Injectable, Post } from '@nestjs/common';
import type { SessionData } from 'express-session';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CurrentSession, OnSessionEvent, SessionModule, SessionService } from '../../lib/index.js';
import type { SessionEvent, SessionModuleOptions } from '../../lib/index.js';
import type { LiveSession } from '../../lib/http/session.types.js';
import { SessionWorker } from '../../lib/session.worker.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { startHttpApp } from '../support/http-app.js';

@Injectable()
class Listener {
  readonly heard: SessionEvent[] = [];

  @OnSessionEvent()
  hear(event: SessionEvent): void {
    this.heard.push(event);
  }
}

@Controller()
class Portal {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Post('set')
  set(@CurrentSession() session: LiveSession, @Body() body: Partial<SessionData>) {
    Object.assign(session, body);
    return {};
  }

  @Get('count')
  count(@CurrentSession() session: LiveSession) {
    return { count: session.count ?? null };
  }

  @Post('remember-me')
  rememberMe(@CurrentSession() session: LiveSession) {
    session.cookie.maxAge = 60_000;
    return {};
  }

  @Get('live')
  async live() {
    return { live: await this.sessions.count() };
  }
}

describe('lifetimes of sessions', () => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterAll(async () => {
    await redis.stop();
  });

  function start(options: Partial<SessionModuleOptions> = {}) {
    const module = SessionModule.forRoot({
      application: `lifetimes-${randomUUID()}`,
      secret: 'a-secret-of-the-lifetime-tests-0123456789',
      redis: { host: redis.host, port: redis.port },
      idleTimeoutMs: 1_000,
      touchIntervalMs: 100,
      ...options,
    });
    return startHttpApp({ modules: [module], controllers: [Portal], providers: [Listener] });
  }

  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  it('the idle timeout slides with every request, and ends a session that nobody uses', async () => {
    const client = (await start()).client();
    await client.post('/set', { count: 1 });
    for (let request = 0; request < 8; request++) {
      await pause(300);
      expect((await client.get('/count')).json).toEqual({ count: 1 });
    }
    await pause(1_300);
    expect((await client.get('/count')).json).toEqual({ count: null });
    expect((await client.get('/live')).json).toEqual({ live: 0 });
  });

  it('ABSOLUTE TIMEOUT (a peer has none): no request prolongs it', async () => {
    const client = (await start({ absoluteTimeoutMs: 1_500 })).client();
    await client.post('/set', { count: 1 });
    const until = performance.now() + 1_700;
    while (performance.now() < until) {
      await pause(200);
      await client.get('/count');
    }
    expect((await client.get('/count')).json).toEqual({ count: null });
  });

  it('a session with a cookie of its own life (remember me) lives by that, and goes on doing so', async () => {
    const client = (await start()).client();
    await client.post('/set', { count: 1 });
    const remembered = await client.post('/remember-me');
    expect(remembered.status).toBe(201);
    await pause(1_300);
    expect((await client.get('/count')).json).toEqual({ count: 1 });
    await client.post('/set', { count: 2 });
    await pause(1_300);
    expect((await client.get('/count')).json).toEqual({ count: 2 });
  });

  it('a touch that is not due costs nothing, one that is due a command', async () => {
    const { app, ...http } = await start({ idleTimeoutMs: 60_000, touchIntervalMs: 400 });
    const client = http.client();
    // The elected instance's own commands are not what is counted here.
    await app.get(SessionWorker).onApplicationShutdown();
    await client.post('/set', { count: 1 });
    const evals = async () =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(String(await redis.cli('info', 'commandstats')))?.[1] ?? 0);
    const before = await evals();
    for (let request = 0; request < 10; request++) await client.get('/count');
    expect((await evals()) - before).toBeLessThanOrEqual(1);
    await pause(500);
    const idle = await evals();
    await client.get('/count');
    expect((await evals()) - idle).toBe(1);
  });

  it('an expiry is told once in an installation, however many instances look', async () => {
    const application = `expired-${randomUUID()}`;
    const apps = [await start({ application }), await start({ application })];
    for (let login = 0; login < 5; login++) await apps[0]?.client().post('/set', { count: 1 });
    await pause(1_200);
    await Promise.all(apps.map(({ app }) => app.get(SessionWorker).sweep(() => true)));
    const expired = apps.flatMap(({ app }) => app.get(Listener).heard.filter(({ type }) => type === 'expired'));
    expect(expired).toHaveLength(5);
    expect(new Set(expired.map(({ id }) => id)).size).toBe(5);
  });

  it('a sweep goes on until every session that has expired is told', async () => {
    const application = `mass-${randomUUID()}`;
    const { app } = await start({ application });
    const ids = Array.from({ length: 2_500 }, () => randomUUID());
    await redis.cli('zadd', `{${application}:0}:live`, ...ids.flatMap((id) => ['1000', id]));
    // Two at the same time: each takes its part.
    await Promise.all([app.get(SessionWorker).sweep(() => true), app.get(SessionWorker).sweep(() => true)]);
    const { heard } = app.get(Listener);
    expect(heard.map(({ type, id }) => `${type} ${id}`).sort()).toEqual(ids.map((id) => `expired ${id}`).sort());
    expect(await redis.cli('zcard', `{${application}:0}:live`)).toBe(0);
  });

  it('A CORRUPT VALUE (a peer fails for ever on it) counts as no session, and is told', async () => {
    const application = `corrupt-${randomUUID()}`;
    const { app, ...http } = await start({ application, idleTimeoutMs: 60_000 });
    const client = http.client();
    await client.post('/set', { count: 1 });
    const [key = ''] = (await redis.cli('keys', `{${application}:0}:s:*`)) as string[];
    await redis.cli('hset', key, 'd:count', '{broken');
    expect((await client.get('/count')).json).toEqual({ count: null });
    expect(app.get(Listener).heard.at(-1)).toMatchObject({ type: 'undecodable', field: 'count' });
    await client.post('/set', { count: 2 });
    expect((await client.get('/count')).json).toEqual({ count: 2 });
  });

  it('a long corrupt value, which is read when it is asked for, is told then and has no value', async () => {
    const application = `corrupt-${randomUUID()}`;
    const { app, ...http } = await start({ application, idleTimeoutMs: 60_000 });
    const client = http.client();
    await client.post('/set', { count: 1 });
    const [key = ''] = (await redis.cli('keys', `{${application}:0}:s:*`)) as string[];
    await redis.cli('hset', key, 'd:count', `[${'1,'.repeat(200)}`);
    for (let read = 0; read < 2; read++) expect((await client.get('/count')).json).toEqual({ count: null });
    const { heard } = app.get(Listener);
    expect(heard.filter(({ type }) => type === 'undecodable')).toHaveLength(2);
    expect(heard.at(-1)).toMatchObject({ type: 'undecodable', field: 'count' });
    await client.post('/set', { count: 2 });
    expect((await client.get('/count')).json).toEqual({ count: 2 });
  });
});
