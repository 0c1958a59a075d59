import { Module } from '@nestjs/common';
import type { DynamicModule, ModuleMetadata } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { SessionHealthIndicator } from './session.health.js';

/**
 * Provides `SessionHealthIndicator`.
 *
 * @remarks With a global `SessionModule` (the default) import the class as it is; with `isGlobal: false` use
 *   `SessionHealthModule.register`. The indicator may as well be listed among a module's own `providers`, next to
 *   `TerminusModule` and the module that exports the sessions.
 * @public
 */
@Module({
  imports: [TerminusModule],
  providers: [SessionHealthIndicator],
  exports: [SessionHealthIndicator],
})
export class SessionHealthModule {
  /**
   * For a `SessionModule` that is not global, or for one of several.
   *
   * @param options - `imports`: the module that re-exports the `SessionModule` in question (the same object that the
   *   application imports: a second `forRoot` would be a second session).
   */
  static register(options: Required<Pick<ModuleMetadata, 'imports'>>): DynamicModule {
    return { module: SessionHealthModule, imports: options.imports };
  }
}
