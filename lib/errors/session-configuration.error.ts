import { SessionError } from './session.error.js';

/** One fault of the options. @public */
export interface SessionConfigurationFault {
  /** Where: `cookie.sameSite`, `redis.sentinels[1].port`. */
  readonly path: string;
  /** The fault, what is allowed, and what to do. */
  readonly message: string;
}

/** The options are wrong; lists all faults at once. @public */
export class SessionConfigurationError extends SessionError {
  override readonly code = 'SESSION_CONFIG_INVALID';

  constructor(
    /** Every fault found, in the order of the options. */
    readonly faults: readonly SessionConfigurationFault[],
  ) {
    const lines = faults.map((fault) => `  - ${fault.path || '(options)'}: ${fault.message}`);
    super(`The session options have ${faults.length} fault${faults.length === 1 ? '' : 's'}:\n${lines.join('\n')}`);
  }
}
