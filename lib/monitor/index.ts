export { SessionMonitorModule } from './session-monitor.module.js';
export type { SessionMonitorAction, SessionMonitorGuard, SessionMonitorOptions } from './session-monitor.options.js';
