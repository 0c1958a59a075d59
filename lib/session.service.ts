import { Inject, Injectable } from '@nestjs/common';
import type { Session, SessionData, Store } from 'express-session';
import type { SessionLink, SessionLinkStatus } from './core/session-link.js';
import type { SessionLinkEvents } from './core/session-link-events.js';
import { isStoredId, providerName, storedId } from './core/session-id.js';
import { SESSION_LINK, SESSION_OPTIONS, SESSION_REPOSITORY, SESSION_STORE } from './core/session.tokens.js';
import { SessionMissingError } from './errors/session-missing.error.js';
import { SessionUnsupportedError } from './errors/session-unsupported.error.js';
import { SessionContext } from './http/session-context.js';
import { SessionEnds } from './http/session-ends.js';
import type { ResolvedSessionOptions } from './options/resolved-session.options.js';
import {
  checkAuthentication,
  checkProviderSid,
  clearSiteData,
  requireDraft,
  requireRequest,
} from './session.authentication.js';
import type {
  DestroyOptions,
  SessionAuthenticationOptions,
  SessionAuthenticationState,
  SessionRemaining,
} from './session.authentication.js';
import { SessionEvents } from './session.events.js';
import { checkGrace } from './session.service.options.js';
import type { RegenerateOptions, RevokeOptions, SignOutOptions } from './session.service.options.js';
import { summaryOf } from './store/session-summary.js';
import type { SessionSummary } from './store/session-summary.js';
import type { SessionInstallation } from './stats/session.stats.js';
import { SessionStats } from './stats/session.stats.js';
import { promised } from './store/callback.js';
import type { SessionNearCacheStatus, SessionRepository } from './store/session-repository.js';
import { userIdText } from './store/user-id.js';

/**
 * The sessions, for any provider: no request scope is needed.
 *
 * @public
 */
@Injectable()
export class SessionService {
  /** @internal */
  constructor(
    @Inject(SessionContext) private readonly context: SessionContext,
    @Inject(SESSION_REPOSITORY) private readonly repository: SessionRepository | null,
    @Inject(SESSION_STORE) private readonly store: Store,
    @Inject(SESSION_LINK) private readonly link: SessionLink | null,
    @Inject(SessionEvents) private readonly events: SessionEvents,
    @Inject(SessionStats) private readonly stats: SessionStats,
    @Inject(SessionEnds) private readonly ends: SessionEnds,
    @Inject(SESSION_OPTIONS) private readonly options: Pick<ResolvedSessionOptions, 'userId'>,
  ) {}

  /**
   * The session of the request that this code runs for: the live object, so what is changed here is stored with the request.
   * `undefined` outside of a request, on a route that the module does not cover, and after `destroy`.
   */
  current<T extends object = SessionData>(): (Session & Partial<T>) | undefined {
    return this.context.current<T>();
  }

  /**
   * Gives the request's session a new id, as is due at every change of privileges; resolves with the new session.
   *
   * @throws SessionMissingError when no request's session is at hand: outside of a request, on a route that the module does not cover.
   * @throws SessionGoneError when the session was ended, or got a new id, while the request was under way: the request goes on with an
   *   empty session, and no other one of the same user comes of it.
   * @throws RangeError when `graceMs` is not a number from 0 to 60,000.
   * @throws SessionUnavailableError when the old session could not be ended; the request has a new one all the same.
   */
  async regenerate({ keep = [], graceMs = 0, reauthenticated = false }: RegenerateOptions = {}): Promise<
    Session & Partial<SessionData>
  > {
    checkGrace(graceMs);
    const session = this.requireCurrent('regenerate()');
    const kept = Object.entries(session).filter(
      ([name]) => name !== 'cookie' && (keep === 'all' || keep.includes(name)),
    );
    await this.context.regenerate({ graceMs, keep, isReauthenticated: reauthenticated });
    return Object.assign(this.requireCurrent('regenerate()'), Object.fromEntries(kept));
  }

  /**
   * Ends the request's session: its cookie is cleared and no other request can bring it back. Nothing happens without a session.
   *
   * @throws SessionUnavailableError when it could not be ended; the response will try again, or fail.
   */
  async destroy(options: DestroyOptions = {}): Promise<void> {
    const session = this.current();
    if (!session) return;
    await promised<void>((done) => {
      session.destroy(done);
    });
    clearSiteData(this.context, options);
  }

