import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { HttpStatus } from '@nestjs/common';
import type { Cookie, Store } from 'express-session';
import { SessionNotLiveError } from '../errors/session-not-live.error.js';
import { SessionReadonlyError } from '../errors/session-readonly.error.js';
import { SessionStaleError } from '../errors/session-stale.error.js';
import type { PendingChange, RequestDraft, RequestStore } from '../store/request-store.js';
import type { SessionLock, SessionLocks } from '../store/session-locks.js';
import { isSessionCookie } from './cookie-attributes.js';
import type { ResponseKeeper } from './guarded-response.js';
import { createLiveSession, equipSession, isSessionObject, SESSION_REQUEST } from './live-session.js';
import type { SessionOperations, SessionRawRequest } from './live-session.js';
import type { RawRequest } from './raw-http.js';
import { RetiredSessions } from './retired-sessions.js';
import type { SessionCookies, VerifiedCookie } from './session-cookie.js';
import type { SessionHeaders } from './session-headers.js';
import { isOutage } from './session-http-error.js';
import type { SessionErrorResponse } from './session-http-error.js';
import type { LiveSession, SessionAccessMode } from './session.types.js';

/** What `reload` says of a session that is gone: express-session's own words, applications match them. */
class SessionGoneError extends Error {
  constructor() {
    super('failed to load session');
  }
}

const NO_COOKIES: readonly string[] = [];

/** What all requests of one middleware have in common. @internal */
export interface SessionPolicy {
  readonly cookies: SessionCookies;
  /** As `req.sessionStore`. */
  readonly store: Store;
  readonly locks: SessionLocks | null;
  readonly saveUninitialized: boolean;
  readonly genid: ((request: unknown) => string) | undefined;
  /** The lines of `Set-Cookie` for the response of a request whose session is stored. */
  cookiesFor(session: SessionRequest): readonly string[];
  /** The response in place of one that failed; logs it. */
  failed(error: unknown, what: 'store' | 'send'): SessionErrorResponse;
  failedLate(error: unknown): void;
}

/**
 * One request and its session: loads it, runs what the application asks of it, stores what is still to be stored before the response
 * leaves, and knows what the response has to say of it.
 *
 * @internal
 */
export class SessionRequest implements SessionOperations, ResponseKeeper {
  /** The last failure of a call that stores or ends the session, until one succeeds. */
  failure: unknown = undefined;
  /** Whether the application has got that failure and answers it in its own way, whatever the status (GraphQL). */
  isFailureAnswered = false;
  /** Whether the session could not be reached and the request goes on with an empty one. */
  isAnonymous = false;
  /** What `@SessionAccess` lets the handler do with the session. */
  access: SessionAccessMode | undefined = undefined;
  /** Whether something failed for a reason that may be over soon: a 503 is no fault of the request then. */
  hasMetOutage = false;
  /** Whether the session is new under its id, or its life or attributes have changed, and that is stored. */
  isCookieDue = false;
  /** The cookie that the session was found by. */
  brought: VerifiedCookie | undefined = undefined;
  /** Ends when exclusive access was had, or could not be. */
  entry: Promise<void> | undefined = undefined;
  /** The cookie of the session that the request began with: its path and domain take it away again. */
  firstCookie: Cookie | undefined = undefined;
  /** The exclusive lock that the request has, or has had. */
  private lock: SessionLock | undefined = undefined;
  /** Handlers with exclusive access that run: a GraphQL operation may call several. */
  private handlers = 0;
  private isOver = false;
  private live: LiveSession | undefined = undefined;
  private draft: RequestDraft | undefined = undefined;
  private firstId: string | undefined = undefined;
  private retired: RetiredSessions | undefined = undefined;
  /** Once for each request: one that failed is not worth a second wait. */
  private isTouchOwed = false;
  /** The id of a session that must end and has not yet. */
  private unended: string | undefined = undefined;
  /** The calls of this request run one after the other. */
  private tail: Promise<unknown> | undefined = undefined;
  private settling: Promise<void> | undefined = undefined;

