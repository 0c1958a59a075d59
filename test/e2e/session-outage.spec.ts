import { Body, Controller, Get, Post } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SessionData } from 'express-session';
import { CurrentSession, SessionAccess, SessionModule, SessionService } from '../../lib/index.js';
import type { SessionModuleOptions } from '../../lib/index.js';
import { SESSION_REPOSITORY } from '../../lib/core/session.tokens.js';
import type { SessionRepository } from '../../lib/store/session-repository.js';
import type { LiveSession } from '../../lib/http/session.types.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startTcpProxy } from '../../tools/redis-lab/tcp-proxy.js';
import type { HttpApp } from '../support/http-app.js';
import { PLATFORMS, startHttpApp } from '../support/http-app.js';

@Controller()
class Portal {
  @Post('set')
  set(@CurrentSession() session: LiveSession, @Body() body: Partial<SessionData>) {
    Object.assign(session, body);
    return {};
  }

  @Post('exclusive')
  @SessionAccess('exclusive')
  exclusive(@CurrentSession() session: LiveSession) {
    return this.set(session, {});
  }

  @Get('session')
  show(@CurrentSession() session: LiveSession) {
    return { keys: Object.keys(session).filter((name) => name !== 'cookie') };
  }

  @Post('logout')
  async logout(@CurrentSession() session: LiveSession) {
    await session.destroy();
    return {};
  }
}

describe.each(PLATFORMS)('while Redis is away, on %s', (platform) => {
  let redis: RedisProcess;
  beforeEach(async () => {
    redis = await startRedisServer();
  });
  afterEach(async () => {
    await redis.stop();
  });

  function start(options: Partial<SessionModuleOptions>): Promise<HttpApp> {
    const module = SessionModule.forRoot({
      application: 'outage',
      secret: 'a-secret-of-the-outage-tests-0123456789',
      redis: { host: redis.host, port: redis.port, operationTimeoutMs: 500, attemptTimeoutMs: 300 },
      ...options,
    });
    return startHttpApp({ platform, modules: [module], controllers: [Portal] });
  }

  it('ANONYMOUS WITH STATUS 200 (what a peer does): by default every request gets a 503 that tells nothing internal', async () => {
    const app = await start({});
    const client = app.client();
    await client.post('/set', { count: 1 });
    await redis.kill();
    for (const answer of [
      await client.get('/session'),
      await client.post('/set', { count: 2 }),
      await client.post('/logout'),
    ]) {
      expect(answer.status).toBe(503);
      expect(answer.headers['retry-after']).toBe('1');
      expect(answer.json).toEqual({ statusCode: 503, message: 'Service Unavailable' });
      expect(answer.setCookie).toEqual([]);
    }
    await redis.restart();
    expect((await client.get('/session')).status).toBe(200);
  });

  it("with `anonymous` a request goes on with an empty session; no cookie is issued and the user's own stays", async () => {
    const app = await start({ onUnavailable: 'anonymous' });
    const client = app.client();
    await client.post('/set', { count: 1 });
    await redis.kill();
    const answer = await client.get('/session');
    expect(answer).toMatchObject({ status: 200, json: { keys: [] }, setCookie: [] });
    const changed = await client.post('/set', { count: 2 });
    expect(changed, 'a change that cannot be stored').toMatchObject({ status: 503, setCookie: [] });
    const out = await client.post('/logout');
    expect(out, 'a logout that did not happen').toMatchObject({ status: 503, setCookie: [] });
    const stranger = await app.client().get('/session');
    expect(stranger).toMatchObject({ status: 200, setCookie: [] });
  });

  it('tells of many refused requests in one line, not in one for each', async () => {
    const app = await start({});
    const client = app.client();
    await client.post('/set', { count: 1 });
    await redis.kill();
    const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const requests = Array.from({ length: 60 }, () => fetch(`${app.url}/session`, { headers: { cookie } }));
    const answers = await Promise.all(requests);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
    // The summary of an earlier application may come meanwhile: they share Nest's logger.
    expect(app.log.filter((line) => line.includes('could not be read'))).toEqual([
      expect.stringMatching(/^warn A session could not be read; answered 503\. No usable Redis primary /),
    ]);
  });

  it('ends at once when nothing waits, although work in the background does', async () => {
    const app = await start({ redis: { host: redis.host, port: redis.port, operationTimeoutMs: 30_000 } });
    await app.client().post('/set', { count: 1 });
    await redis.kill();
    await expect.poll(() => app.app.get(SessionService).status()?.state, { timeout: 10_000 }).toBe('lost');
    const repository = app.app.get<SessionRepository>(SESSION_REPOSITORY);
    const swept = repository.directory.expire().catch((error: unknown) => error);
    const startedAt = performance.now();
    await app.app.close();
    expect(await swept).toMatchObject({ reason: 'aborted' });
    expect(performance.now() - startedAt).toBeLessThan(3000);
  });

  it('a request whose client has gone stops waiting', async () => {
    const app = await start({ redis: { host: redis.host, port: redis.port, operationTimeoutMs: 30_000 } });
    const client = app.client();
    await client.post('/set', { count: 1 });
    const service = app.app.get(SessionService);
    const told: string[] = [];
    service.onLink('lost', ({ primary }) => told.push(`lost ${primary}`));
    const unsubscribe = service.onLink('ready', ({ primary }) => told.push(`ready ${primary}`));
    redis.freeze();
    const gone = new AbortController();
    const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const request = fetch(`${app.url}/session`, { headers: { cookie }, signal: gone.signal }).catch(() => 'gone');
    await expect.poll(() => service.status()?.state, { timeout: 10_000 }).toBe('lost');
    expect(service.status()?.waiting).toBe(1);
    gone.abort();
    expect(await request).toBe('gone');
    await expect.poll(() => service.status()?.waiting, { timeout: 5_000 }).toBe(0);
    redis.thaw();
    await expect.poll(async () => (await client.get('/session')).status, { timeout: 10_000 }).toBe(200);
    expect(told).toEqual([`lost ${redis.address}`, `ready ${redis.address}`]);
    unsubscribe();
  });
});

it('exclusive access does not make a request wait twice when Redis goes after the lock was taken', async () => {
  const redis = await startRedisServer();
  // Slow enough to come between the lock's answer and the question that follows it.
  const proxy = await startTcpProxy({ target: redis, delayMs: 250 });
  const limitMs = 3000;
  try {
    const { host, port } = proxy;
    const { client } = await startHttpApp({
      modules: [
        SessionModule.forRoot({
          application: 'outage',
          secret: 'a-secret-of-the-outage-tests-0123456789',
          redis: { host, port, operationTimeoutMs: limitMs, attemptTimeoutMs: 1500 },
        }),
      ],
      controllers: [Portal],
    });
    const browser = client();
    await browser.post('/set', { count: 1 });
    const answer = browser.post('/exclusive');
    await pollUntil('the lock', async () => ((await redis.cli('KEYS', '{outage:0}:l:*')) as string[]).length > 0, {
      intervalMs: 5,
    });
    proxy.freeze('toServer');
    const goneAt = performance.now();
    expect((await answer).status).toBe(503);
    expect(performance.now() - goneAt).toBeLessThan(1.8 * limitMs);
    proxy.thaw();
  } finally {
    await proxy.stop();
    await redis.stop();
  }
});