  /**
   * Notes that the user of the request's session has authenticated in this request, at a sign-in or a step-up: stored with the
   * session. The absolute deadline begins anew, unless somebody acts in the user's name. Call `regenerate` as well.
   */
  markAuthenticated(options: SessionAuthenticationOptions = {}): void {
    this.requireRepository('markAuthenticated()');
    const draft = requireDraft(this.context, this.options, 'markAuthenticated()');
    checkAuthentication(options);
    const { method = null, providerSid } = options;
    const actor = userIdText(options.actor);
    draft.authentication = {
      method,
      actor,
      provider: providerSid === undefined ? undefined : providerName(providerSid),
    };
  }

  /**
   * How the user of the request's session has authenticated; `null` when nobody is signed in.
   */
  authentication(): SessionAuthenticationState | null {
    this.requireRepository('authentication()');
    const { authentication, signIn } = requireDraft(this.context, this.options, 'authentication()');
    return authentication ? { ageMs: 0, method: authentication.method, actor: authentication.actor } : (signIn ?? null);
  }

  /**
   * How long the request's session still lives, as it is stored now: for the page that warns before the end, which asks by a route
   * with `@SessionAccess('passive')`. `null` when it is not stored. Asks nobody.
   */
  remaining(): SessionRemaining | null {
    this.requireRepository('remaining()');
    const left = requireRequest(this.context, 'remaining()').current.draft?.remaining;
    if (!left) return null;
    return { idleMs: left.idleMs, absoluteMs: left.absoluteMs === Infinity ? null : left.absoluteMs };
  }

  /**
   * Aborts when the session of the request that this code runs for ends, gets a new id or another user, on whatever instance: for
   * responses that are held open (long polling), and for work of a socket's message. The reason is a `SessionGoneError` (401). It holds
   * as long as the response is open; a session that is not stored has no end. Event streams end by themselves.
   *
   * @throws SessionMissingError when no request's session is at hand.
   * @throws SessionUnsupportedError with the application's own `store`.
   */
  endSignal(): AbortSignal {
    const request = this.context.request();
    if (!request) throw new SessionMissingError('SessionService.endSignal()', 'the code that runs');
    return this.ends.signal(request);
  }

  /**
   * Live sessions of this installation now, exactly and without a scan.
   *
   * @throws SessionUnavailableError when Redis does not answer by the operation's deadline.
   * @throws SessionUnsupportedError when the application's own `store` cannot count.
   */
  async count(): Promise<number> {
    if (this.repository) return this.context.told(this.repository.directory.count());
    const { store } = this;
    if (!store.length) throw new SessionUnsupportedError('count()', 'a `store` with a `length` method');
    const count = await promised<number>((done) => store.length?.(done));
    return count ?? 0;
  }

  /**
   * A user's live sessions, oldest first; never misses one. Needs the option `userId`.
   *
   * @throws SessionUserIdError when it is neither well-formed text of at most 256 bytes nor a safe integer.
   * @throws SessionUnavailableError when Redis does not answer by the operation's deadline.
   * @throws SessionUnsupportedError with the application's own `store`.
   */
  async list(userId: string | number): Promise<readonly SessionSummary[]> {
    const { directory } = this.requireRepository('list()');
    const user = userIdText(userId);
    const sessions = user === null ? [] : await this.context.told(directory.listByUser(user));
    const current = this.currentId();
    return sessions.map((session) => summaryOf(session, current));
  }

  /**
   * Ends one session by its stored id, as `list` gives it, or the one that it was moved to since. Resolves with whether there was
   * one; a text that is no stored id, and another user's session, are none.
   *
   * @throws SessionUserIdError when `userId` is neither well-formed text of at most 256 bytes nor a safe integer.
   * @throws SessionUnavailableError when Redis does not answer by the operation's deadline.
   * @throws SessionUnsupportedError with the application's own `store`.
   */
  async revoke(id: string, options: RevokeOptions): Promise<boolean> {
    const { endings } = this.requireRepository('revoke()');
    const user = 'userId' in options ? userIdText(options.userId) : undefined;
    // Nobody's sessions are nobody's to end.
    if (user === null || !isStoredId(id)) return false;
    const outcome = await this.context.told(endings.destroyStored(id, user));
    if (outcome === 'destroyed') this.events.emit({ type: 'revoked', id, userId: user ?? null, reason: 'revoke' });
    return outcome === 'destroyed';
  }

