/** Injection token of the options. @internal */
export const MONITOR_OPTIONS = Symbol.for('nestjs-ha-session:monitor-options');
