import { SetMetadata, UseInterceptors, applyDecorators } from '@nestjs/common';
import { SESSION_ACCESS, SessionAccessInterceptor } from './session-access.interceptor.js';
import type { SessionAccessMode } from './session.types.js';

/** One for all: it needs nothing of the module that a handler is in. */
const INTERCEPTOR = new SessionAccessInterceptor();

/**
 * Says what a handler, or all of a controller's, may do with the session; a handler's word goes before its controller's.
 *
 * @remarks
 * What the handler changed is stored when it has returned, before its value becomes a response: exception filters see an error
 * of that. Without this decorator, `'shared'` access, the response waits for it instead, and an error replaces the response.
 *
 * `'exclusive'` holds while the handler, its pipes and inner interceptors run, and until its change is stored; guards,
 * middleware and global interceptors run before. A request waits for at most `lockTimeoutMs`, then gets a 503. A process that
 * dies holds the lock for eight more seconds.
 *
 * @param mode - `'shared'`, `'exclusive'`, `'readonly'`, `'passive'` or `'none'`
 * @public
 */
export function SessionAccess(mode: SessionAccessMode): ClassDecorator & MethodDecorator {
  return applyDecorators(SetMetadata(SESSION_ACCESS, mode), UseInterceptors(INTERCEPTOR));
}
