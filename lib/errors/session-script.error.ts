import { SessionError } from './session.error.js';

/** A script answered what it never answers: another program writes to our keys, or the server changed the reply. @public */
export class SessionScriptError extends SessionError {
  override readonly code = 'SESSION_SCRIPT_REPLY';

  constructor(script: string, reply: unknown) {
    super(
      `Script "${script}" gave an unexpected reply (${Array.isArray(reply) ? `${reply.length} elements` : typeof reply}). ` +
        "See whether something between the application and Redis rewrites commands, or something else writes to the sessions' keys.",
    );
  }
}
