import type { MiddlewareConsumer, NestModule } from '@nestjs/common';
import { Module, StandardSchemaValidationPipe } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE } from '@nestjs/core';
import { TerminusModule } from '@nestjs/terminus';
import { SessionModule } from 'nestjs-ha-session';
import { SessionHealthModule } from 'nestjs-ha-session/health';
import { SessionMetricsModule } from 'nestjs-ha-session/metrics';
import { SessionMonitorModule } from 'nestjs-ha-session/monitor';
import { AdminController } from './admin/admin.controller.js';
import { CartController } from './cart/cart.controller.js';
import { CatalogueController } from './catalogue/catalogue.controller.js';
import { CatalogueService } from './catalogue/catalogue.service.js';
import { HealthController } from './health/health.controller.js';
import { LabController } from './lab/lab.controller.js';
import { PulseController } from './lab/pulse.controller.js';
import { MetricsController } from './operate/metrics.controller.js';
import { OperatorGuard } from './operate/operator.guard.js';
import { OrderController } from './orders/order.controller.js';
import { HomeController } from './pages/home.controller.js';
import { PageContextService } from './pages/page-context.service.js';
import { PageExceptionFilter } from './pages/page-exception.filter.js';
import { sameOriginOnly } from './pages/same-origin.middleware.js';
import { SessionController } from './pages/session.controller.js';
import { readSettings } from './portal.settings.js';
import { PORTAL_SETTINGS } from './portal.tokens.js';
import { AccessGuard } from './sign-in/access.guard.js';
import { DirectoryService } from './sign-in/directory.service.js';
import { SignInController } from './sign-in/sign-in.controller.js';

const settings = readSettings(process.env);

@Module({
  imports: [
    SessionModule.forRoot({
      application: 'portal',
      secret: settings.sessionSecret,
      cookie: { name: 'portal.sid', httpOnly: true, sameSite: 'lax', secure: 'auto' },
      idleTimeoutMs: 20 * 60_000,
      userId: (session) => session.user?.id,
      describe: (request) => ({ browser: (request.headers['user-agent'] ?? '').slice(0, 120) }),
      ...(settings.redisUrl && { redis: settings.redisUrl }),
      // Health checks and scrapes make no sessions, and the lab must work while Redis does not.
      exclude: ['health', 'metrics', 'lab/{*path}'],
    }),
    TerminusModule,
    SessionHealthModule,
    SessionMetricsModule.forRoot(),
    // A demo: everything is allowed, to administrators.
    SessionMonitorModule.forRoot({ route: 'monitor', guard: OperatorGuard, allowActions: true }),
  ],
  controllers: [
    HomeController,
    SignInController,
    CatalogueController,
    CartController,
    OrderController,
    AdminController,
    HealthController,
    MetricsController,
    SessionController,
    PulseController,
    LabController,
  ],
  providers: [
    { provide: PORTAL_SETTINGS, useValue: settings },
    CatalogueService,
    DirectoryService,
    PageContextService,
    { provide: APP_GUARD, useClass: AccessGuard },
    { provide: APP_FILTER, useClass: PageExceptionFilter },
    { provide: APP_PIPE, useValue: new StandardSchemaValidationPipe() },
  ],
})
export class PortalModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(sameOriginOnly).forRoutes('{*path}');
  }
}