  constructor(
    private readonly policy: SessionPolicy,
    readonly request: RawRequest,
    readonly response: ServerResponse,
    private port: RequestStore,
  ) {
    (request as SessionRawRequest)[SESSION_REQUEST] = this;
    request.sessionStore = policy.store;
  }

  /** That of a raw request, or `undefined` when no middleware of ours covers it. */
  static of(request: RawRequest): SessionRequest | undefined {
    return (request as { [SESSION_REQUEST]?: SessionRequest })[SESSION_REQUEST];
  }

  /** The draft of the session that the request has now; `undefined`: it has none, or its object is not known here. */
  get current(): RequestDraft | undefined {
    return this.live !== undefined && this.request.session === this.live ? this.draft : undefined;
  }

  /** Takes note of a failure that the response may have to tell. */
  note(error: unknown): void {
    if (isOutage(error)) this.hasMetOutage = true;
  }

  /** Loads the session of the first cookie that has one, or begins a new one. */
  async load(cookies: readonly VerifiedCookie[]): Promise<void> {
    for (const cookie of cookies) {
      this.request.sessionID = cookie.sid;
      const draft = await this.loadOne(cookie.sid);
      if (!draft) continue;
      this.brought = cookie;
      this.isTouchOwed = true;
      this.attach(draft);
      return;
    }
    this.generate();
  }

  /** Goes on with an empty session; nothing can be stored. */
  beginAnonymous(port: RequestStore): void {
    this.isAnonymous = true;
    this.port = port;
    this.generate();
  }

  /** Gives the request a new session under a new id. */
  generate(): void {
    if (this.live) this.retire('regenerate');
    const sid = this.policy.genid?.(this.request) ?? randomBytes(24).toString('base64url');
    this.request.sessionID = sid;
    this.isCookieDue = false;
    this.attach(this.port.begin(sid));
  }

  save(session: LiveSession): Promise<void> {
    return this.inTurn(() => this.store(session));
  }

  destroy(session: LiveSession): Promise<void> {
    if (this.request.session === session) delete this.request.session;
    if (session === this.live) this.retire('destroy');
    return this.inTurn(() => this.end(session.id));
  }

  /** Ends the request's session, or gives up its id for `graceMs` from now, and gives the request a new one. */
  regenerate(graceMs = 0): Promise<void> {
    return this.inTurn(async () => {
      try {
        await this.end(this.request.sessionID ?? '', graceMs);
      } finally {
        this.generate();
      }
    });
  }

  reload(session: LiveSession): Promise<void> {
    return this.inTurn(() => this.loadAgain(session.id));
  }

  /** Locks, or `null`: the store has none. */
  get locks(): SessionLocks | null {
    return this.policy.locks;
  }

  /** The id whose lock gives this request its session alone; `undefined` when nobody else can have it. */
  get lockableId(): string | undefined {
    return this.brought && this.current?.sid === this.brought.sid ? this.brought.sid : undefined;
  }

  /** Loads the session anew, under a lock that was taken. What guards and middleware have changed before is stored first. */
  async enterExclusive(lock: SessionLock, sid: string): Promise<void> {
    this.lock = lock;
    const { draft } = this;
    if (draft) draft.owner = lock.owner;
    this.isTouchOwed = false;
    await this.settle();
    this.isTouchOwed = true;
    await this.inTurn(() => this.loadAgain(sid)).catch((error: unknown) => {
      if (!(error instanceof SessionGoneError)) throw error;
      // The one before ended it: this request goes on with a new one, as it would have without waiting.
      this.generate();
    });
  }

  /** The handler that has exclusive access runs; the lock outlasts it, and the response. */
  handlerBegins(): void {
    this.handlers += 1;
  }

  /** It has settled. */
  handlerEnds(): void {
    this.handlers -= 1;
    this.releaseWhenDone();
  }

  /** The response's last byte has been let go, or nobody can take it. */
  ended(): void {
    this.isOver = true;
    this.releaseWhenDone();
  }

