import { SessionError } from './session.error.js';

/** Something was asked for that the configured place of the sessions cannot do. @public */
export class SessionUnsupportedError extends SessionError {
  override readonly code = 'SESSION_STORE_UNSUPPORTED';

  constructor(what: string, needs: string) {
    super(
      `${what} needs ${needs}. The module was given a store of the application's own; use the option \`redis\` instead.`,
    );
  }
}