  /**
   * Ends all sessions of a user from before now; resolves with how many it ended. None of them gets a new id, or is put back by a
   * request that was under way. A true sign-in at the same time stays. Works page by page, however many there are.
   *
   * @throws SessionUserIdError when it is neither well-formed text of at most 256 bytes nor a safe integer.
   * @throws SessionUnavailableError when Redis does not answer by the operation's deadline; some may have ended then.
   * @throws SessionUnsupportedError with the application's own `store`.
   */
  async signOutEverywhere(userId: string | number, { except }: SignOutOptions = {}): Promise<number> {
    const { endings } = this.requireRepository('signOutEverywhere()');
    const user = userIdText(userId);
    if (user === null) return 0;
    const spared = except === 'current' ? this.currentId() : except;
    const ended = await this.context.told(endings.signOut(user, { except: spared }));
    for (const id of ended) this.events.emit({ type: 'revoked', id, userId: user, reason: 'signOutEverywhere' });
    return ended.length;
  }

  /**
   * Ends all sessions whose user signed in by this session of an identity provider (`markAuthenticated({ providerSid })`): OpenID
   * Connect's back-channel logout. None of them gets a new id meanwhile, and for an hour nobody signs in by it any more. Resolves with
   * how many it ended.
   */
  async revokeBySid(sid: string): Promise<number> {
    const { endings } = this.requireRepository('revokeBySid()');
    checkProviderSid(sid);
    const ended = await this.context.told(endings.endProvider(providerName(sid)));
    for (const { id, userId } of ended) this.events.emit({ type: 'revoked', id, userId, reason: 'revokeBySid' });
    return ended.length;
  }

  /**
   * Ends every session of this installation from before now, anonymous ones too, and nothing else; resolves with how many it ended.
   * For emergencies. None of them gets a new id, or is put back by a request that was under way.
   *
   * @throws SessionUnavailableError when Redis does not answer by the operation's deadline; some may have ended then.
   * @throws SessionUnsupportedError with the application's own `store`.
   */
  async signOutAll(): Promise<number> {
    return this.context.told(this.requireRepository('signOutAll()').endings.clear());
  }

  /**
   * All installations that use this Redis, with their live sessions; see `SessionStats.installations`.
   *
   * @throws SessionUnavailableError when Redis does not answer by the operation's deadline.
   * @throws SessionUnsupportedError unless sessions live in Redis.
   */
  installations(): Promise<readonly SessionInstallation[]> {
    return this.stats.installations();
  }

  /**
   * Resolves once sessions can be stored: a primary is found, and has taken a change as durable as configured. At once when
   * sessions live in this process or in the application's own `store`. See the option `failFast` for a start that fails.
   *
   * @throws SessionUnavailableError when that is not so within `operationTimeoutMs`, or when the server refuses it; `cause` says
   *   what was tried and what each said.
   */
  async ready(): Promise<void> {
    await this.link?.ready();
  }

  /**
   * Where the connection to Redis stands: the primary in use, what waits, the last failover. Answers at once, asks nobody.
   * `null` when sessions live in this process or in the application's own `store`.
   */
  status(): SessionLinkStatus | null {
    return this.link?.status() ?? null;
  }

  /** Where the near cache stands, with its counts; answers at once, asks nobody. `null` without the option `nearCache`. */
  nearCache(): SessionNearCacheStatus | null {
    return this.repository?.cache?.status() ?? null;
  }

  /**
   * Subscribes to an event of the connection to Redis, for logs and metrics of the application's own; returns the way to
   * unsubscribe. Nothing ever happens when sessions live in this process or in the application's own `store`.
   *
   * @param event - `ready`, `lost`, `unavailable`, `failover`, `degraded`, `unrestored`, `recovered`, `nearCacheOff` or `groupUnknown`
   * @param listener - gets the event's payload; must not throw
   */
  onLink<E extends keyof SessionLinkEvents>(event: E, listener: (payload: SessionLinkEvents[E]) => void): () => void {
    return this.link?.on(event, listener) ?? (() => undefined);
  }

  private currentId(): string | undefined {
    const session = this.current();
    return session && storedId(session.id, 1).id;
  }

  private requireCurrent(what: string): Session & Partial<SessionData> {
    const session = this.current();
    if (!session) throw new SessionMissingError(`SessionService.${what}`, 'the code that runs');
    return session;
  }

  private requireRepository(what: string): SessionRepository {
    if (!this.repository) throw new SessionUnsupportedError(what, 'sessions in Redis or in this process');
    return this.repository;
  }
}
