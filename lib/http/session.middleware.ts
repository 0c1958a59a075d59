import type { ServerResponse } from 'node:http';
import { Logger } from '@nestjs/common';
import type { Cookie, Store } from 'express-session';
import type { ResolvedSessionOptions } from '../options/resolved-session.options.js';
import { ForeignRequestStore } from '../store/foreign-request-store.js';
import { refusingRequestStore } from '../store/refusing-request-store.js';
import type { RequestStore } from '../store/request-store.js';
import type { SessionLocks } from '../store/session-locks.js';
import { guardResponse } from './guarded-response.js';
import { isUpgrade, type RawRequest } from './raw-http.js';
import type { SessionContext } from './session-context.js';
import { SessionCookies, forwardedProtocolOf } from './session-cookie.js';
import type { SessionCookieSettings } from './session-cookie.js';
import { OutageLog } from './outage-log.js';
import { isAbandoned, isOutage, sessionErrorResponse, tellWhenToRetry } from './session-http-error.js';
import type { SessionErrorResponse } from './session-http-error.js';
import type { SessionEnds } from './session-ends.js';
import { SessionRequest } from './session-request.js';
import type { SessionPolicy } from './session-policy.js';

/** What a session middleware needs of the options. @internal */
export interface SessionHandlerOptions
  extends SessionCookieSettings, Pick<ResolvedSessionOptions, 'rolling' | 'genid'> {
  /** @defaultValue false */
  readonly saveUninitialized?: boolean | undefined;
  /** @defaultValue 'reject' */
  readonly onUnavailable?: 'reject' | 'anonymous' | undefined;
}

const NO_COOKIES: readonly string[] = [];

/** Takes what an operator should know. @internal */
export type SessionHandlerLogger = Pick<Logger, 'warn' | 'error'>;

/** @internal */
export interface SessionHandlerParts {
  readonly options: SessionHandlerOptions;
  readonly store: Store;
  /** @defaultValue null: no exclusive access */
  readonly locks?: SessionLocks | null | undefined;
  /** Carries the request to whoever asks for its session. */
  readonly context: SessionContext;
  /** Ends event streams with their sessions. @defaultValue null: nothing does */
  readonly ends?: SessionEnds | null | undefined;
  /** @defaultValue Nest's logger */
  readonly logger?: SessionHandlerLogger | undefined;
}

/** A request's way through its session, as middleware on the raw request and response. @internal */
export type SessionHandler = (request: RawRequest, response: ServerResponse, next: Next) => void;

type Next = (error?: unknown) => void;

/**
 * Makes the session middleware: express-session's contract, with the defaults of its coming version 2.
 *
 * @internal
 */
export function createSessionHandler(parts: SessionHandlerParts): SessionHandler {
  const handling = new SessionHandling(parts);
  return (request, response, next) => {
    handling.run(request, response, next);
  };
}

/** A request's whole way: {@link run} as it comes in, {@link cookiesFor} as its response leaves. */
class SessionHandling implements SessionPolicy<SessionRequest> {
  readonly cookies: SessionCookies;
  readonly saveUninitialized: boolean;
  readonly genid: SessionPolicy<SessionRequest>['genid'];
  private readonly foreign: RequestStore;
  private readonly outages: OutageLog;
  private hasWarnedOfDroppedCookie = false;
  private hasWarnedOfMissedHead = false;

  readonly store: Store;
  readonly locks: SessionLocks | null;
  private readonly options: SessionHandlerOptions;
  private readonly context: SessionContext;
  private readonly ends: SessionEnds | null;
  private readonly logger: SessionHandlerLogger;

  constructor({ options, store, locks, context, ends, logger }: SessionHandlerParts) {
    this.store = store;
    this.locks = locks ?? null;
    this.options = options;
    this.context = context;
    this.ends = ends ?? null;
    this.logger = logger ?? new Logger('SessionModule');
    this.cookies = new SessionCookies(options);
    this.outages = new OutageLog(this.logger);
    this.saveUninitialized = options.saveUninitialized ?? false;
    this.genid = options.genid;
    this.foreign = new ForeignRequestStore(store);
    provideGenerate(store);
  }

  run(request: RawRequest, response: ServerResponse, next: Next): void {
    // Fastify says `protocol`, Express `secure`.
    if (request.secure === undefined && request.protocol !== undefined) request.secure = request.protocol === 'https';
    // 1. A session is there already: another middleware's, whose request this is then.
    if (SessionRequest.of(request) || request.session || !this.cookies.covers(request)) {
      next();
      return;
    }
    // 2. The cookie.
    const cookies = this.cookies.read(request);
    const session = new SessionRequest(this, request, response, this.requestStore());
    // 3. The session.
    if (cookies.length === 0) {
      this.begin(session, next);
      return;
    }
    session.load(cookies).then(
      () => {
        this.goOn(session, next);
      },
      (error: unknown) => {
        this.refuse(session, error, next);
      },
    );
  }

