export { SessionMetricsModule } from './session-metrics.module.js';
export type { SessionMetricsOptions, SessionMetricsRegistry } from './session-metrics.options.js';
