import type { ServerResponse } from 'node:http';
import { HttpStatus, Logger } from '@nestjs/common';
import type { Request, RequestHandler, Response } from 'express';
import session from 'express-session';
import type { CookieOptions, Store } from 'express-session';
import type { ResolvedSessionOptions } from '../options/resolved-session.options.js';
import type { SessionCookieOptions } from '../options/session.options.js';
import type { SessionLocks } from '../store/session-locks.js';
import { commitBeforeRespond, responseMethodsOf } from './commit-before-respond.js';
import type { ResponseCommit, ResponseMethods } from './commit-before-respond.js';
import { viewStore } from './cycle-store.js';
import type { CycleStore } from './cycle-store.js';
import { RequestSession } from './request-session.js';
import type { CycleRequest } from './cycle-request.js';
import {
  cookiePathMatches,
  forwardedProtocolOf,
  isSecure,
  requestPathOf,
  resolveCookieOptions,
  serializeCookie,
  serializeExpiredCookie,
  signedCookieValue,
} from './session-cookie.js';
import type { SessionContext } from './session-context.js';
import { isOutage, sessionErrorResponse, tellWhenToRetry } from './session-http-error.js';
import { equipSession } from './session-methods.js';
import { unavailableStore } from './unavailable-store.js';

/** What a cycle needs of the options. @internal */
export interface SessionCycleOptions extends Pick<ResolvedSessionOptions, 'secrets' | 'proxy' | 'rolling' | 'genid'> {
  /** @defaultValue 'reject' */
  readonly onUnavailable?: 'reject' | 'anonymous' | undefined;
  readonly cookie: SessionCookieOptions;
}

/** Takes what an operator should know. @internal */
export type SessionCycleLogger = Pick<Logger, 'warn' | 'error'>;

/** @internal */
export interface SessionCycleDependencies {
  readonly options: SessionCycleOptions;
  readonly store: Store;
  /** @defaultValue null: no exclusive access */
  readonly locks?: SessionLocks | null | undefined;
  /** Carries the request to whoever asks for its session. */
  readonly context: SessionContext;
  /** @defaultValue Nest's logger */
  readonly logger?: SessionCycleLogger | undefined;
}

/** A request's way through its session, as middleware on the raw request and response. @internal */
export type SessionCycle = (request: CycleRequest, response: ServerResponse, next: Next) => void;

type Next = (error?: unknown) => void;

/**
 * Makes the cycle of express-session, with the defaults of its coming version 2, and with what it lacks: the response waits for
 * the session, the cookie goes with the session, several cycles may share a store. All that knows how express-session goes about
 * a request is in this file.
 *
 * @internal
 */
export function createSessionCycle(dependencies: SessionCycleDependencies): SessionCycle {
  const { options, store, locks = null, context, logger = new Logger('SessionModule') } = dependencies;
  const cycle = new ExpressSessionCycle(options, store, locks, context, logger);
  return (request, response, next) => {
    cycle.run(request, response, next);
  };
}

class ExpressSessionCycle {
  private readonly name: string;
  /** The cookie options for requests over a connection that is not secure, and over one that is. */
  private readonly cookieForms: readonly [CookieOptions, CookieOptions];
  private readonly view: CycleStore;
  private readonly handle: RequestHandler;
  private hasWarnedOfDroppedCookie = false;

  constructor(
    private readonly options: SessionCycleOptions,
    store: Store,
    private readonly locks: SessionLocks | null,
    private readonly context: SessionContext,
    private readonly logger: SessionCycleLogger,
  ) {
    const { secrets, cookie, proxy, rolling, genid } = options;
    this.name = cookie.name ?? 'connect.sid';
    this.cookieForms = [resolveCookieOptions(cookie, false), resolveCookieOptions(cookie, true)];
    let handle: RequestHandler | undefined;
    const mount = (view: Store): void => {
      handle = session({
        store: view,
        secret: [...secrets],
        name: this.name,
        resave: false,
        saveUninitialized: false,
        rolling,
        ...(proxy !== undefined && { proxy }),
        ...(genid && { genid }),
      });
    };
    // Given here, not to express-session: it takes a function from 1.19 on only, and `auto` is resolved in one way for all forms.
    this.view = viewStore(store, mount, (request) =>
      Object.assign(new session.Cookie(), this.cookieOptionsOf(request)),
    );
    this.handle = handle as unknown as RequestHandler;
  }

  run(request: CycleRequest, response: ServerResponse, next: Next): void {
    // Fastify says `protocol`, Express `secure`, express-session reads `secure`.
    if (request.secure === undefined && request.protocol !== undefined) request.secure = request.protocol === 'https';
    const { cookie } = this.options;
    const { path = '/' } = cookie.forRequest ? this.cookieOptionsOf(request) : cookie;
    // A session is there already: another cycle's, whose request this is then.
    if (request.session || !cookiePathMatches(path, requestPathOf(request))) {
      next();
      return;
    }
    const methods = responseMethodsOf(response);
    // Beneath express-session, so that it sees all headers, also those given to `writeHead`, and express-session's cookie.
    response.writeHead = ((...args: unknown[]) => {
      const requestSession = RequestSession.of(request);
      if (requestSession) this.completeCookie(requestSession, request, response);
      return methods.writeHead.apply(response, args);
    }) as ServerResponse['writeHead'];
    this.view.loadUntilClosed(response, () => {
      this.handle(request as unknown as Request, response as unknown as Response, (error?: unknown) => {
        if (error === undefined || error === null) this.begin(request, response, methods, next);
        else if (this.isAnonymousOn(error)) this.begin(request, response, methods, next, error);
        else this.refuse(error, response, next);
      });
    });
  }

