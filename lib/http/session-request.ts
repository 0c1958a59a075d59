import type { ServerResponse } from 'node:http';
import { SessionGoneError } from '../errors/session-gone.error.js';
import type { PendingChange, RequestAuthentication, RequestDraft, RequestStore } from '../store/request-store.js';
import { CallQueue } from './call-queue.js';
import { CurrentSession, isEmpty, PLAIN_RENEWAL, type SessionRenewal } from './current-session.js';
import { ExclusiveAccess } from './exclusive-access.js';
import type { ResponseKeeper } from './guarded-response.js';
import { SESSION_REQUEST, type SessionOperations, type SessionRawRequest } from './live-session.js';
import { signalOfClose, type RawRequest } from './raw-http.js';
import type { VerifiedCookie } from './session-cookie.js';
import type { SessionHeaders } from './session-headers.js';
import { isOutage, UNAVAILABLE, type SessionErrorResponse } from './session-http-error.js';
import type { SessionPolicy } from './session-policy.js';
import type { LiveSession, SessionAccessMode } from './session.types.js';

/** What `reload` says of a session that is gone. */
class ReloadError extends Error {}

/**
 * One request and its session: loads it, runs what the application asks of it, stores what is still to be stored before the response
 * leaves, and knows what the response has to say of it.
 *
 * @internal
 */
export class SessionRequest implements SessionOperations, ResponseKeeper {
  /** The last failure of a call that stores or ends the session, until one succeeds. */
  failure: unknown = undefined;
  /** Whether the application has got that failure and answers it in its own way, whatever the status (GraphQL, sockets). */
  isFailureAnswered = false;
  /** Whether the session could not be reached and the request goes on with an empty one. */
  isAnonymous = false;
  /** What `@SessionAccess` lets the handler do with the session. */
  access: SessionAccessMode | undefined = undefined;
  /** Whether something failed for a reason that may be over soon. */
  hasMetOutage = false;
  /** Whether the session is new under its id, or its life or attributes have changed, and that is stored. */
  isCookieDue = false;
  /** The id that the client has once the head has left, or `null`; `undefined`: the head has not left. */
  private clientId: string | null | undefined = undefined;
  /** The cookie that the session was found by. */
  brought: VerifiedCookie | undefined = undefined;
  /** Exclusive access to the session, once a handler has asked for it. */
  exclusive: ExclusiveAccess | undefined = undefined;
  /** The session object that the request has now, with its draft. */
  readonly current: CurrentSession;
  /** Whether the deadline is still to be moved; once for each request: one that failed is not worth a second wait. */
  isTouchOwed = false;
  /** The id of a session that must end and has not yet. */
  private unended: string | undefined = undefined;
  private readonly calls = new CallQueue();
  private settling: Promise<void> | undefined = undefined;

  constructor(
    private readonly policy: SessionPolicy<SessionRequest>,
    readonly request: RawRequest,
    readonly response: ServerResponse,
    private port: RequestStore,
  ) {
    this.current = new CurrentSession(request, policy);
    (request as SessionRawRequest)[SESSION_REQUEST] = this;
    request.sessionStore = policy.store;
  }

