import { SessionError } from './session.error.js';

/** A new session drew an id that is taken or was in use a moment ago; nothing was stored. @public */
export class SessionIdTakenError extends SessionError {
  override readonly code = 'SESSION_STORE_ID_TAKEN';

  constructor() {
    super(
      'A new session got an id that is in use already. If `genid` is set, let it return at least 128 random bits; else regenerate the session.',
    );
  }
}
