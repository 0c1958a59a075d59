export type { SessionHealthDetails } from './session-health.details.js';
export { SessionHealthModule } from './session-health.module.js';
export type { SessionHealthOptions } from './session-health.options.js';
export { SessionHealthIndicator } from './session.health.js';
export type { SessionHealthResult } from './session.health.js';
