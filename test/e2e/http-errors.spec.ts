import type { ArgumentsHost, CanActivate, ExceptionFilter, ExecutionContext } from '@nestjs/common';
import { Catch, Controller, HttpException, HttpStatus, Inject, Injectable, Post, UseGuards } from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import {
  CurrentSession,
  SessionAccess,
  SessionError,
  SessionHttpError,
  SessionModule,
  SessionService,
  SessionUnavailableError,
} from '../../lib/index.js';
import type { LiveSession } from '../../lib/index.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import { PLATFORMS, startHttpApp } from '../support/http-app.js';
import { ScriptedStore } from '../support/scripted-store.js';

const SECRETIVE = 'redis://secret-host is down';
const down = new SessionUnavailableError('deadline', SECRETIVE);

@Injectable()
class SavingGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { session } = context.switchToHttp().getRequest<{ session: LiveSession }>();
    Object.assign(session, { mark: 'guard' });
    await session.save();
    return true;
  }
}

@Controller()
class Shop {
  @Post('leave')
  leave(@CurrentSession() session: LiveSession) {
    Object.assign(session, { mark: 'left' });
    return {};
  }

  @Post('asked')
  @SessionAccess('shared')
  asked(@CurrentSession() session: LiveSession) {
    return this.leave(session);
  }

  @Post('save')
  async save(@CurrentSession() session: LiveSession) {
    Object.assign(session, { mark: 'saved' });
    await session.save();
    return {};
  }

  @Post('guard')
  @UseGuards(SavingGuard)
  guard() {
    return {};
  }

  @Post('busy')
  busy(): never {
    throw new HttpException('of the application', HttpStatus.SERVICE_UNAVAILABLE);
  }
}

@Controller('strict')
@SessionAccess('exclusive')
class Strict {
  @Post('own')
  @SessionAccess('none')
  own(@CurrentSession() session: LiveSession) {
    Object.assign(session, { mark: 'none' });
    return {};
  }

  @Post('exclusive')
  exclusive() {
    return {};
  }
}

@Controller()
class Admin {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Post('list')
  async list() {
    return this.sessions.list('ann');
  }

  @Post('count')
  async count() {
    return this.sessions.count();
  }
}

/** As Nest's documentation writes a filter for everything. */
@Catch()
class Everything implements ExceptionFilter {
  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const status = error instanceof HttpException ? error.getStatus() : HttpStatus.INTERNAL_SERVER_ERROR;
    const body = {
      page: `status ${status}`,
      isSessionError: error instanceof SessionError,
      isHttp: error instanceof SessionHttpError,
    };
    this.host.httpAdapter.reply(host.switchToHttp().getResponse(), body, status);
  }
}

describe.each(PLATFORMS)('a session’s error on %s', (platform) => {
  const providers = [{ provide: APP_FILTER, useClass: Everything }];

  it.each(['/save', '/guard'])('is a 503 that tells nothing when nobody catches it: %s', async (path) => {
    const store = new ScriptedStore();
    const { client } = await startHttpApp({ platform, store, controllers: [Shop] });
    store.fail('set', down);
    const answer = await client().post(path);
    expect(answer).toMatchObject({ status: 503, setCookie: [] });
    expect(answer.json).toEqual({ statusCode: 503, message: 'Service Unavailable' });
    expect(answer.headers['retry-after']).toBe('1');
  });

  it.each(['/save', '/guard', '/asked'])('is an HTTP exception to a filter for everything: %s', async (path) => {
    const store = new ScriptedStore();
    const { client } = await startHttpApp({ platform, store, controllers: [Shop], providers });
    store.fail('set', down);
    const answer = await client().post(path);
    expect(answer).toMatchObject({ status: 503, setCookie: [] });
    expect(answer.json).toEqual({ page: 'status 503', isSessionError: true, isHttp: true });
    expect(answer.headers['retry-after']).toBe('1');
  });

  it('replaces the response when the handler has answered, and is logged', async () => {
    const store = new ScriptedStore();
    const { client, log } = await startHttpApp({ platform, store, controllers: [Shop], providers });
    store.fail('set', down);
    const answer = await client().post('/leave');
    expect(answer).toMatchObject({ status: 503, setCookie: [] });
    expect(answer.json).toEqual({ statusCode: 503, message: 'Service Unavailable' });
    expect(answer.headers['retry-after']).toBe('1');
    expect(log).toEqual([`warn A session could not be stored; answered 503. ${SECRETIVE}`]);
  });

  it('says when to try again only for an outage of its own', async () => {
    const { client } = await startHttpApp({ platform, store: new ScriptedStore(), controllers: [Shop] });
    const answer = await client().post('/busy');
    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toBeUndefined();
  });

  it.each(['/list', '/count'])('is a 503 with Retry-After for a call of the service: %s', async (path) => {
    const redis = await startRedisServer();
    try {
      const module = SessionModule.forRoot({
        application: 'errors',
        secret: 'a-secret-of-the-error-tests-0123456789',
        redis: { host: redis.host, port: redis.port, operationTimeoutMs: 300, attemptTimeoutMs: 200 },
        userId: () => 'ann',
      });
      const { client } = await startHttpApp({ platform, modules: [module], controllers: [Admin] });
      expect((await client().post(path)).status).toBe(201);
      await redis.kill();
      const answer = await client().post(path);
      expect(answer.status).toBe(503);
      expect(answer.json).toEqual({ statusCode: 503, message: 'Service Unavailable' });
      expect(answer.headers['retry-after']).toBe('1');
    } finally {
      await redis.stop();
    }
  });

  it('a handler’s access goes before its controller’s', async () => {
    const store = new ScriptedStore();
    const { client } = await startHttpApp({ platform, store, controllers: [Strict] });
    expect((await client().post('/strict/own')).status).toBe(201);
    expect(store.count('set')).toBe(0);
    expect((await client().post('/strict/exclusive')).status, 'this store has no locks').toBe(500);
  });
});

describe('an error of the session', () => {
  it('has its message for the log only, and where it came from', () => {
    expect(down).toBeInstanceOf(SessionError);
    expect(down).toBeInstanceOf(HttpException);
    expect(down.message).toBe(SECRETIVE);
    expect(down.stack?.split('\n')[0]).toBe(`SessionUnavailableError: ${SECRETIVE}`);
    expect(down.stack?.split('\n')[1]).toContain('http-errors.spec');
    expect(JSON.stringify(down.getResponse())).not.toContain('secret');
    expect(new Error('another')).not.toBeInstanceOf(SessionError);
    expect(down).not.toBeInstanceOf(
      class extends SessionHttpError {
        readonly code = 'SESSION_TEST_OTHER';
      },
    );
  });
});