  /** 6. The response is about to leave and its session is stored: the one decision whether it gets a cookie. */
  cookiesFor({ request, current, brought, isCookieDue, access }: SessionRequest): readonly string[] {
    const { cookies, options } = this;
    const { value: live, storedDraft: draft, firstCookie } = current;
    // A request that has no cookie has none to lose.
    const isGone = !live && firstCookie !== undefined && cookies.isBrought(request);
    if (!isGone && !draft) return NO_COOKIES;
    // A browser sends one for each path and domain that it has one for: those that are not ours are taken away.
    const strays = this.straysIn(request, live?.cookie ?? firstCookie);
    if (isGone) return [...cookies.expiredLines(firstCookie, request), ...strays];
    if (!draft || !live) return strays;
    const isOfRequest = brought?.sid === draft.sid;
    const isDue = isCookieDue || (options.rolling && access !== 'passive') || (isOfRequest && brought.isOld);
    if (!isDue) return strays;
    if (live.cookie.secure && !cookies.isSecure(request)) {
      if (!isOfRequest) this.warnOfDroppedCookie(request);
      return strays;
    }
    if (typeof live.cookie.originalMaxAge === 'number') live.touch();
    return [...strays, ...cookies.lines(live.cookie, draft.sid, request)];
  }

  failed(error: unknown, what: 'store' | 'send'): SessionErrorResponse {
    const answer = sessionErrorResponse(error);
    const subject = what === 'store' ? 'A session could not be stored' : 'A response could not be sent';
    const text = `${subject}; answered ${answer.status}. ${messageOf(error)}`;
    if (isOutage(error)) this.outages.note(text);
    else if (answer.status < 500) this.logger.warn(text);
    else this.logger.error(text, stackOf(error));
    return answer;
  }

  failedLate(error: unknown): void {
    const text = `A session could not be stored after its response had begun. ${messageOf(error)}`;
    this.logger.error(text, stackOf(error));
  }

  headLeaves(session: SessionRequest): void {
    this.ends?.headLeaves(session);
  }

  missedHead(): void {
    if (this.hasWarnedOfMissedHead) return;
    this.hasWarnedOfMissedHead = true;
    this.logger.warn(
      `A session began, or got a new id, after the head of its response had left: the client has no cookie for it. ` +
        'Change the session before the first byte. This is said once.',
    );
  }

  private begin(session: SessionRequest, next: Next): void {
    try {
      session.generate();
    } catch (error) {
      next(error);
      return;
    }
    this.goOn(session, next);
  }

  /** 4. The application runs, and the response waits for what it does to the session. 5. is `SessionRequest.settle`. */
  private goOn(session: SessionRequest, next: Next): void {
    const { request, response } = session;
    // What engine.io has for the response of an upgrade takes no part in this.
    if (typeof (response as Partial<ServerResponse>).getHeaders === 'function') guardResponse(response, session);
    if (isUpgrade(request)) next();
    else this.context.run(request, next);
  }

  /** The session could not be loaded. */
  private refuse(session: SessionRequest, error: unknown, next: Next): void {
    if (isOutage(error) && this.options.onUnavailable === 'anonymous') {
      session.beginAnonymous(refusingRequestStore(error));
      this.goOn(session, next);
      return;
    }
    // No session and no cookie, so that the user's own stays.
    delete session.request.session;
    if (isOutage(error)) {
      tellWhenToRetry(session.response);
      if (!isAbandoned(error)) this.outages.note(`A session could not be read; answered 503. ${messageOf(error)}`);
    }
    next(error);
  }

  /** The port to the sessions; decided anew for each request, since an application may replace a method of our store. */
  private requestStore(): RequestStore {
    const { store } = this;
    return 'forRequests' in store && typeof store.forRequests === 'function'
      ? (store.forRequests as () => RequestStore).call(store)
      : this.foreign;
  }

  private straysIn(request: RawRequest, cookie: Cookie | undefined): readonly string[] {
    return cookie && this.cookies.count(request) > 1 ? this.cookies.strayLines(cookie, request) : NO_COOKIES;
  }

  private warnOfDroppedCookie(request: RawRequest): void {
    if (this.hasWarnedOfDroppedCookie) return;
    this.hasWarnedOfDroppedCookie = true;
    const protocol = forwardedProtocolOf(request);
    const cause =
      protocol === 'https'
        ? 'a proxy says `X-Forwarded-Proto: https`, but it is not trusted. Set `proxy: true`, or trust the proxy in ' +
          "the HTTP server (Express: `app.set('trust proxy', 1)`; Fastify: `new FastifyAdapter({ trustProxy: true })`)"
        : `the connection is not secure${protocol === undefined ? ' and no proxy says otherwise' : ''}. Use HTTPS; when a ` +
          'proxy ends TLS, let it send `X-Forwarded-Proto: https` and set `proxy: true`; without TLS, `secure: "auto"`';
    const { name } = this.cookies;
    this.logger.warn(`A session's cookie "${name}" is secure and was not sent: ${cause}. This is said once.`);
  }
}

/**
 * Gives a store what express-session gives it: `generate`, which makes a request a new session. Each request asks its own
 * middleware, so that several may share a store.
 */
function provideGenerate(store: Store & { generate?: (request: RawRequest) => void }): void {
  const before = store.generate;
  if (before && GENERATE in before) return;
  const generate = (request: RawRequest): void => {
    const session = SessionRequest.of(request);
    if (session) session.generate();
    else if (before) before.call(store, request);
    else throw new Error('This request has no session middleware.');
  };
  store.generate = Object.assign(generate, { [GENERATE]: true });
}

const GENERATE = Symbol.for('nestjs-ha-session:generate');

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function stackOf(error: unknown): string | undefined {
  return error instanceof Error ? error.stack : undefined;
}
