import type { DynamicModule, ModuleMetadata } from '@nestjs/common';
import { Module } from '@nestjs/common';
import type { SessionMetricsOptions } from './session-metrics.options.js';
import { SESSION_METRICS_OPTIONS, SessionMetricsRecorder } from './session-metrics.recorder.js';

/**
 * Metrics of the sessions for Prometheus and OpenTelemetry, and spans.
 *
 * @remarks With a global `SessionModule` (the default) nothing but the options is needed; with `isGlobal: false`, or for one of
 *   several, `imports` names the module that re-exports the `SessionModule` in question.
 * @public
 */
@Module({})
export class SessionMetricsModule {
  /**
   * Registers the metrics.
   *
   * @throws SessionConfigurationError at start-up when a package is missing, or the registry has the metrics of another
   *   `SessionModule` already.
   */
  static forRoot(options: SessionMetricsOptions & Pick<ModuleMetadata, 'imports'> = {}): DynamicModule {
    const { imports = [], ...own } = options;
    return {
      module: SessionMetricsModule,
      imports,
      providers: [{ provide: SESSION_METRICS_OPTIONS, useValue: own }, SessionMetricsRecorder],
    };
  }
}
