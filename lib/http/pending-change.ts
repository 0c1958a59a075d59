import { SessionReadonlyError } from '../errors/session-readonly.error.js';
import type { PendingChange, RequestDraft, RequestStore } from '../store/request-store.js';
import { isSessionCookie } from './cookie-attributes.js';
import type { CurrentSession } from './current-session.js';
import type { LiveSession, SessionAccessMode } from './session.types.js';

/** What decides whether a change is to be stored. @internal */
export interface PendingScope {
  readonly access: SessionAccessMode | undefined;
  readonly current: CurrentSession;
  readonly port: RequestStore;
  readonly saveUninitialized: boolean;
}

/**
 * Finds what is to be stored, as far as the handler's access allows.
 *
 * @throws SessionReadonlyError when a handler that may only read has changed the session.
 * @internal
 */
export function pendingChange(
  { access, current, port, saveUninitialized }: PendingScope,
  draft: RequestDraft,
  live: LiveSession,
): PendingChange | 'touch' | undefined {
  if (isSessionCookie(live.cookie)) live.cookie.check();
  if (access === 'none') return undefined;
  // As express-session does it: a new session is stored once it holds something, a regenerated one in any case.
  if (current.isOptional && !saveUninitialized) return undefined;
  const pending = port.inspect(draft, live);
  if (access !== 'readonly' || pending === undefined || pending === 'touch') return pending;
  const isOfHandler = pending.fields.length > 0 || (isSessionCookie(live.cookie) && live.cookie.isChanged);
  if (isOfHandler) throw new SessionReadonlyError(pending.fields);
  return undefined;
}
