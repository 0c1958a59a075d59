import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { Injectable } from '@nestjs/common';
import type { Observable } from 'rxjs';
import { catchError, concatMap, from, map, of, throwError } from 'rxjs';
import { rawOf } from './raw-http.js';
import { RequestSession } from './request-session.js';
import { sessionErrorResponse, sessionHttpException } from './session-http-error.js';

/**
 * Stores the session when the handler has returned, before its value becomes a response: a store that fails then is an exception
 * like any other, and the application's exception filters see it. What answers in other ways (`@Res()`, middleware, filters) is
 * held back by the response itself.
 *
 * @internal
 */
@Injectable()
export class SessionCommitInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    const http = context.switchToHttp();
    const requestSession = RequestSession.of(rawOf<IncomingMessage>(http.getRequest()));
    if (!requestSession) return next.handle();
    const response = rawOf<ServerResponse>(http.getResponse());
    return next.handle().pipe(
      concatMap((value: unknown) => this.commit(requestSession, response, value)),
      // Also what the handler's own calls of the session threw.
      catchError((error: unknown) => {
        if (!response.headersSent) {
          for (const [name, text] of Object.entries(sessionErrorResponse(error).headers))
            response.setHeader(name, text);
        }
        return throwError(() => sessionHttpException(error));
      }),
    );
  }

  private commit(requestSession: RequestSession, response: ServerResponse, value: unknown): Observable<unknown> {
    // A response that is on its way, or held, commits itself; a lock around this interceptor must outlast that.
    const work = response.headersSent ? requestSession.idle() : requestSession.settle();
    return work ? from(work).pipe(map(() => value)) : of(value);
  }
}
