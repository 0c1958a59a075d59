import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import {
  Body,
  Controller,
  Get,
  Inject,
  Injectable,
  Post,
  RequestTimeoutException,
  Res,
  StreamableFile,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import type { CallHandler, CanActivate, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { TimeoutError, catchError, throwError, timeout } from 'rxjs';
import type { Observable } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CurrentSession, SessionAccess, SessionModule, SessionService, isSessionError } from '../../lib/index.js';
import type { LiveSession } from '../../lib/index.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import type { HttpClient } from '../support/http-client.js';
import { PLATFORMS, SECRET, startHttpApp } from '../support/http-app.js';
import type { HttpApp } from '../support/http-app.js';
import { newInstallation } from '../support/session-site.js';
import type { SiteData } from '../support/session-site.js';

/** Exclusive access holds from the load under the lock until the last change is stored, whatever the handler's way to answer. */

type Live = LiveSession<SiteData>;
type Raw = ServerResponse & { raw?: ServerResponse };

/** How the saves of handlers ended, whoever still listened. */
interface Journal {
  saved: number;
  readonly refused: unknown[];
  running: number;
}

const JOURNAL = Symbol('journal');

@Injectable()
class Impatience implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (!context.getHandler().name.startsWith('slow')) return next.handle();
    return next.handle().pipe(
      timeout(200),
      catchError((error: unknown) =>
        throwError(() => (error instanceof TimeoutError ? new RequestTimeoutException() : (error as Error))),
      ),
    );
  }
}

@Injectable()
class CountingGuard implements CanActivate {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  canActivate(): boolean {
    const session = this.sessions.current<SiteData>();
    if (session) session.user = 'of the guard';
    return true;
  }
}

@Controller()
class Counter {
  constructor(@Inject(JOURNAL) private readonly journal: Journal) {}

  /** Reads, works for a while, writes and saves: the classic way to lose an update. */
  private async work(session: Live, ms: number): Promise<object> {
    this.journal.running++;
    try {
      const count = session.count ?? 0;
      await delay(ms);
      session.count = count + 1;
      await session.save();
      this.journal.saved++;
    } catch (error) {
      this.journal.refused.push(isSessionError(error) ? error.code : error);
      throw error;
    } finally {
      this.journal.running--;
    }
    return {};
  }

  @Post('set')
  set(@CurrentSession() session: Live, @Body() body: Partial<SiteData>) {
    Object.assign(session, body);
    return {};
  }

  @Get('session')
  show(@CurrentSession() session: Live) {
    const { count = null, user = null } = session;
    return { count, user };
  }

  @Post('fast')
  @SessionAccess('exclusive')
  fast(@CurrentSession() session: Live) {
    return this.work(session, 5);
  }

  @Post('slow')
  @SessionAccess('exclusive')
  slow(@CurrentSession() session: Live) {
    return this.work(session, 600);
  }

  @Post('slow-inside')
  @SessionAccess('exclusive')
  @UseInterceptors(Impatience)
  slowInside(@CurrentSession() session: Live) {
    return this.work(session, 600);
  }

  @Post('abandoned')
  @SessionAccess('exclusive')
  abandoned(@CurrentSession() session: Live) {
    return this.work(session, 300);
  }

  @Post('by-callback')
  @SessionAccess('exclusive')
  byCallback(@CurrentSession() session: Live, @Res() response: Raw) {
    const count = session.count ?? 0;
    setTimeout(() => {
      session.count = count + 1;
      const target = response.raw ?? response;
      target.statusCode = 201;
      target.end('{}');
    }, 10);
  }

  @Post('by-res')
  @SessionAccess('exclusive')
  async byRes(@CurrentSession() session: Live, @Res() response: Raw) {
    const count = session.count ?? 0;
    await delay(5);
    session.count = count + 1;
    const target = response.raw ?? response;
    target.statusCode = 201;
    target.end('{}');
  }

  @Post('by-stream')
  @SessionAccess('exclusive')
  async byStream(@CurrentSession() session: Live) {
    const count = session.count ?? 0;
    await delay(5);
    session.count = count + 1;
    return new StreamableFile(Readable.from([Buffer.from('{}')]));
  }

  @Post('guarded')
  @UseGuards(CountingGuard)
  @SessionAccess('exclusive')
  async guarded(@CurrentSession() session: Live) {
    const seen = session.user;
    await this.work(session, 5);
    return { seen };
  }

