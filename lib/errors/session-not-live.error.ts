import { SessionError } from './session.error.js';

/** `req.session` was set to something that is no session; nothing was stored. A fault of the application: 500. @public */
export class SessionNotLiveError extends SessionError {
  override readonly code = 'SESSION_HTTP_NOT_LIVE';

  constructor() {
    super(
      'req.session was set to an object that is not a session; nothing was stored. Assign to its fields ' +
        '(Object.assign(req.session, data)), call req.session.regenerate() for an empty one, or set it to null to end it.',
    );
  }
}
