/** What a user writes; compiled to ESM and to CommonJS, against the packed package, by every TypeScript we support. */
import 'reflect-metadata';
import type { INestApplication } from '@nestjs/common';
import { Body, Controller, Get, Inject, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import type { AddressInfo } from 'node:net';
import type { LiveSession } from 'nestjs-ha-session';
import { CurrentSession, SessionAccess, SessionModule, SessionService, SessionValue } from 'nestjs-ha-session';
import { SessionHealthIndicator, SessionHealthModule } from 'nestjs-ha-session/health';
import { SessionMonitorModule } from 'nestjs-ha-session/monitor';

declare module 'express-session' {
  interface SessionData {
    user: { name: string; roles: string[] };
    cart: string[];
  }
}

@Controller()
class AccountController {
  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(SessionHealthIndicator) private readonly indicator: SessionHealthIndicator,
  ) {}

  @Post('login')
  async login() {
    const session = await this.sessions.regenerate();
    session.user = { name: 'ada', roles: ['clerk'] };
    return { stored: true };
  }

  @Post('cart')
  @SessionAccess('exclusive')
  add(@CurrentSession() session: LiveSession, @Body() { item }: { item: string }) {
    session.cart = [...(session.cart ?? []), item];
    return { items: session.cart.length };
  }

  @Get('me')
  me(@SessionValue('user') user: { name: string; roles: string[] } | undefined, @SessionValue('cart') cart?: string[]) {
    return { name: user?.name ?? null, cart: cart ?? [] };
  }

  @Post('logout')
  async logout(@CurrentSession() session: LiveSession) {
    await session.destroy();
    return { ended: true };
  }

  @Get('count')
  async count() {
    return { sessions: await this.sessions.count() };
  }

  @Get('health')
  @HealthCheck()
  check() {
    return this.health.check([() => this.indicator.isHealthy('sessions')]);
  }
}

const { sentinels, name } = JSON.parse(process.env['TOPOLOGY'] ?? '') as {
  sentinels: { host: string; port: number }[];
  name: string;
};

@Module({
  imports: [
    SessionModule.forRoot({
      application: 'packed',
      secret: 'a-secret-of-the-packaging-tests-0123456789',
      redis: { sentinels, name },
      cookie: { secure: 'auto' },
      userId: (session) => session.user?.name,
    }),
    TerminusModule,
    SessionHealthModule,
    SessionMonitorModule.forRoot({ route: 'operate', guard: { canActivate: () => true } }),
  ],
  controllers: [AccountController],
})
class AppModule {}

async function create(): Promise<INestApplication> {
  const logger = { logger: ['error' as const, 'warn' as const] };
  if (process.env['PLATFORM'] !== 'fastify') return NestFactory.create(AppModule, logger);
  const { FastifyAdapter } = await import('@nestjs/platform-fastify');
  return NestFactory.create(AppModule, new FastifyAdapter(), logger);
}

async function start(): Promise<void> {
  const app = await create();
  // Nest warns of an old wildcard only once there is a prefix.
  app.setGlobalPrefix('api');
  app.enableShutdownHooks();
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  process.stdout.write(`listening on http://127.0.0.1:${port}\n`);
}

void start();