  headersFor(status: number): SessionHeaders | undefined {
    const isOutage = this.hasMetOutage && status === (HttpStatus.SERVICE_UNAVAILABLE as number);
    // A session that could not be stored, or not even reached, has no cookie to send.
    const cookies = this.failure !== undefined || this.isAnonymous ? NO_COOKIES : this.policy.cookiesFor(this);
    return isOutage || cookies.length > 0 ? { cookies, isOutage } : undefined;
  }

  failed(error: unknown, what: 'store' | 'send'): SessionErrorResponse {
    this.failure ??= error;
    return this.policy.failed(error, what);
  }

  failedLate(error: unknown): void {
    this.policy.failedLate(error);
  }

  /**
   * Stores what is still to be stored, or rejects. `undefined`: there is nothing and never was, so that nobody need wait.
   *
   * @param status - of the response that waits; without it a handler waits
   */
  settle(status = 200): Promise<void> | undefined {
    // The application has got the failure and answers with an error: it need not see it again.
    if (this.failure !== undefined && (status >= 400 || this.isFailureAnswered)) return undefined;
    // One that is under way is shared, its failure too; what changed meanwhile is stored after it.
    if (this.settling) return this.settling.then(() => this.settle(status));
    const work = this.tail ? this.tail.then(() => this.write(status)) : this.write(status);
    const done = (): void => {
      this.settling = undefined;
    };
    this.settling = work && this.inLine(work);
    this.settling?.then(done, done);
    return this.settling;
  }

  private write(status: number): Promise<void> | undefined {
    try {
      const { session } = this.request;
      const ended = this.unended ?? (session || !this.draft?.isStored ? undefined : this.draft.sid);
      // After a failed end it is tried again; `req.session = null` is an end too.
      if (ended !== undefined) return this.end(ended).then(() => this.write(status));
      if (status < 400) this.retired?.check();
      if (!session) return undefined;
      const live = this.own(session);
      const draft = this.draft;
      if (!draft) return undefined;
      if (typeof live.cookie.originalMaxAge === 'number') live.touch();
      const pending = this.pending(draft, live);
      if (pending === undefined) return undefined;
      if (pending !== 'touch') return this.storeChange(draft, live, pending);
      if (!this.isTouchOwed) return undefined;
      this.isTouchOwed = false;
      // A deadline that could not be moved is no reason to fail a request that changed nothing.
      return this.port.touch(draft, live).catch((error: unknown) => {
        this.note(error);
      });
    } catch (error) {
      this.failure = error;
      return Promise.reject(error);
    }
  }

  /** What is to be stored, as far as the handler's access allows. */
  private pending(draft: RequestDraft, live: LiveSession): PendingChange | 'touch' | undefined {
    if (this.access === 'none') return undefined;
    // As express-session does it: a new session is stored once it holds something, a regenerated one in any case.
    const isOptional = !draft.isStored && draft.sid === this.firstId && !this.policy.saveUninitialized;
    if (isOptional && isEmpty(live)) return undefined;
    const pending = this.port.inspect(draft, live);
    if (this.access !== 'readonly' || pending === undefined || pending === 'touch') return pending;
    const isOfHandler = pending.fields.length > 0 || (isSessionCookie(live.cookie) && live.cookie.isChanged);
    if (isOfHandler) throw new SessionReadonlyError(pending.fields);
    return undefined;
  }

  private async store(session: LiveSession): Promise<void> {
    try {
      if (session !== this.request.session) throw new SessionStaleError(this.retired?.replacerOf(session) ?? 'another session', []);
      const live = this.own(session);
      const { draft } = this;
      if (!draft) return;
      const pending = this.pending(draft, live);
      // Any other store gets what it is given, changed or not; ours knows that it has it.
      if (pending !== undefined) await this.storeChange(draft, live, pending === 'touch' ? undefined : pending);
      this.failure = undefined;
    } catch (error) {
      this.failure = error;
      this.note(error);
      throw error;
    }
  }

