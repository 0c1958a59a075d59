import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Observable } from 'rxjs';
import { catchError, defer, finalize, from, mergeMap, switchMap, throwError } from 'rxjs';
import type { Store } from 'express-session';
import { SESSION_LOCKS, SESSION_STORE } from '../core/session.tokens.js';
import { SessionUnsupportedError } from '../errors/session-unsupported.error.js';
import type { SessionLock, SessionLocks } from '../store/session-locks.js';
import { commitBeforeValue, tellExceptions } from './commit-value.js';
import { rawOf } from './raw-http.js';
import { RequestSession } from './request-session.js';
import { SESSION_ACCESS } from './session-access.decorator.js';
import type { SessionAccessMode } from './session-access.decorator.js';

/** Methods that are not meant to change anything: RFC 9110, section 9.2.1. */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/**
 * Gives each handler the access to its session that `@SessionAccess` asks for, and stores the session when it has returned, unless
 * the request is one that should only read. An exclusive lock is held until that is done.
 *
 * @internal
 */
@Injectable()
export class SessionInterceptor implements NestInterceptor {
  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(SESSION_LOCKS) private readonly locks: SessionLocks | null,
    @Inject(SESSION_STORE) private readonly store: Store,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    const http = context.switchToHttp();
    const request = rawOf<IncomingMessage>(http.getRequest());
    const session = RequestSession.of(request);
    // With several modules each has such an interceptor, and locks of its own.
    if (!session?.isAtHomeIn(this.store)) return next.handle();
    const targets = [context.getHandler(), context.getClass()];
    const mode = this.reflector.getAllAndOverride<SessionAccessMode | undefined>(SESSION_ACCESS, targets) ?? 'shared';
    const response = rawOf<ServerResponse>(http.getResponse());
    const commit = commitBeforeValue(session, response);
    if (mode !== 'exclusive') {
      session.access = mode;
      // To tell whether there is anything to store takes serialising the session, and the response has to tell it anyhow.
      return SAFE_METHODS.has(request.method ?? '')
        ? next.handle().pipe(tellExceptions(response))
        : next.handle().pipe(commit, tellExceptions(response));
    }
    return defer(() => from(this.enter(session, response))).pipe(
      tellExceptions(response),
      switchMap((lock) => this.runLocked(session, lock, next.handle().pipe(commit, tellExceptions(response)))),
    );
  }

  /** Takes the lock and loads the session anew. Nobody else knows the id of a new session: it needs no lock. */
  private async enter(session: RequestSession, response: ServerResponse): Promise<SessionLock | undefined> {
    if (!this.locks)
      throw new SessionUnsupportedError("@SessionAccess('exclusive')", 'sessions in Redis or in this process');
    const sid = session.lockableId;
    if (sid === undefined) return undefined;
    const gone = new AbortController();
    const abort = (): void => {
      gone.abort();
    };
    response.once('close', abort);
    try {
      const lock = await this.locks.acquire(sid, gone.signal);
      try {
        await session.enterExclusive(lock.owner);
      } catch (error) {
        await lock.release();
        throw error;
      }
      return lock;
    } finally {
      response.off('close', abort);
    }
  }

  private runLocked(
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
}

function ignore(): void {
  // The response tries again, and tells.
}