  @Post('never')
  @SessionAccess('exclusive')
  async never(@CurrentSession() session: Live, @Res() response: Raw) {
    session.count = (session.count ?? 0) + 1;
    await once(response.raw ?? response, 'close');
  }
}

describe.each(PLATFORMS)('on two instances on %s', (platform) => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterAll(async () => {
    await redis.stop();
  });

  async function start(): Promise<Fixture> {
    const { application } = newInstallation();
    const journal: Journal = { saved: 0, refused: [], running: 0 };
    const open = (): Promise<HttpApp> => {
      const { host, port } = redis;
      const module = SessionModule.forRoot({ application, secret: SECRET, redis: { host, port } });
      return startHttpApp({
        platform,
        modules: [module],
        controllers: [Counter],
        providers: [
          Impatience,
          CountingGuard,
          { provide: APP_INTERCEPTOR, useClass: Impatience },
          { provide: JOURNAL, useValue: journal },
        ],
      });
    };
    const apps = [await open(), await open()];
    const user = apps[0]!.client();
    await user.post('/set', { count: 0 });
    const headers = { cookie: [...user.cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
    const fire = (path: string, count: number) =>
      Promise.all(
        Array.from({ length: count }, async (_, index) => {
          const { status } = await apps[index % 2]!.client().post(path, undefined, { headers });
          return status;
        }),
      );
    return { apps, journal, user, headers, fire };
  }

  const countOf = async (user: HttpClient) => ((await user.get('/session')).json as { count: number }).count;

  it.each(['/fast', '/by-res', '/by-callback', '/by-stream'])(
    'every increment that is acknowledged is there, whatever the way to answer: %s',
    async (path) => {
      const { user, fire } = await start();
      const statuses = await fire(path, 10);
      expect(statuses).toEqual(Array.from({ length: 10 }, () => 201));
      expect(await countOf(user)).toBe(10);
    },
  );

  it.each(['/slow', '/slow-inside'])(
    'a handler that goes on after a timeout answered for it keeps its lock, or gets SESSION_LOCK_LOST: %s',
    async (path) => {
      const { user, fire, journal } = await start();
      const slow = fire(path, 1);
      await expect.poll(() => journal.running).toBe(1);
      const fast = fire('/fast', 3);
      expect(await slow).toEqual([408]);
      expect(await fast).toEqual([201, 201, 201]);
      await expect.poll(() => journal.running).toBe(0);
      expect(journal.refused.filter((code) => code !== 'SESSION_LOCK_LOST')).toEqual([]);
      expect(journal.saved + journal.refused.length).toBe(4);
      expect(await countOf(user)).toBe(journal.saved);
    },
  );

  it('a handler whose client has gone keeps its lock until it has settled', async () => {
    const { apps, user, fire, journal, headers } = await start();
    const client = apps[0]!.client();
    const answer = client.post('/abandoned', undefined, { headers }).catch(() => 'gone');
    await expect.poll(() => journal.running).toBe(1);
    client.close();
    const fast = fire('/fast', 3);
    expect(await answer).toBe('gone');
    expect(await fast).toEqual([201, 201, 201]);
    await expect.poll(() => journal.running).toBe(0);
    expect(journal.refused.filter((code) => code !== 'SESSION_LOCK_LOST')).toEqual([]);
    expect(await countOf(user)).toBe(journal.saved);
  });

  it('a handler that never answers gives its lock back when its client has gone', async () => {
    const { apps, fire, headers } = await start();
    const client = apps[0]!.client();
    const answer = client.post('/never', undefined, { headers }).catch(() => 'gone');
    await delay(100);
    client.close();
    expect(await answer).toBe('gone');
    expect(await fire('/fast', 1)).toEqual([201]);
  });

  it('what a guard changed before is seen by the handler, and stored', async () => {
    const { user, fire } = await start();
    expect((await user.post('/guarded')).json).toEqual({ seen: 'of the guard' });
    expect(await fire('/guarded', 6)).toEqual(Array.from({ length: 6 }, () => 201));
    expect((await user.get('/session')).json).toEqual({ count: 7, user: 'of the guard' });
  });
});

interface Fixture {
  readonly apps: readonly HttpApp[];
  readonly journal: Journal;
  readonly user: HttpClient;
  readonly headers: { readonly cookie: string };
  /** Sends requests to both instances in turn, all at once; resolves with their statuses. */
  fire(path: string, count: number): Promise<number[]>;
}
