import { inspect } from 'node:util';
import { Controller, Get, Inject, Injectable, Logger, Module, Post, Version, VersioningType } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import session from 'express-session';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { CurrentSession, InjectSessionRedis, SessionModule, SessionService } from '../../lib/index.js';
import type { SessionModuleOptions, SessionOptionsFactory } from '../../lib/index.js';
import type { LiveSession } from '../../lib/http/session.types.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { PLATFORMS, startHttpApp } from '../support/http-app.js';

const SECRET = 'a-secret-of-the-module-tests-0123456789';

@Controller()
class Counter {
  @Post('count')
  add(@CurrentSession() session: LiveSession<{ n: number }>) {
    session.n = (session.n ?? 0) + 1;
    return { n: session.n };
  }

  @Version('2')
  @Post('versioned')
  versioned(@CurrentSession() session: LiveSession<{ n: number }>) {
    return this.add(session);
  }

  @Get('health')
  health(@Inject(SessionService) _sessions: unknown) {
    return {};
  }
}

describe('SessionModule', () => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterAll(async () => {
    await redis.stop();
  });

  const options = (): SessionModuleOptions => ({
    application: 'module',
    secret: SECRET,
    redis: { host: redis.host, port: redis.port },
  });

  async function countsTo2(module: DynamicModule): Promise<void> {
    const { client } = await startHttpApp({ modules: [module], controllers: [Counter] });
    const user = client();
    await user.post('/count');
    expect((await user.post('/count')).json).toEqual({ n: 2 });
  }

  it('takes its options from a factory with what it injects, a class, and an existing provider', async () => {
    @Injectable()
    class Settings implements SessionOptionsFactory {
      createSessionOptions(): Promise<SessionModuleOptions> {
        return Promise.resolve(options());
      }
    }
    @Module({ providers: [Settings, { provide: 'SECRET', useValue: SECRET }], exports: [Settings, 'SECRET'] })
    class SettingsModule {}

    await countsTo2(
      SessionModule.forRootAsync({
        imports: [SettingsModule],
        inject: ['SECRET'],
        useFactory: (secret: string) => ({ ...options(), secret }),
      }),
    );
    await countsTo2(SessionModule.forRootAsync({ useClass: Settings }));
    await countsTo2(SessionModule.forRootAsync({ imports: [SettingsModule], useExisting: Settings }));
  });

  it('tells wrong options at once, or at start-up when they come from a factory', async () => {
    expect(() => SessionModule.forRoot({} as SessionModuleOptions)).toThrow('2 faults');
    expect(() => SessionModule.forRootAsync({})).toThrow('useFactory');
    const wrong = SessionModule.forRootAsync({ useFactory: () => ({ ...options(), idelTimeoutMs: 1 }) });
    await expect(Test.createTestingModule({ imports: [wrong] }).compile()).rejects.toThrow('idleTimeoutMs');
  });

  it('provides the Redis client, and closes what it opened', async () => {
    @Injectable()
    class Direct {
      constructor(@InjectSessionRedis() readonly client: Redis) {}
    }
    const { app } = await startHttpApp({ modules: [SessionModule.forRoot(options())], providers: [Direct] });
    const { client } = app.get(Direct);
    expect(await client.ping()).toBe('PONG');
    await app.close();
    await expect(client.ping()).rejects.toThrow();
  });

  it('uses a client that it is given, and neither closes nor changes it', async () => {
    const client = new Redis({ host: redis.host, port: redis.port });
    onTestFinished(() => {
      client.disconnect();
    });
    const before = JSON.stringify(client.options);
    const { app, ...http } = await startHttpApp({
      modules: [SessionModule.forRoot({ ...options(), redis: client })],
      controllers: [Counter],
    });
    const user = http.client();
    await user.post('/count');
    expect((await user.post('/count')).json).toEqual({ n: 2 });
    await app.close();
    expect(await client.ping()).toBe('PONG');
    expect(JSON.stringify(client.options)).toBe(before);
  });

  it('takes any express-session store, and refuses by a clear error what only ours can do', async () => {
    const module = SessionModule.forRoot({ application: 'foreign', secret: SECRET, store: new session.MemoryStore() });
    await countsTo2(module);
    const { app } = await startHttpApp({ modules: [module], controllers: [Counter] });
    const service = app.get(SessionService);
    expect(await service.count()).toBeGreaterThan(0);
    await expect(service.list('ada')).rejects.toMatchObject({ code: 'SESSION_STORE_UNSUPPORTED' });
  });

  it('warns in production, and only there, of what is unwise', async () => {
    const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    onTestFinished(() => {
      vi.unstubAllEnvs();
      warn.mockRestore();
    });
    const start = async () => {
      const module = SessionModule.forRoot({ application: 'embedded', secret: SECRET, cookie: { secure: 'auto' } });
      const app = await Test.createTestingModule({ imports: [module] }).compile();
      await app.init();
      await app.close();
    };
    await start();
    expect(warn).not.toHaveBeenCalled();
    vi.stubEnv('NODE_ENV', 'production');
    await start();
    expect(warn.mock.calls.map(([line]) => line as unknown)).toEqual([
      expect.stringContaining('this process only'),
      expect.stringContaining("`cookie.secure` is 'auto'"),
    ]);
  });

  describe.each(PLATFORMS)('on %s', (platform) => {
    it('covers every route, its root too, under a global prefix with exclusions and URI versions, without a warning', async () => {
      const warn = vi.spyOn(Logger.prototype, 'warn');
      onTestFinished(() => {
        warn.mockRestore();
      });
      @Controller()
      class Root {
        @Post()
        add(@CurrentSession() live: LiveSession<{ n: number }>) {
          return { isThere: live.id.length > 0 };
        }
      }
      const { client, log } = await startHttpApp({
        platform,
        modules: [SessionModule.forRoot(options())],
        controllers: [Root, Counter],
        prepare: (app) => {
          app.setGlobalPrefix('api', { exclude: ['count'] });
          app.enableVersioning({ type: VersioningType.URI });
        },
      });
      const user = client();
      expect((await user.post('/api')).json).toEqual({ isThere: true });
      expect((await user.post('/count')).json).toEqual({ n: 1 });
      expect((await user.post('/api/v2/versioned')).json).toEqual({ n: 2 });
      expect(warn).not.toHaveBeenCalled();
      expect(log).toEqual([]);
    });

    it('shows a session as it is to whoever prints it, also what nobody has read yet', async () => {
      const lines = Array.from({ length: 200 }, (_, line) => line);
      @Controller()
      class Printer {
        @Post('fill')
        fill(@CurrentSession() session: LiveSession<{ lines: number[] }>) {
          session.lines = lines;
        }

        @Get('print')
        print(@CurrentSession() session: LiveSession<{ lines: number[] }>) {
          return { text: inspect(session, { maxArrayLength: 2 }) };
        }
      }
      const modules = [SessionModule.forRoot(options())];
      const { client } = await startHttpApp({ platform, modules, controllers: [Printer] });
      const user = client();
      await user.post('/fill');
      const { text } = (await user.get('/print')).json as { text: string };
      expect(text).toMatch(/^Session \{/);
      expect(text).toContain('lines: [ 0, 1, ... 198 more items ]');
    });

    it('leaves alone what is excluded, and covers only what is named', async () => {
      const start = (own: Partial<SessionModuleOptions>) =>
        startHttpApp({
          platform,
          modules: [SessionModule.forRoot({ ...options(), ...own })],
          controllers: [Counter],
        });
      const excluding = await start({ exclude: ['count'] });
      expect((await excluding.client().post('/count')).status).toBe(500);
      const named = await start({ forRoutes: ['count'] });
      expect((await named.client().post('/count')).json).toEqual({ n: 1 });
      expect((await named.client().post('/versioned')).status).not.toBe(201);
    });
  });
});
