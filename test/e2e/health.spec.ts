import 'reflect-metadata';
import type { INestApplication, ModuleMetadata } from '@nestjs/common';
import { Controller, Get, Inject, Module, Post, Query, Session } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import session from 'express-session';
import { SessionModule } from 'nestjs-ha-session';
import { SessionHealthIndicator, SessionHealthModule } from 'nestjs-ha-session/health';
import request from 'supertest';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { SentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { startSentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';

const SECRET = 'a-secret-of-the-health-tests-0123456789';
const NODE_USER = { username: 'portal-node', password: 'node-password' };
const SENTINEL_USER = { username: 'portal-sentinel', password: 'sentinel-password' };
const SECRETS = [SECRET, ...Object.values(NODE_USER), ...Object.values(SENTINEL_USER)];

@Controller()
class HealthController {
  constructor(
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(SessionHealthIndicator) private readonly sessions: SessionHealthIndicator,
  ) {}

  @Get('health')
  @HealthCheck()
  check(@Query() query: Record<string, string>) {
    const timeoutMs = Number(query['timeoutMs'] ?? 1000);
    const countSessions = query['count'] === undefined ? undefined : query['count'] === 'true';
    return this.health.check([
      () => this.sessions.isHealthy('sessions', { timeoutMs, countSessions, details: query['brief'] === undefined }),
    ]);
  }

  @Post('login')
  login(@Session() current: Record<string, unknown>) {
    current['user'] = 'ann';
  }
}

type SessionsModule = NonNullable<ModuleMetadata['imports']>[number];

const apps: INestApplication[] = [];

/** An application with a health route over these sessions. */
async function startApp(
  sessions: SessionsModule,
  health: SessionsModule = SessionHealthModule,
): Promise<INestApplication> {
  @Module({ imports: [sessions, TerminusModule, health], controllers: [HealthController] })
  class AppModule {}
  const app = await NestFactory.create(AppModule, { logger: false });
  apps.push(app);
  await app.init();
  return app;
}

interface Health {
  readonly httpStatus: number;
  readonly overall: string;
  /** What the indicator said. */
  readonly sessions: Record<string, unknown> & { readonly status: string; readonly reasons: string[] };
}

async function healthOf(app: INestApplication, query = ''): Promise<Health> {
  const { status, body, text } = await request(app.getHttpServer()).get(`/health${query}`);
  for (const secret of SECRETS) expect(text).not.toContain(secret);
  return { httpStatus: status, overall: body.status, sessions: body.details.sessions };
}

/** The first answer that is as expected; health follows events that take their time. */
function untilHealth(app: INestApplication, what: string, isExpected: (health: Health) => boolean): Promise<Health> {
  return pollUntil(what, async () => {
    const health = await healthOf(app);
    return isExpected(health) && health;
  });
}

const isUp = ({ sessions }: Health) => sessions.status === 'up';
const isDegraded = ({ sessions }: Health) => sessions.status === 'degraded';

async function closeApps(): Promise<void> {
  await Promise.all(apps.splice(0).map((app) => app.close()));
}

describe('health of sessions behind Sentinel', () => {
  let topology: SentinelTopology;
  let app: INestApplication;

  beforeAll(async () => {
    topology = await startSentinelTopology({ nodeAuth: NODE_USER, sentinelAuth: SENTINEL_USER });
    app = await startApp(
      SessionModule.forRoot({ application: 'health', secret: SECRET, redis: topology.redisOptions }),
    );
  });

  afterAll(async () => {
    await closeApps();
    await topology.stop();
  });

  afterEach(async () => {
    const servers = [...topology.nodes, ...topology.sentinels];
    for (const server of servers) if (server.frozen) server.thaw();
    await Promise.all(servers.filter((server) => !server.running).map((server) => server.restart()));
    await topology.whenStable(30_000);
    // Sentinels know each other before they count each other in again.
    await untilHealth(app, 'up after the repair', isUp);
  });

  it('is up with primary, replica, Sentinels, quorum and the count of live sessions, and tells no secret', async () => {
    const login = await request(app.getHttpServer()).post('/login').expect(201);
    const health = await untilHealth(app, 'up', isUp);
    const primary = await topology.primary();
    const [replica] = await topology.replicas();

    expect(health).toMatchObject({ httpStatus: 200, overall: 'ok' });
    expect(health.sessions).toMatchObject({
      mode: 'sentinel',
      state: 'ready',
      primary: primary.address,
      role: 'master',
      replicas: [{ address: replica?.address, online: true }],
      sentinels: { known: 3, reachable: 3, quorum: true },
      liveSessions: 1,
      degraded: false,
      reasons: [],
      lastFailover: null,
    });
    const sid = /s%3A([^.]+)\./.exec(String(login.headers['set-cookie']))?.[1] ?? 'no cookie';
    expect(JSON.stringify(health)).not.toContain(sid);
  });

  it('is degraded, not down, while the only replica is dead', async () => {
    const [replica] = await topology.replicas();
    await replica?.kill();

    const health = await untilHealth(app, 'degraded', isDegraded);
    expect(health).toMatchObject({
      httpStatus: 200,
      overall: 'degraded',
      sessions: { liveSessions: 1, degraded: true },
    });
    expect(health.sessions.reasons).toContain('No replica is online.');

    await replica?.restart();
    await untilHealth(app, 'up again', isUp);
  });

  it('is degraded while two of three Sentinels are dead', async () => {
    await Promise.all(topology.sentinels.slice(0, 2).map((sentinel) => sentinel.kill()));

    const health = await untilHealth(app, 'degraded', isDegraded);
    expect(health.sessions).toMatchObject({ sentinels: { known: 3, reachable: 1, quorum: false } });
    expect(health.sessions.reasons).toEqual([expect.stringContaining('Sentinels cannot agree')]);
  });

  it('is degraded while memory is over the threshold', async () => {
    const primary = await topology.primary();
    // So much that a client more or less, with its buffers, makes no percent of it.
    await primary.cli('SETRANGE', 'filler', '20000000', 'x');
    const used = Number(/used_memory:(\d+)/.exec(String(await primary.cli('INFO', 'memory')))?.[1]);
    await primary.cli('CONFIG', 'SET', 'maxmemory', String(Math.round(used * 1.05)));
    try {
      const { sessions } = await untilHealth(app, 'degraded', isDegraded);
      expect(sessions.reasons).toEqual([expect.stringMatching(/^Memory is 9\d % full/)]);
    } finally {
      await primary.cli('CONFIG', 'SET', 'maxmemory', '0');
      await primary.cli('DEL', 'filler');
    }
    await untilHealth(app, 'up again', isUp);
  });

  it('is down within its timeout when the primary freezes, and up with the last failover told once a replica took over', async () => {
    const frozen = await topology.primary();
    frozen.freeze();
    const startedMs = performance.now();
    const health = await healthOf(app, '?timeoutMs=300');
    expect(performance.now() - startedMs).toBeLessThan(1000);
    expect(health).toMatchObject({ httpStatus: 503, overall: 'error', sessions: { status: 'down', mode: 'sentinel' } });
    expect(health.sessions.reasons).toHaveLength(1);

    const promoted = await pollUntil('the failover', async () => {
      const primary = await topology.primary();
      return primary !== frozen && primary;
    });
    frozen.thaw();
    const after = await untilHealth(app, 'up on the promoted node', isUp);
    expect(after.sessions).toMatchObject({
      primary: promoted.address,
      liveSessions: 1,
      lastFailover: { from: frozen.address, to: promoted.address, durationMs: expect.any(Number) },
    });
  });

  it('works for a module that is not global', async () => {
    @Module({
      imports: [
        SessionModule.forRoot({
          application: 'health-local',
          secret: SECRET,
          redis: topology.redisOptions,
          isGlobal: false,
        }),
      ],
      exports: [SessionModule],
    })
    class LocalSessionModule {}
    const local = await startApp(LocalSessionModule, SessionHealthModule.register({ imports: [LocalSessionModule] }));

    const { sessions } = await untilHealth(local, 'up', isUp);
    expect(sessions).toMatchObject({ mode: 'sentinel', liveSessions: 0 });
  });
});

describe('health of sessions in a standalone Redis', () => {
  let server: RedisProcess;
  let app: INestApplication;

  beforeAll(async () => {
    server = await startRedisServer();
    const redis = { host: server.host, port: server.port };
    app = await startApp(SessionModule.forRoot({ application: 'health', secret: SECRET, redis }));
  });

  afterAll(async () => {
    await closeApps();
    await server.stop();
  });

  it('is up without a replica, because nobody asked for one', async () => {
    const { sessions } = await untilHealth(app, 'up', isUp);
    expect(sessions).toMatchObject({ mode: 'standalone', primary: server.address, replicas: [], sentinels: null });
  });

  it('is down within its timeout while Redis is frozen, every time, and up again afterwards', async () => {
    server.freeze();
    try {
      for (let round = 0; round < 3; round++) {
        const startedMs = performance.now();
        const health = await healthOf(app, '?timeoutMs=200');
        expect(performance.now() - startedMs).toBeLessThan(900);
        expect(health).toMatchObject({ httpStatus: 503, sessions: { status: 'down' } });
      }
    } finally {
      server.thaw();
    }
    await untilHealth(app, 'up again', isUp);
  });

  it('is down within its timeout while Redis is dead, and up again afterwards', async () => {
    await server.kill();
    const startedMs = performance.now();
    const health = await healthOf(app, '?timeoutMs=200');
    expect(performance.now() - startedMs).toBeLessThan(900);
    expect(health).toMatchObject({ httpStatus: 503, sessions: { status: 'down' } });

    await server.restart();
    await untilHealth(app, 'up again', isUp);
  });
});

describe('health of sessions elsewhere', () => {
  afterEach(closeApps);

  const withStore = (store: session.Store) =>
    startApp(SessionModule.forRoot({ application: 'health', secret: SECRET, store }));

  it('is up in this process, with the count', async () => {
    const app = await startApp(SessionModule.forRoot({ application: 'health', secret: SECRET }));
    await request(app.getHttpServer()).post('/login').expect(201);

    const { sessions } = await healthOf(app);
    expect(sessions).toEqual({ status: 'up', mode: 'memory', degraded: false, reasons: [], liveSessions: 1 });
  });

  it('is up over a foreign store that answers, and asks it for its length on demand only', async () => {
    const app = await withStore(new session.MemoryStore());
    await request(app.getHttpServer()).post('/login').expect(201);

    expect((await healthOf(app)).sessions).toEqual({ status: 'up', mode: 'store', degraded: false, reasons: [] });
    expect((await healthOf(app, '?count=true')).sessions).toMatchObject({ status: 'up', liveSessions: 1 });
  });

  it('is down over a foreign store that fails, and repeats nothing of what it said', async () => {
    class FailingStore extends session.MemoryStore {
      override get(_sid: string, callback: (error: unknown) => void): void {
        callback(new Error('postgres://ann:password@db refused'));
      }
    }
    const { httpStatus, sessions } = await healthOf(await withStore(new FailingStore()));

    expect(httpStatus).toBe(503);
    expect(sessions).toMatchObject({ status: 'down', mode: 'store' });
    expect(JSON.stringify(sessions)).not.toContain('ann');
  });

  it('is down within its timeout over a foreign store that hangs', async () => {
    class HangingStore extends session.MemoryStore {
      override get(): void {
        // Never calls back.
      }
    }
    const { sessions } = await healthOf(await withStore(new HangingStore()), '?timeoutMs=100');

    expect(sessions).toMatchObject({ status: 'down', reasons: ['No answer within 100 ms.'] });
  });
});
