import { SetMetadata } from '@nestjs/common';

/**
 * What a handler may do with its session, and who else may at the same time.
 *
 * - `'shared'`, the default: any number of requests at once; what each changed is merged, field by field.
 * - `'exclusive'`: one request at a time, on all instances. The handler finds the session as the one before left it.
 * - `'readonly'`: as `'shared'`, but a change is refused by an error that names the field.
 * - `'none'`: nothing is stored and the deadline does not move, as if the request had not been made. (A route that is to cost
 *   not even the load belongs into the module's `exclude`.)
 *
 * @public
 */
export type SessionAccessMode = 'shared' | 'exclusive' | 'readonly' | 'none';

/** @internal */
export const SESSION_ACCESS = Symbol.for('nestjs-ha-session:access');

/**
 * Says what a handler, or all of a controller's, may do with the session; a handler's word goes before its controller's.
 *
 * @remarks
 * `'exclusive'` holds while the handler, its pipes and inner interceptors run, and until its change is stored; guards and
 * middleware run before. A request waits for at most `lockTimeoutMs`, then gets a 503. A process that dies holds the lock for
 * eight more seconds.
 *
 * @param mode - `'shared'`, `'exclusive'`, `'readonly'` or `'none'`
 * @public
 */
export function SessionAccess(mode: SessionAccessMode): ClassDecorator & MethodDecorator {
  return SetMetadata(SESSION_ACCESS, mode);
}
