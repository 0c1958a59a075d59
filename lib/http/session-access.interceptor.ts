import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { MonoTypeOperatorFunction } from 'rxjs';
import { concatMap, defer, from, map, Observable, of, Subscription, switchMap } from 'rxjs';
import { SessionAccessError } from '../errors/session-access.error.js';
import { rawRequestOf } from './raw-http.js';
import { SessionRequest } from './session-request.js';
import type { SessionAccessMode } from './session.types.js';

/** Where `@SessionAccess` leaves the mode. @internal */
export const SESSION_ACCESS = Symbol.for('nestjs-ha-session:access');

/**
 * Gives a handler or a resolver the access to its session that `@SessionAccess` asks for, and stores the session when it has
 * returned: a store that fails then is an exception like any other. An exclusive lock is held until the handler has settled and the
 * response is stored, or its connection gone.
 *
 * Only where it is asked for: Nest's chain for an interceptor costs a request as much as loading its session.
 *
 * @internal
 */
export class SessionAccessInterceptor implements NestInterceptor {
  private readonly reflector = new Reflector();

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const targets = [context.getHandler(), context.getClass()];
    const mode = this.reflector.getAllAndOverride<SessionAccessMode>(SESSION_ACCESS, targets);
    const request = rawRequestOf(context);
    const session = request && SessionRequest.of(request);
    const refuse = (reason: string): SessionAccessError => {
      return new SessionAccessError(mode, `${context.getClass().name}.${context.getHandler().name}`, reason);
    };
    if (!session) {
      // Without a session nothing is stored, which is all that the others promise.
      if (mode !== 'exclusive') return next.handle();
      throw refuse(
        'its request has no session; SessionModule covers HTTP routes, GraphQL resolvers whose context has `req`, and gateways ' +
          'behind a SessionSocketAdapter',
      );
    }
    const before = session.access;
    if (before !== undefined && before !== mode && !includes(before, mode)) {
      throw refuse(`another handler of this request has '${before}' access. Give both the same`);
    }
    if (before !== 'exclusive') session.access = mode;
    const values = next.handle().pipe(commitBeforeValue(session, context.getType<string>() !== 'http'));
    if (mode !== 'exclusive') return values;
    return defer(() => from(session.enterExclusive())).pipe(switchMap(() => untilSettled(session, values)));
  }
}

/** Whether the access that a request has is enough for another handler of it. */
function includes(before: SessionAccessMode, mode: SessionAccessMode): boolean {
  return (before === 'exclusive' && mode === 'shared') || (before === 'shared' && mode === 'exclusive');
}

/** What answers in other ways than by a value (`@Res()`, middleware, filters) is held back by the response itself. */
function commitBeforeValue(session: SessionRequest, isAnswered: boolean): MonoTypeOperatorFunction<unknown> {
  return concatMap((value) => {
    const stored = session.settle();
    if (!stored) return of(value);
    // A response that is on its way, or held, tells of a failure itself.
    if (session.response.headersSent) return from(stored.catch(ignore)).pipe(map(() => value));
    return from(
      stored.then(
        () => value,
        (error: unknown) => {
          // A resolver's error is part of an answer whose status is 200, and a message's has none.
          session.isFailureAnswered = isAnswered;
          throw error;
        },
      ),
    );
  });
}

/**
 * Passes a handler's values on. A handler goes on when nobody waits for it any more (rxjs `timeout`): until it has settled, the
 * session stays its own. What sends one value after the other ends with its subscriber.
 */
function untilSettled(session: SessionRequest, values: Observable<unknown>): Observable<unknown> {
  return new Observable((subscriber) => {
    const inner = new Subscription();
    let hasValue = false;
    let isLeft = false;
    session.exclusive?.handlerBegins();
    inner.add(() => {
      session.exclusive?.handlerEnds();
    });
    inner.add(
      values.subscribe({
        next: (value) => {
          hasValue = true;
          subscriber.next(value);
          if (isLeft) inner.unsubscribe();
        },
        error: (error: unknown) => {
          inner.unsubscribe();
          subscriber.error(error);
        },
        complete: () => {
          inner.unsubscribe();
          subscriber.complete();
        },
      }),
    );
    return () => {
      isLeft = true;
      if (hasValue) inner.unsubscribe();
    };
  });
}

function ignore(): void {
  // The response tells.
}
