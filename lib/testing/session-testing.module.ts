import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import type { SessionModuleOptions } from '../options/session.options.js';
import { SessionModule } from '../session.module.js';
import type { SessionModuleRegistration } from '../session.module.js';

/** Long enough for every environment; known to everybody, so for tests only. */
const TEST_SECRET = 'nestjs-ha-session/testing: no secret at all';

/**
 * A `SessionModule` for tests: sessions in this process, a fixed secret, nothing logged.
 *
 * @remarks Everything else is the module itself: the same middleware, decorators, service and rules as in production. Each
 *   `forRoot` has sessions of its own.
 * @public
 */
@Module({})
export class SessionTestingModule {
  /**
   * Registers it.
   *
   * @param overrides - Options over those for tests; with `redis` or `store` the sessions live there.
   * @throws SessionConfigurationError when an option is wrong; lists all faults with their paths.
   */
  static forRoot(overrides: Partial<SessionModuleOptions & SessionModuleRegistration> = {}): DynamicModule {
    const sessions = SessionModule.forRoot({ application: 'test', secret: TEST_SECRET, ...overrides });
    return { module: SessionTestingModule, imports: [sessions], exports: [SessionModule] };
  }
}