  private async storeChange(draft: RequestDraft, live: LiveSession, change?: PendingChange): Promise<void> {
    const isNew = !draft.isStored;
    // A cookie that cannot be sent is an error before anything is stored.
    if (isNew || change?.changesCookie) this.policy.cookies.line(live.cookie, draft.sid);
    try {
      const isStored = await this.port.save(draft, live, change);
      this.failure = undefined;
      // A change begins the life of the session anew, and the cookie's with it.
      const isRenewed = isNew || change?.changesCookie === true || typeof live.cookie.originalMaxAge === 'number';
      if (isStored && isRenewed && draft === this.draft) this.isCookieDue = true;
    } catch (error) {
      this.failure = error;
      this.note(error);
      throw error;
    }
  }

  private async end(sid: string, graceMs = 0): Promise<void> {
    const { draft } = this;
    const isKnown = draft?.sid === sid;
    if (isKnown && !draft.isStored && !this.isAnonymous) {
      this.draft = undefined;
      return;
    }
    this.unended = sid;
    try {
      await (graceMs > 0 ? this.port.rotate(sid, graceMs) : this.port.end(sid));
      this.failure = undefined;
      this.unended = undefined;
      if (isKnown) this.draft = undefined;
      this.isCookieDue = false;
    } catch (error) {
      this.failure = error;
      this.note(error);
      throw error;
    }
  }

  private async loadAgain(sid: string): Promise<void> {
    this.port.refresh(sid);
    const draft = await this.loadOne(sid);
    if (!draft) throw new SessionGoneError();
    draft.owner = this.lock?.owner;
    this.retire('reload');
    this.attach(draft);
  }

  private loadOne(sid: string): Promise<RequestDraft | null> {
    return this.port.load(this.request, sid, () => signalOfClose(this.response));
  }

  private attach(draft: RequestDraft): void {
    const { request, policy } = this;
    const cookie = (
      draft.isStored
        ? policy.cookies.restore(request, draft.cookie, draft.remainingMs)
        : policy.cookies.create(request)
    ) as unknown as Cookie;
    const live = draft.made
      ? equipSession(draft.made, cookie)
      : createLiveSession(request, draft.sid, cookie, draft.data);
    this.draft = draft;
    this.live = live;
    this.firstId ??= draft.sid;
    this.firstCookie ??= cookie;
    request.session = live;
  }

  /** The live session that is the request's now, whoever has made it. */
  private own(session: LiveSession): LiveSession {
    if (session === this.live) return session;
    if (!isSessionObject(session)) throw new SessionNotLiveError();
    const replacer = this.retired?.replacerOf(session);
    if (replacer !== undefined) throw new SessionStaleError(replacer, []);
    this.retire('an assignment to req.session');
    this.live = session;
    this.draft = this.port.adopt(session);
    return session;
  }

  /** The live session that the request has is not its session from now on: what is written to it is an error. */
  private retire(replacedBy: string): void {
    if (this.live) (this.retired ??= new RetiredSessions()).add(this.live, replacedBy);
    this.live = undefined;
  }

  private releaseWhenDone(): void {
    if (!this.lock || this.handlers > 0 || !this.isOver) return;
    // Whatever is stored from now on is refused: the draft keeps its owner.
    void this.lock.release();
  }

  /** Runs a call after those before it. */
  private inTurn<T>(call: () => Promise<T>): Promise<T> {
    return this.inLine(this.tail ? this.tail.then(call) : call());
  }

  private inLine<T>(work: Promise<T>): Promise<T> {
    const clear = (): void => {
      if (this.tail === tail) this.tail = undefined;
    };
    const tail = work.then(clear, clear);
    this.tail = tail;
    return work;
  }
}

function isEmpty(live: LiveSession): boolean {
  return Object.keys(live).every((name) => name === 'cookie');
}

/** Aborts once nobody can take the response any more. */
function signalOfClose(response: ServerResponse): AbortSignal {
  if (response.destroyed) return AbortSignal.abort();
  const controller = new AbortController();
  response.once('close', () => {
    controller.abort();
  });
  return controller.signal;
}
