import type { SessionAuthentication } from '../core/session-record.js';

/** A sign-in of which nothing is known but that it happened. @internal */
export const PLAIN_SIGN_IN: SessionAuthentication = Object.freeze({ method: null, actor: null, provider: null });
