import { randomBytes } from 'node:crypto';
import type { Cookie } from 'express-session';
import { SessionCookieUnsendableError } from '../errors/session-cookie-unsendable.error.js';
import { SessionNotLiveError } from '../errors/session-not-live.error.js';
import { SessionReadonlyError } from '../errors/session-readonly.error.js';
import { SessionStaleError } from '../errors/session-stale.error.js';
import type {
  PendingChange,
  RequestAuthentication,
  RequestDraft,
  RequestMove,
  RequestStore,
} from '../store/request-store.js';
import { isSessionCookie } from './cookie-attributes.js';
import { createLiveSession, equipSession, isSessionObject, SESSION_REQUEST } from './live-session.js';
import type { SessionRawRequest } from './live-session.js';
import { RetiredSessions } from './retired-sessions.js';
import type { SessionPolicy } from './session-policy.js';
import type { LiveSession, SessionAccessMode } from './session.types.js';

/** How a session gets a new id, but for the id. @internal */
export type SessionRenewal = Omit<RequestMove, 'fresh'>;

/** As express-session does it: nothing is kept, and the old id is worth nothing at once. @internal */
export const PLAIN_RENEWAL: SessionRenewal = Object.freeze({ graceMs: 0, keep: [], isReauthenticated: false });

/**
 * The session object that a request has now, as `req.session`, with its draft; and those that it has had before. A new session comes
 * from the stored one before it, so that what was ended meanwhile is no source of another.
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
  /** Whether there is a way to bring the client another cookie: not for a message of a socket. */
  canSendCookie = true;
  /** The draft of the session; `undefined`: the request has none. */
  draft: RequestDraft | undefined = undefined;
  private live: LiveSession | undefined = undefined;
  /** The draft of the stored session that the request had last. */
  private source: RequestDraft | undefined = undefined;
  private firstId: string | undefined = undefined;
  private retired: RetiredSessions | undefined = undefined;

  constructor(
    private readonly request: SessionRawRequest,
    private readonly policy: Pick<SessionPolicy<never>, 'cookies' | 'genid' | 'saveUninitialized'>,
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

  /** Gives the request the stored session that it begins with. */
  begin(draft: RequestDraft): void {
    this.source = draft;
    this.put(draft);
  }

  /** Gives the request a new session in place of the one it had. */
  renew(port: RequestStore, authentication?: RequestAuthentication): void {
    this.replace(port.begin(this.freshId(), this.source));
    if (this.draft) this.draft.authentication = authentication;
  }

  /** Gives a stored session a new id; the draft of its successor, or `null` when it is gone. */
  async move(port: RequestStore, draft: RequestDraft, renewal: SessionRenewal): Promise<RequestDraft | null> {
    const next = await port.move(draft, this.value ?? undefined, { ...renewal, fresh: this.freshId() });
    if (next?.isStored) this.source = next;
    return next;
  }

  /** Gives the request the session of a draft. */
  put(draft: RequestDraft): void {
    const { request } = this;
    const { cookies } = this.policy;
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
   * Finds what is to be stored, as far as the handler's access allows.
   *
   * @throws SessionCookieUnsendableError when a session is new and there is no way to bring the client its cookie.
   * @throws SessionReadonlyError when a handler that may only read has changed the session.
   */
  pending(
    draft: RequestDraft,
    live: LiveSession,
    port: RequestStore,
    access: SessionAccessMode | undefined,
  ): PendingChange | 'touch' | undefined {
    const { cookie } = live;
    if (isSessionCookie(cookie)) cookie.check();
    if (access === 'none') return undefined;
    // As express-session does it: a new session is stored once it holds something, a regenerated one in any case.
    const isWanted = this.policy.saveUninitialized && this.canSendCookie;
    const isOptional = !draft.isStored && draft.sid === this.firstId && !isWanted;
    if (isOptional && isEmpty(live)) return undefined;
    const pending = port.inspect(draft, live);
    if (pending !== undefined && !draft.isStored) this.requireCookie('a new session');
    if (!isReadOnly(access) || pending === undefined || pending === 'touch') return pending;
    if (pending.fields.length > 0 || pending.authentication || (isSessionCookie(cookie) && cookie.isChanged))
      throw new SessionReadonlyError(pending.fields);
    return undefined;
  }

  /**
   * Refuses what needs another cookie where there is no way to bring the client one.
   *
   * @throws SessionCookieUnsendableError then.
   */
  requireCookie(what: string): void {
    if (!this.canSendCookie) throw new SessionCookieUnsendableError(what);
  }

  /**
   * Finds changes that would be lost.
   *
   * @throws SessionStaleError when a session object was changed after it had been replaced.
   */
  checkRetired(): void {
    this.retired?.check();
  }

  private freshId(): string {
    return this.policy.genid?.(this.request) ?? randomBytes(24).toString('base64url');
  }
}

function isReadOnly(access: SessionAccessMode | undefined): boolean {
  return access === 'readonly' || access === 'passive';
}

/** Whether a session holds nothing of the application's. @internal */
export function isEmpty(session: LiveSession): boolean {
  for (const name in session) if (name !== 'cookie' && Object.hasOwn(session, name)) return false;
  return true;
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
