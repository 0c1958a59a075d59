import type { Request } from 'express';
import type { SessionData } from 'express-session';
import type { SessionEventListener } from '../core/session-events.js';
import { storedId } from '../core/session-id.js';
import type { SessionChange, UserLimit } from '../core/session-record.js';
import { SessionConflictError } from '../errors/session-conflict.error.js';
import { SessionGoneError } from '../errors/session-gone.error.js';
import { SessionIdTakenError } from '../errors/session-id-taken.error.js';
import { SessionLimitError } from '../errors/session-limit.error.js';
import { SessionLockLostError } from '../errors/session-lock.error.js';
import { SessionTooManyFieldsError } from '../errors/session-too-many-fields.error.js';
import type { RequestAuthentication, RequestMove } from './request-store.js';
import { cookieLifeMs } from './cookie-comparison.js';
import type { SessionDelta, SessionDraft } from './session-draft.js';
import type { SessionRecords, SideEffects } from './session-repository.js';
import { userIdText } from './user-id.js';

/** Settings of a store over a repository. @internal */
export interface SessionStoreSettings {
  /** @unit milliseconds */
  readonly idleTimeoutMs: number;
  /** @unit milliseconds */
  readonly absoluteTimeoutMs: number | null;
  /** @unit milliseconds */
  readonly touchIntervalMs: number;
  /** Largest session, all fields together. @unit bytes */
  readonly maxBytes: number;
  /** As many top-level fields a session may have. */
  readonly maxFields: number;
  /** Says which of two changes of one field counts. */
  readonly conflict: 'merge' | 'reject';
  /** How many sessions one user may have, or `null`. */
  readonly userLimit: UserLimit | null;
  /** Whose session it is. */
  readonly userId?: ((session: Partial<SessionData>) => string | number | null | undefined) | undefined;
  /** Where a user who signs in comes from. */
  readonly describe?: ((request: Request) => Readonly<Record<string, string>>) | undefined;
  /** Takes what happens to sessions. */
  readonly onEvent?: SessionEventListener | undefined;
}

/**
 * Writes the changes of sessions and takes note in their drafts of what is stored by now.
 *
 * @internal
 */
export class SessionWriter {
  constructor(
    private readonly records: SessionRecords,
    private readonly settings: SessionStoreSettings,
  ) {}

  /** Creates the session, or writes what changed of it. A session that has ended stays ended: the draft says so then. */
  write(draft: SessionDraft, session: object, delta: SessionDelta): Promise<void> {
    return draft.isStored ? this.commit(draft, session, delta) : this.create(draft, session, delta);
  }

  /** Stores a whole session whatever was there before. */
  async replace(sid: string, session: object, delta: SessionDelta): Promise<void> {
    await this.records.replace(sid, this.changeOf(undefined, session, delta, {}));
  }

  /**
   * Gives a session a new id; the draft of its successor, or `null` when it is gone.
   *
   * @param delta - what of it is not stored yet
   */
  async move(
    draft: SessionDraft,
    to: string,
    delta: SessionDelta | undefined,
    { graceMs, keep, isReauthenticated }: RequestMove,
  ): Promise<SessionDraft | null> {
    const isKept = (name: string): boolean => keep === 'all' || keep.includes(name);
    const texts = new Map([...draft.texts, ...(delta?.set ?? [])].filter(([name]) => isKept(name)));
    for (const name of delta?.remove ?? []) texts.delete(name);
    let length = 0;
    for (const [name, text] of texts) length += name.length + text.length;
    const { userId = null, owner } = draft;
    const change: SessionChange = {
      ...{ userId, owner, length, isSignIn: false, keepsUser: true, idleTimeoutMs: this.settings.idleTimeoutMs },
      set: new Map([...(delta?.set ?? [])].filter(([name]) => isKept(name))),
      remove: (delta?.remove ?? []).filter(isKept),
      // The request makes a new one, with the life that the configuration gives it.
      cookie: null,
      ...authenticationOf(draft, draft.authentication ?? (isReauthenticated ? PLAIN_MARK : undefined), userId),
    };
    const result = await this.records.move(draft.sid, { to, graceMs, keep, change });
    switch (result.outcome) {
      case 'moved':
        this.settings.onEvent?.({ type: graceMs > 0 ? 'rotated' : 'destroyed', id: storedId(draft.sid, 1).id });
        return draft.movedTo(
          to,
          texts,
          result,
          change.authentication?.actor === null ? (this.settings.absoluteTimeoutMs ?? Infinity) : undefined,
          change.authentication,
        );
      case 'gone':
        draft.isEnded = true;
        return null;
      case 'lockLost':
        throw new SessionLockLostError();
      case 'changed':
        throw new SessionConflictError([]);
      case 'exists':
        throw new SessionIdTakenError();
    }
  }

  /** Moves the deadline of a session. */
  async moveDeadline(draft: SessionDraft, session: object): Promise<void> {
    const idleMs = this.idleTimeoutOf(session);
    const result = await this.records.touch(draft.sid, idleMs, draft.userId ?? null, draft.provider);
    if (result.outcome === 'touched') draft.touched(result);
  }

  /** Moves the deadline of a session that was not loaded here. */
  async prolong(sid: string, session: object): Promise<void> {
    // Ignore the outcome: an ended session has no deadline.
    await this.records.touch(sid, this.idleTimeoutOf(session), this.userOf(session));
  }

