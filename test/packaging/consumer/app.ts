/** What a user writes; compiled to ESM and to CommonJS, against the packed package, by every TypeScript we support. */
import 'reflect-metadata';
import { Controller, Get, Inject, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import type { AddressInfo } from 'node:net';
import type { LiveSession } from 'nestjs-ha-session';
import { CurrentSession, SessionModule, SessionService, SessionValue } from 'nestjs-ha-session';
import { SessionHealthIndicator, SessionHealthModule } from 'nestjs-ha-session/health';

declare module 'express-session' {
  interface SessionData {
    user: { name: string; roles: string[] };
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
  login(@CurrentSession() session: LiveSession) {
    session.user = { name: 'ada', roles: ['clerk'] };
    return { stored: true };
  }

  @Get('me')
  me(@SessionValue('user') user: { name: string; roles: string[] } | undefined) {
    return { name: user?.name ?? null };
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
    }),
    TerminusModule,
    SessionHealthModule,
  ],
  controllers: [AccountController],
})
class AppModule {}

async function start(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
  // Nest warns of an old wildcard only once there is a prefix.
  app.setGlobalPrefix('api');
  app.enableShutdownHooks();
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  process.stdout.write(`listening on http://127.0.0.1:${port}\n`);
}

void start();