  /** Whether the request goes on, with an empty session, although its own could not be reached. */
  private isAnonymousOn(error: unknown): boolean {
    return this.options.onUnavailable === 'anonymous' && isOutage(error);
  }

  private begin(
    request: CycleRequest,
    response: ServerResponse,
    methods: ResponseMethods,
    next: Next,
    outage?: unknown,
  ): void {
    try {
      if (outage !== undefined) this.view.generate(request);
      const { session } = request;
      if (!session) throw new Error('unreachable: express-session goes on with a session or with an error');
      const { generate } = this.view;
      const store = outage === undefined ? this.view.store : unavailableStore(outage);
      const isLoaded = this.view.isLoaded(request);
      const requestSession = new RequestSession({ request, locks: this.locks, session, store, generate, isLoaded });
      equipSession(session);
      commitBeforeRespond(response, methods, this.commitOf(requestSession, response, outage !== undefined));
    } catch (error) {
      next(error);
      return;
    }
    this.context.run(request, next);
  }

  /** The session could not be loaded. No session and no cookie, so that the user's own stays. */
  private refuse(error: unknown, response: ServerResponse, next: Next): void {
    if (isOutage(error)) tellWhenToRetry(response);
    next(error);
  }

  private commitOf(requestSession: RequestSession, response: ServerResponse, isAnonymous: boolean): ResponseCommit {
    return {
      // The application was told of the failure and answers with an error: it need not hear of it again.
      settle: (status) => (requestSession.failure !== undefined && status >= 400 ? undefined : requestSession.settle()),
      completeHead: (status) => {
        if (requestSession.hasMetOutage && status === HttpStatus.SERVICE_UNAVAILABLE) tellWhenToRetry(response);
      },
      isCookieWithheld: () => isAnonymous || requestSession.failure !== undefined,
      failed: (error, what) => {
        const answer = sessionErrorResponse(error);
        const subject = what === 'store' ? 'A session could not be stored' : 'A response could not be sent';
        const text = `${subject}; answered ${answer.status}. ${messageOf(error)}`;
        if (answer.status < 500 || isOutage(error)) this.logger.warn(text);
        else this.logger.error(text, stackOf(error));
        return answer;
      },
      failedLate: (error) => {
        this.logger.error(
          `A session could not be stored after its response had begun. ${messageOf(error)}`,
          stackOf(error),
        );
      },
    };
  }

  private cookieOptionsOf(request: CycleRequest): CookieOptions {
    const { cookie, proxy } = this.options;
    const isRequestSecure = isSecure(request, proxy);
    if (!cookie.forRequest) return this.cookieForms[isRequestSecure ? 1 : 0];
    return resolveCookieOptions({ ...cookie, ...cookie.forRequest(request) }, isRequestSecure);
  }

  /** What express-session leaves out of `Set-Cookie`. */
  private completeCookie(requestSession: RequestSession, request: CycleRequest, response: ServerResponse): void {
    const { session } = request;
    if (!session) {
      if (carriesCookie(request, this.name)) {
        response.appendHeader('Set-Cookie', serializeExpiredCookie(requestSession.initialCookie, this.name));
      }
      return;
    }
    if (session.cookie.secure && !isSecure(request, this.options.proxy)) {
      if (requestSession.hasNewSession) this.warnOfDroppedCookie(request);
      return;
    }
    if (this.options.secrets.length > 1 && requestSession.isOfCookie(session) && !this.setsCookie(response)) {
      const value = signedCookieValue(session.id, this.options.secrets[0]);
      if (!request.headers.cookie?.includes(encodeURIComponent(value))) {
        response.appendHeader('Set-Cookie', serializeCookie(session.cookie, this.name, value));
      }
    }
  }

  private setsCookie(response: ServerResponse): boolean {
    return [response.getHeader('Set-Cookie') ?? []].flat().some((line) => String(line).startsWith(`${this.name}=`));
  }

  private warnOfDroppedCookie(request: CycleRequest): void {
    if (this.hasWarnedOfDroppedCookie) return;
    this.hasWarnedOfDroppedCookie = true;
    const protocol = forwardedProtocolOf(request);
    const cause =
      protocol === 'https'
        ? 'a proxy says `X-Forwarded-Proto: https`, but it is not trusted. Set `proxy: true`, or trust the proxy in ' +
          "the HTTP server (Express: `app.set('trust proxy', 1)`; Fastify: `new FastifyAdapter({ trustProxy: true })`)"
        : `the connection is not secure${protocol === undefined ? ' and no proxy says otherwise' : ''}. Use HTTPS; when a ` +
          'proxy ends TLS, let it send `X-Forwarded-Proto: https` and set `proxy: true`; without TLS, `secure: "auto"`';
    this.logger.warn(`A session's cookie "${this.name}" is secure and was not sent: ${cause}. This is said once.`);
  }
}

function carriesCookie(request: CycleRequest, name: string): boolean {
  return request.headers.cookie?.split(';').some((pair) => pair.trimStart().startsWith(`${name}=`)) ?? false;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined;
}