  private async create(draft: SessionDraft, session: object, delta: SessionDelta): Promise<void> {
    const { sid } = draft;
    const change = this.changeOf(draft, session, delta, {});
    const result = await this.records.create(sid, change, draft.source);
    switch (result.outcome) {
      case 'created':
        draft.created(delta, change, result, this.settings.absoluteTimeoutMs ?? Infinity);
        this.settings.onEvent?.({ type: 'created', id: storedId(sid, 1).id, userId: change.userId });
        this.tell(result, change.userId);
        // A session that comes from another has inherited how its user authenticated.
        if (draft.authentication) await this.commit(draft, session, draft.compare(session) ?? delta);
        return;
      case 'sourceGone':
        draft.isEnded = true;
        throw new SessionGoneError();
      case 'ended':
        // Evicted by another sign-in of the same user before it was stored; or logged out by a request that was faster.
        draft.isEnded = true;
        this.lose(sid, delta.fields, 'gone');
        return;
      case 'refused':
        throw new SessionLimitError(this.settings.userLimit?.max ?? 0);
      case 'exists':
        throw new SessionIdTakenError();
    }
  }

  private async commit(draft: SessionDraft, session: object, delta: SessionDelta): Promise<void> {
    const { sid, owner } = draft;
    const expected = this.settings.conflict === 'reject' ? draft.texts : undefined;
    const change = this.changeOf(draft, session, delta, { expected, owner });
    const result = await this.records.commit(sid, change);
    switch (result.outcome) {
      case 'committed':
        draft.committed(delta, change, result, this.settings.absoluteTimeoutMs ?? Infinity);
        if (draft.isMoved) this.settings.onEvent?.({ type: 'created', id: storedId(sid, 1).id, userId: change.userId });
        draft.isMoved = false;
        this.tell(result, change.userId);
        return;
      case 'gone':
        draft.isEnded = true;
        this.lose(sid, delta.fields, 'gone');
        return;
      case 'signedOut':
        draft.isEnded = true;
        throw new SessionGoneError();
      case 'lockLost':
        this.lose(sid, delta.fields, 'lock');
        throw new SessionLockLostError();
      case 'conflict':
        throw new SessionConflictError(result.fields);
      case 'refused':
        throw new SessionLimitError(this.settings.userLimit?.max ?? 0);
      case 'tooManyFields':
        throw new SessionTooManyFieldsError(result.count, this.settings.maxFields);
    }
  }

  private changeOf(
    draft: SessionDraft | undefined,
    session: object,
    { set, remove, cookie, length, cookieMaxAgeMs, authentication }: SessionDelta,
    { expected, owner }: Pick<SessionChange, 'expected' | 'owner'>,
  ): SessionChange {
    const userId = this.userOf(session);
    const formerUser = draft?.userId;
    const isSignIn = userId !== null && userId !== formerUser;
    const about = isSignIn && isLive(session) ? this.settings.describe?.(session.req) : undefined;
    return {
      userId,
      isSignIn,
      maxFields: this.settings.maxFields,
      ...authenticationOf(draft, authentication, userId),
      keepsUser: userId === formerUser,
      about: about && JSON.stringify(about),
      length,
      idleTimeoutMs: Math.ceil(cookieMaxAgeMs ?? this.settings.idleTimeoutMs),
      set,
      remove,
      cookie,
      expected,
      owner,
    };
  }

  /** A session whose cookie has a life of its own (remember me) lives by that. */
  private idleTimeoutOf(session: object): number {
    return Math.ceil(cookieLifeMs((session as { readonly cookie?: unknown }).cookie) ?? this.settings.idleTimeoutMs);
  }

  private userOf(session: object): string | null {
    return userIdText(this.settings.userId?.(session));
  }

  private tell({ evicted, expired }: SideEffects, userId: string | null): void {
    for (const id of evicted) this.settings.onEvent?.({ type: 'revoked', id, userId, reason: 'limit' });
    for (const id of expired) this.settings.onEvent?.({ type: 'expired', id });
  }

  private lose(sid: string, fields: readonly string[], reason: 'gone' | 'lock'): void {
    this.settings.onEvent?.({ type: 'lostWrite', id: storedId(sid, 1).id, fields, reason });
  }
}

/** As at a step-up of which nothing else is known. */
const PLAIN_MARK: RequestAuthentication = Object.freeze({ method: null, actor: null, provider: undefined });

/** How a change's user has authenticated, and by which session of an identity provider. Another user has none of before. */
function authenticationOf(
  draft: SessionDraft | undefined,
  mark: RequestAuthentication | undefined,
  userId: string | null,
): Pick<SessionChange, 'authentication' | 'provider'> {
  const former = draft?.isStored ? draft : draft?.source?.draft;
  const before = userId !== null && former?.userId === userId ? former.provider : null;
  if (!mark) return { provider: before };
  const { method, actor, provider = before } = mark;
  return { provider, authentication: { method, actor, provider } };
}

/** Whether it is the session object of a request: a plain object replaces what is stored, it brings no ended session back. @internal */
export function isLive(data: object): data is { readonly req: Request } {
  return 'req' in data && 'save' in data && typeof data.save === 'function';
}
