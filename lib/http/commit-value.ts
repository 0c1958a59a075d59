import type { ServerResponse } from 'node:http';
import type { MonoTypeOperatorFunction } from 'rxjs';
import { catchError, concatMap, from, map, of, throwError } from 'rxjs';
import type { RequestSession } from './request-session.js';
import { sessionErrorResponse, sessionHttpException } from './session-http-error.js';

/**
 * Stores the session when the handler has returned, before its value becomes a response: a store that fails then is an exception
 * like any other, and the application's exception filters see it. What answers in other ways (`@Res()`, middleware, filters) is
 * held back by the response itself.
 *
 * @internal
 */
export function commitBeforeValue(
  requestSession: RequestSession,
  response: ServerResponse,
): MonoTypeOperatorFunction<unknown> {
  return concatMap((value) => {
    // A response that is on its way, or held, commits itself; a lock around this must outlast that.
    const work = response.headersSent ? requestSession.idle() : requestSession.settle();
    return work ? from(work).pipe(map(() => value)) : of(value);
  });
}

/** Makes Nest's exceptions of a session's errors, whether storing it failed or what the handler itself asked of it. @internal */
export function tellExceptions<T>(response: ServerResponse): MonoTypeOperatorFunction<T> {
  return catchError((error: unknown) => throwError(() => exceptionOf(error, response)));
}

/** What to hand to Nest for an error of the session, with the headers that belong to it. */
function exceptionOf(error: unknown, response: ServerResponse): unknown {
  if (!response.headersSent) {
    for (const [name, text] of Object.entries(sessionErrorResponse(error).headers)) response.setHeader(name, text);
  }
  return sessionHttpException(error);
}
