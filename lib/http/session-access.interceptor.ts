import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { MonoTypeOperatorFunction, Observable } from 'rxjs';
import { catchError, concatMap, defer, finalize, from, map, mergeMap, of, switchMap, throwError } from 'rxjs';
import { SessionUnsupportedError } from '../errors/session-unsupported.error.js';
import type { SessionLock } from '../store/session-locks.js';
import { rawOf } from './raw-http.js';
import { RequestSession } from './request-session.js';
import type { SessionAccessMode } from './session.types.js';

/** Where `@SessionAccess` leaves the mode. @internal */
export const SESSION_ACCESS = Symbol.for('nestjs-ha-session:access');

/**
 * Gives a handler the access to its session that `@SessionAccess` asks for, and stores the session when it has returned: a store
 * that fails then is an exception like any other. An exclusive lock is held until that is done.
 *
 * Only where it is asked for: Nest's chain for an interceptor costs a request as much as loading its session.
 *
 * @internal
 */
export class SessionAccessInterceptor implements NestInterceptor {
  private readonly reflector = new Reflector();

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    const http = context.switchToHttp();
    const session = RequestSession.of(rawOf<IncomingMessage>(http.getRequest()));
    // Where handler and controller have one each, the controller's has seen to it already.
    if (!session || session.access !== undefined) return next.handle();
    const targets = [context.getHandler(), context.getClass()];
    const mode = this.reflector.getAllAndOverride<SessionAccessMode>(SESSION_ACCESS, targets);
    const response = rawOf<ServerResponse>(http.getResponse());
    const commit = commitBeforeValue(session, response);
    session.access = mode;
    if (mode !== 'exclusive') return next.handle().pipe(commit);
    return defer(() => from(enter(session, response))).pipe(
      switchMap((lock) => runLocked(session, lock, next.handle().pipe(commit))),
    );
  }
}

/** What answers in other ways than by a value (`@Res()`, middleware, filters) is held back by the response itself. */
function commitBeforeValue(session: RequestSession, response: ServerResponse): MonoTypeOperatorFunction<unknown> {
  return concatMap((value) => {
    const stored = session.settle();
    // A response that is on its way, or held, tells of a failure itself; a lock around this must outlast what is stored for it.
    const work = response.headersSent ? stored?.catch(ignore) : stored;
    return work ? from(work).pipe(map(() => value)) : of(value);
  });
}

/** Takes the lock and loads the session anew. Nobody else knows the id of a new session: it needs no lock. */
async function enter(session: RequestSession, response: ServerResponse): Promise<SessionLock | undefined> {
  const { locks, lockableId } = session;
  if (!locks) throw new SessionUnsupportedError("@SessionAccess('exclusive')", 'sessions in Redis or in this process');
  if (lockableId === undefined) return undefined;
  const gone = new AbortController();
  const abort = (): void => {
    gone.abort();
  };
  response.once('close', abort);
  try {
    const lock = await locks.acquire(lockableId, gone.signal);
    try {
      await session.enterExclusive(lock.owner);
    } catch (error) {
      await lock.release();
      throw error;
    }
    return lock;
  } catch (error) {
    session.note(error);
    throw error;
  } finally {
    response.off('close', abort);
  }
}

function runLocked(
  session: RequestSession,
  lock: SessionLock | undefined,
  values: Observable<unknown>,
): Observable<unknown> {
  return values.pipe(
    catchError((error: unknown) =>
      // What a handler changed before it failed is stored with the response, and that must be under the lock too.
      from(session.settle()?.catch(ignore) ?? Promise.resolve()).pipe(mergeMap(() => throwError(() => error))),
    ),
    finalize(() => {
      session.leaveExclusive();
      void lock?.release();
    }),
  );
}

function ignore(): void {
  // The response tries again, and tells.
}
