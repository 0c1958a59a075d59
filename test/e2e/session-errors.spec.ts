import { Catch, Controller, Inject, Post, Req } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter, INestApplication } from '@nestjs/common';
import type { Request } from 'express';
import { describe, expect, it } from 'vitest';
import { CurrentSession, SessionAccess, SessionModule, SessionService, isSessionError } from '../../lib/index.js';
import type { LiveSession, SessionModuleOptions } from '../../lib/index.js';
import { PLATFORMS, SECRET, startHttpApp } from '../support/http-app.js';
import type { HttpApp, Platform } from '../support/http-app.js';

/** Errors of the table in docs/errors.md that a handler of an application causes, each by what causes it. */

interface Data {
  user?: string;
  count?: number;
}

type Live = LiveSession<Data>;

/** Answers with the code of whatever was thrown. */
@Catch()
class Codes implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const code = isSessionError(error) ? error.code : String(error);
    const response: {
      statusCode: number;
      raw?: { statusCode: number };
      status?(code: number): unknown;
      send(body: string): unknown;
    } = host.switchToHttp().getResponse();
    response.status?.(418);
    response.send(code);
  }
}

@Controller()
@SessionAccess('shared')
class Portal {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Post('sign-in')
  signIn(@CurrentSession() session: Live) {
    session.user = 'ada';
    return {};
  }

  @Post('cookie')
  cookie(@CurrentSession() session: Live) {
    session.cookie.domain = 'a blank.example';
    session.count = 1;
    return {};
  }

  @Post('gone')
  async gone() {
    await this.sessions.signOutEverywhere('ada');
    await this.sessions.regenerate({ keep: 'all' });
    return {};
  }

  @Post('not-live')
  notLive(@Req() request: Request) {
    (request as { session: unknown }).session = { count: 1 };
    return {};
  }

  @Post('stale')
  async stale(@CurrentSession() session: Live) {
    await session.regenerate();
    session.count = 1;
    return {};
  }
}

@Controller('outside')
class Outside {
  @Post()
  @SessionAccess('exclusive')
  exclusive() {
    return {};
  }
}

describe.each(PLATFORMS)(
  'what a handler does wrong is an error with a code of its own, on %s',
  (platform: Platform) => {
    function start(options: Partial<SessionModuleOptions> = {}): Promise<HttpApp> {
      const module = SessionModule.forRoot({
        application: 'errors',
        secret: SECRET,
        exclude: ['outside'],
        userId: (session) => (session as Data).user,
        ...options,
      });
      return startHttpApp({
        platform,
        modules: [module],
        controllers: [Portal, Outside],
        prepare: (app: INestApplication) => void app.useGlobalFilters(new Codes()),
      });
    }

    it('SESSION_ACCESS_UNAVAILABLE: exclusive access on a route without sessions', async () => {
      const app = await start();
      expect((await app.client().post('/outside')).text).toBe('SESSION_ACCESS_UNAVAILABLE');
    });

    it('SESSION_COOKIE_INVALID: a cookie that cannot be sent', async () => {
      const app = await start();
      expect((await app.client().post('/cookie')).text).toBe('SESSION_COOKIE_INVALID');
    });

    it('SESSION_GONE: a new id for a session whose user was signed out meanwhile', async () => {
      const client = (await start()).client();
      await client.post('/sign-in');
      expect((await client.post('/gone')).text).toBe('SESSION_GONE');
    });

    it('SESSION_HTTP_NOT_LIVE: a plain object in the place of the session', async () => {
      const app = await start();
      expect((await app.client().post('/not-live')).text).toBe('SESSION_HTTP_NOT_LIVE');
    });

    it('SESSION_HTTP_STALE: a change of a session that was replaced', async () => {
      const client = (await start()).client();
      await client.post('/sign-in');
      expect((await client.post('/stale')).text).toBe('SESSION_HTTP_STALE');
    });

    it('SESSION_STORE_ID_TAKEN: an id that the application gives twice', async () => {
      const app = await start({ genid: () => 'the-same-id-for-every-session-0123456789' });
      await app.client().post('/sign-in');
      expect((await app.client().post('/sign-in')).text).toBe('SESSION_STORE_ID_TAKEN');
    });

    it('SESSION_USER_LIMIT: one session more than the user may have', async () => {
      const app = await start({ maxSessionsPerUser: { max: 1, evict: 'reject' } });
      await app.client().post('/sign-in');
      expect((await app.client().post('/sign-in')).text).toBe('SESSION_USER_LIMIT');
    });
  },
);
