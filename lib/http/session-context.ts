import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage } from 'node:http';
import { Injectable } from '@nestjs/common';
import type { SessionData } from 'express-session';
import type { RawRequest } from './raw-http.js';
import { SessionRequest } from './session-request.js';
import type { SessionRenewal } from './current-session.js';
import type { LiveSession } from './session.types.js';

/**
 * Carries the request through everything its handling calls, so that its session is at hand without request scope.
 *
 * It carries the request and not the session: after `regenerate` and `reload` the session is another object.
 *
 * @public
 */
@Injectable()
export class SessionContext {
  private readonly requests = new AsyncLocalStorage<RawRequest>();

  /** Runs a callback, and all that it starts, for a raw request. @internal */
  run<T>(request: IncomingMessage, callback: () => T): T {
    return this.requests.run(request, callback);
  }

  /** Passes a call on, and lets the current request know that it failed. @internal */
  async told<T>(call: Promise<T>): Promise<T> {
    try {
      return await call;
    } catch (error) {
      this.request()?.note(error);
      throw error;
    }
  }

  /** The request that this code works for, with its session. @internal */
  request(): SessionRequest | undefined {
    const request = this.requests.getStore();
    return request && SessionRequest.of(request);
  }

  /** Gives the current request's session a new id. @internal */
  regenerate(renewal: SessionRenewal): Promise<void> {
    const session = this.request();
    if (!session) return Promise.reject(new Error('There is no request whose session could get a new id.'));
    return session.regenerate(renewal);
  }

  /**
   * The live session of the request that this code works for, or `undefined`: outside of a request, on a route that the module
   * does not cover, or when the session has been destroyed.
   *
   * @typeParam Data - the session's data; without it what the application declared for express-session's `SessionData`
   */
  current<Data extends object = SessionData>(): LiveSession<Data> | undefined {
    return (this.requests.getStore()?.session ?? undefined) as LiveSession<Data> | undefined;
  }
}
