import type { DynamicModule, ModuleMetadata } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { createMonitorController } from './monitor.controller.js';
import { MonitorFeed } from './monitor-feed.js';
import { MonitorActions } from './monitor-actions.js';
import { MonitorReads } from './monitor-reads.js';
import type { SessionMonitorOptions } from './session-monitor.options.js';
import { resolveMonitorOptions } from './session-monitor.options.js';
import { MONITOR_OPTIONS } from './monitor.tokens.js';

/**
 * One page for those who operate the sessions: live numbers, history, capacity, topology, failovers, the doctor's findings, and the
 * sessions of a user.
 *
 * @remarks With a global `SessionModule` (the default) `route` and `guard` are all it needs; with `isGlobal: false`, or for one of
 *   several, `imports` names the module that re-exports the `SessionModule` in question. `imports` also brings what the guard injects.
 * @public
 */
@Module({})
export class SessionMonitorModule {
  /**
   * Mounts the page.
   *
   * @throws SessionConfigurationError without a guard, or when another option is wrong.
   */
  static forRoot(options: SessionMonitorOptions & Pick<ModuleMetadata, 'imports'>): DynamicModule {
    const { imports = [], ...own } = options;
    const resolved = resolveMonitorOptions(own);
    return {
      module: SessionMonitorModule,
      imports,
      controllers: [createMonitorController(resolved)],
      providers: [{ provide: MONITOR_OPTIONS, useValue: resolved }, MonitorFeed, MonitorReads, MonitorActions],
    };
  }
}
