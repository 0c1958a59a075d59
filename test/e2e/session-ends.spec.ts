import type { ServerResponse } from 'node:http';
import type { HttpException } from '@nestjs/common';
import { Controller, Get, Inject, Res, Sse } from '@nestjs/common';
import { interval, map } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { SessionModule, SessionService } from '../../lib/index.js';
import { signInAs } from '../../lib/testing/index.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { PLATFORMS, SECRET, startHttpApp } from '../support/http-app.js';
import type { HttpApp } from '../support/http-app.js';
import { newInstallation } from '../support/session-site.js';

/** Responses that are held open for a session, on two instances. */

type Rawable = ServerResponse & { readonly raw?: ServerResponse };

@Controller()
class Feeds {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Sse('news')
  news() {
    return interval(20).pipe(map((data) => ({ data })));
  }

  @Get('own')
  own(@Res() outer: Rawable): void {
    const response = outer.raw ?? outer;
    response.setHeader('Content-Type', 'text/event-stream; charset=utf-8');
    const timer = setInterval(() => response.write('data: 1\n\n'), 20);
    response.once('close', () => {
      clearInterval(timer);
    });
  }

  @Get('download')
  download(@Res() outer: Rawable): void {
    const response = outer.raw ?? outer;
    response.setHeader('Content-Type', 'application/octet-stream');
    response.write('first');
    response.once('close', () => undefined);
    setTimeout(() => response.end('last'), 2500);
  }

  @Get('poll')
  poll(): Promise<string> {
    const signal = this.sessions.endSignal();
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        reject(signal.reason as HttpException);
      });
    });
  }
}

// For a busy machine: what is awaited has deadlines of its own.
vi.setConfig({ testTimeout: 60_000 });

let redis: RedisProcess;
beforeAll(async () => {
  redis = await startRedisServer();
});
afterAll(async () => {
  await redis.stop();
});

describe.each(PLATFORMS)('on %s', (platform) => {
  const two = async (): Promise<readonly [HttpApp, HttpApp]> => {
    const { application } = newInstallation();
    const { host, port } = redis;
    const start = (): Promise<HttpApp> =>
      startHttpApp({
        platform,
        modules: [
          SessionModule.forRoot({
            application,
            secret: SECRET,
            redis: { host, port },
            userId: (session) => (session as { user?: string }).user,
          }),
        ],
        controllers: [Feeds],
      });
    return [await start(), await start()];
  };
  const open = async (app: HttpApp, path: string, cookie?: string) => {
    const response = await app.client().open(path, { headers: cookie === undefined ? {} : { cookie } });
    const state = { bytes: 0, isOver: false };
    response.on('data', (chunk: Buffer) => (state.bytes += chunk.length));
    response.on('close', () => (state.isOver = true));
    response.on('error', () => undefined);
    await pollUntil('the first bytes', () => state.bytes > 0);
    return state;
  };
  const signIn = async (app: HttpApp, user: string): Promise<string> => (await signInAs(app.app, { user })).cookie;

  it.each(['/news', '/own'])('the event stream %s ends with its session, and no other does', async (path) => {
    const [a, b] = await two();
    const [mine, others, anonymous] = [
      await open(b, path, await signIn(a, 'ann')),
      await open(b, path, await signIn(a, 'eve')),
      await open(b, path),
    ];
    await a.app.get(SessionService).signOutEverywhere('ann');
    await pollUntil('the end', () => mine.isOver);
    const before = others.bytes + anonymous.bytes;
    await pollUntil('more', () => others.bytes + anonymous.bytes > before);
    expect([others.isOver, anonymous.isOver]).toEqual([false, false]);
    expect(b.log.filter((line) => line.startsWith('error'))).toEqual([]);
  });

  it('a held response learns by the signal, and is a 401', async () => {
    const [a, b] = await two();
    const cookie = await signIn(a, 'ann');
    const answer = b.client().get('/poll', { headers: { cookie } });
    let isAnswered = false;
    void answer.then(() => (isAnswered = true));
    await pollUntil('an end that comes through', async () => {
      await signIn(a, 'ann');
      await a.app.get(SessionService).signOutEverywhere('ann');
      return isAnswered;
    });
    expect((await answer).status).toBe(401);
  });

  it('any other response goes on', async () => {
    const [a, b] = await two();
    const cookie = await signIn(a, 'ann');
    const answer = b.client().get('/download', { headers: { cookie } });
    await a.app.get(SessionService).signOutEverywhere('ann');
    expect(await answer).toMatchObject({ isComplete: true, text: 'firstlast' });
  });
});
