import type { Cookie } from 'express-session';
import { SessionNotLiveError } from '../errors/session-not-live.error.js';
import { SessionStaleError } from '../errors/session-stale.error.js';
import type { RequestDraft, RequestStore } from '../store/request-store.js';
import { createLiveSession, equipSession, isSessionObject, SESSION_REQUEST } from './live-session.js';
import type { SessionRawRequest } from './live-session.js';
import { RetiredSessions } from './retired-sessions.js';
import type { SessionCookies } from './session-cookie.js';
import type { LiveSession } from './session.types.js';

/**
 * The session object that a request has now, as `req.session`, with its draft; and those that it has had before.
 *
 * @internal
 */
export class CurrentSession {
  /** What `req.session` shows. */
  shown: LiveSession | null | undefined = undefined;
  /** Whether the application has looked at `req.session`. */
  hasRead = false;
  /** The cookie of the session that the request began with: its path and domain take it away again. */
  firstCookie: Cookie | undefined = undefined;
  /** The draft of the session; `undefined`: the request has none. */
  draft: RequestDraft | undefined = undefined;
  private live: LiveSession | undefined = undefined;
  private firstId: string | undefined = undefined;
  private retired: RetiredSessions | undefined = undefined;

  constructor(
    private readonly request: SessionRawRequest,
    private readonly cookies: SessionCookies,
  ) {}

  /** What the application has in `req.session`, whoever has put it there. */
  get value(): LiveSession | null | undefined {
    const { hasRead } = this;
    const { session } = this.request;
    this.hasRead = hasRead;
    return session;
  }

  /** The draft of the session that the response is about; `undefined`: there is none, or its object is not known here. */
  get storedDraft(): RequestDraft | undefined {
    const { live, draft } = this;
    return live !== undefined && draft?.isStored && this.value === live ? draft : undefined;
  }

  /** Whether it may be left unstored: new, empty, and not in the place of another one. */
  get isOptional(): boolean {
    const { draft, live } = this;
    if (!draft || !live || draft.isStored || draft.sid !== this.firstId) return false;
    return Object.keys(live).every((name) => name === 'cookie');
  }

  /** Gives the request the session of a draft. */
  put(draft: RequestDraft): void {
    const { request, cookies } = this;
    const cookie = (draft.isStored
      ? cookies.restore(request, draft.cookie, draft.remainingMs)
      : cookies.create(request)) as unknown as Cookie;
    const live = draft.made
      ? equipSession(draft.made, cookie)
      : createLiveSession(request, draft.sid, cookie, draft.data);
    this.draft = draft;
    this.live = live;
    this.firstId ??= draft.sid;
    this.firstCookie ??= cookie;
    this.shown = live;
    Object.defineProperty(request, 'session', SESSION_PROPERTY);
  }

  /** Gives the request the session of a draft in place of the one it had. */
  replace(draft: RequestDraft): void {
    this.retire('regenerate');
    this.request.sessionID = draft.sid;
    this.put(draft);
  }

  /** Takes a session object away from the request. */
  remove(session: LiveSession, replacedBy: string): void {
    if (this.value === session) delete this.request.session;
    if (this.live === session) this.retire(replacedBy);
  }

  /** The session object of the request is not its session from now on: what is written to it is an error. */
  retire(replacedBy: string): void {
    if (this.live) (this.retired ??= new RetiredSessions()).add(this.live, replacedBy);
    this.live = undefined;
  }

  /**
   * Makes sure that an object is the request's session, whoever has made it.
   *
   * @param port - finds the draft of one that is not known here
   * @throws SessionStaleError when it was replaced.
   * @throws SessionNotLiveError when it is no session at all.
   */
  own(session: LiveSession, port: RequestStore): RequestDraft | undefined {
    const replacer = this.retired?.replacerOf(session);
    if (replacer !== undefined) throw new SessionStaleError(replacer, []);
    if (this.value !== session) throw new SessionStaleError('another session', []);
    if (session === this.live) return this.draft;
    if (!isSessionObject(session)) throw new SessionNotLiveError();
    this.retire('an assignment to req.session');
    this.live = session;
    this.draft = port.adopt(session);
    return this.draft;
  }

  /**
   * Finds changes that would be lost.
   *
   * @throws SessionStaleError when a session object was changed after it had been replaced.
   */
  checkRetired(): void {
    this.retired?.check();
  }
}

/** `req.session`, the same for all requests: tells whether it was looked at. */
const SESSION_PROPERTY: PropertyDescriptor = {
  configurable: true,
  enumerable: true,
  get(this: SessionRawRequest): LiveSession | null | undefined {
    const current = this[SESSION_REQUEST]?.current;
    if (!current) return undefined;
    current.hasRead = true;
    return current.shown;
  },
  set(this: SessionRawRequest, session: LiveSession | null | undefined) {
    const current = this[SESSION_REQUEST]?.current;
    if (current) current.shown = session;
  },
};