  /** That of a raw request, or `undefined` when no middleware of ours covers it. */
  static of(request: RawRequest): SessionRequest | undefined {
    return (request as { [SESSION_REQUEST]?: SessionRequest })[SESSION_REQUEST];
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
      this.current.begin(draft);
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
  generate(authentication?: RequestAuthentication): void {
    this.isCookieDue = false;
    this.current.renew(this.port, authentication);
  }

  save(session: LiveSession): Promise<void> {
    return this.calls.run(() => this.store(session));
  }

  destroy(session: LiveSession): Promise<void> {
    this.current.remove(session, 'destroy');
    return this.calls.run(() => this.end(session.id));
  }

  /** Gives the request's session a new id, or the request a new session; rejects when the session is gone (SessionGoneError). */
  regenerate(renewal = PLAIN_RENEWAL): Promise<void> {
    return this.calls.run(async () => {
      this.current.requireCookie('regenerate()');
      const { draft } = this.current;
      if (draft?.isStored) await this.moveOn(draft, renewal);
      else await this.end(this.request.sessionID ?? '').finally(this.generate.bind(this, draft?.authentication));
    });
  }

  reload(session: LiveSession): Promise<void> {
    return this.calls.run(() => this.loadAgain(session.id));
  }

  /** The id whose lock gives this request its session alone; `undefined` when nobody else can have it. */
  get lockableId(): string | undefined {
    const { brought } = this;
    return brought && this.current.storedDraft?.sid === brought.sid ? brought.sid : undefined;
  }

  /** Takes the lock of the session and loads it anew; once for the request, however many of its handlers ask. */
  enterExclusive(): Promise<void> {
    this.exclusive ??= new ExclusiveAccess(this, this.policy.locks);
    return this.exclusive.enter();
  }

  /** Loads the session anew, for the owner of its lock. What guards and middleware have changed before is stored first. */
  async loadFor(owner: string, sid: string): Promise<void> {
    if (this.current.draft) this.current.draft.owner = owner;
    this.isTouchOwed = false;
    await this.settle();
    this.isTouchOwed = true;
    await this.calls
      .run(() => this.loadAgain(sid))
      .catch((error: unknown) => {
        if (!(error instanceof ReloadError)) throw error;
        // The one before ended it: this request goes on with a new one, as it would have without waiting.
        this.generate();
      });
  }

  /** The response's last byte has been let go. */
  ended(): void {
    this.exclusive?.responseEnds();
  }

  headersFor(status: number): SessionHeaders | undefined {
    const isOutage = this.hasMetOutage && status === UNAVAILABLE;
    // A session that could not be stored, or not even reached, has no cookie to send.
    const cookies = this.failure !== undefined || this.isAnonymous ? [] : this.policy.cookiesFor(this);
    const varies = this.current.hasRead || cookies.length > 0;
    this.clientId = this.current.storedDraft?.sid ?? null;
    this.policy.headLeaves(this);
    return isOutage || varies ? { cookies, isOutage, varies } : undefined;
  }

  failed(...[error, what]: Parameters<ResponseKeeper['failed']>): SessionErrorResponse {
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
    const work = this.calls.last?.then(() => this.write(status)) ?? this.write(status);
    this.settling = work && this.calls.add(work.finally(() => (this.settling = undefined)));
    return this.settling;
  }

  private write(status: number): Promise<void> | undefined {
    try {
      const { current } = this;
      const live = current.value;
      const ended = this.unended ?? (live || !current.draft?.isStored ? undefined : current.draft.sid);
      // After a failed end it is tried again; `req.session = null` is an end too.
      if (ended !== undefined) return this.end(ended).then(() => this.write(status));
      if (status < 400) current.checkRetired();
      if (!live) return undefined;
      const draft = current.own(live, this.port);
      if (!draft || this.isTooLate(draft, live)) return undefined;
      if (typeof live.cookie.originalMaxAge === 'number') live.touch();
      const pending = current.pending(draft, live, this.port, this.access);
      if (pending === undefined) return undefined;
      if (pending !== 'touch') return this.storeChange(draft, live, pending);
      if (!this.isTouchOwed || this.access === 'passive') return undefined;
      this.isTouchOwed = false;
      // A deadline that could not be moved is no reason to fail a request that changed nothing.
      return this.port.touch(draft, live).catch(this.note.bind(this));
    } catch (error) {
      this.failure = error;
      return Promise.reject(error);
    }
  }

  /** Whether the session is another one than the head named: nobody could find it, so that it is stored only by an explicit `save`. */
  private isTooLate({ sid, isStored }: RequestDraft, live: LiveSession): boolean {
    if (this.clientId === undefined || this.clientId === sid) return false;
    if (isStored || !isEmpty(live)) this.policy.missedHead();
    return !isStored;
  }

  private store(session: LiveSession): Promise<void> {
    return this.attempt(async () => {
      const { current, port, access } = this;
      const draft = current.own(session, port);
      if (!draft) return;
      const pending = current.pending(draft, session, port, access);
      // Any other store gets what it is given, changed or not; ours knows that it has it.
      if (pending !== undefined) await this.storeChange(draft, session, pending === 'touch' ? undefined : pending);
    });
  }

  private async storeChange(draft: RequestDraft, live: LiveSession, change?: PendingChange): Promise<void> {
    const isNew = !draft.isStored;
    const isStored = await this.attempt(() => {
      // A cookie that cannot be sent is an error before anything is stored.
      if (isNew || change?.changesCookie) this.policy.cookies.line(live.cookie, draft.sid);
      return this.port.save(draft, live, change);
    });
    // A change begins the life of the session anew, and the cookie's with it.
    const isRenewed = isNew || change?.changesCookie === true || typeof live.cookie.originalMaxAge === 'number';
    if (isStored && isRenewed && draft === this.current.draft) this.isCookieDue = true;
  }

  private async moveOn(draft: RequestDraft, renewal: SessionRenewal): Promise<void> {
    let next: RequestDraft | null = null;
    this.unended = draft.sid;
    try {
      next = await this.attempt(() => this.current.move(this.port, draft, renewal));
      this.unended = undefined;
    } finally {
      this.isCookieDue = false;
      if (next) this.current.replace(next);
      else this.current.renew(this.port);
    }
    if (!next) throw new SessionGoneError();
  }

  private async end(sid: string): Promise<void> {
    const { current } = this;
    const isKnown = current.draft?.sid === sid;
    // It costs nothing to end what was never stored.
    if (isKnown && !current.draft?.isStored && !this.isAnonymous) {
      current.draft = undefined;
      return;
    }
    this.unended = sid;
    await this.attempt(() => this.port.end(sid));
    this.unended = undefined;
    if (isKnown) current.draft = undefined;
    this.isCookieDue = false;
  }

  /** Does what stores or ends the session, and keeps its failure until something succeeds. */
  private async attempt<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      this.failure = undefined;
      return result;
    } catch (error) {
      this.failure = error;
      this.note(error);
      throw error;
    }
  }

  private async loadAgain(sid: string): Promise<void> {
    this.port.refresh(sid);
    const draft = await this.loadOne(sid);
    // express-session's own words: applications match them.
    if (!draft) throw new ReloadError('failed to load session');
    draft.owner = this.current.draft?.owner;
    this.current.retire('reload');
    this.current.put(draft);
  }

  private loadOne(sid: string): Promise<RequestDraft | null> {
    return this.port.load(this.request, sid, () => signalOfClose(this.response));
  }
}
