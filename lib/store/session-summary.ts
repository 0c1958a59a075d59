import type { StoredSession } from '../core/session-record.js';

/** One session of a user, for them or an administrator to see. @public */
export interface SessionSummary {
  /** Its stored id: names it to `revoke`, and is no cookie. */
  readonly id: string;
  /** Whose it is. */
  readonly userId: string | null;
  /** When it was created. */
  readonly createdAt: Date;
  /**
   * When its user authenticated; `null` when it is nobody's. A new id (`regenerate`) does not change it.
   */
  readonly authenticatedAt: Date | null;
  /** How they authenticated, as `markAuthenticated` was given it, or `null`. */
  readonly method: string | null;
  /** Who acts in its user's name (impersonation), as `markAuthenticated` was given it, or `null`. */
  readonly actor: string | null;
  /** When it was last changed, or its deadline moved: within `touchIntervalMs` of the last request. */
  readonly seenAt: Date;
  /** When it ends unless there is a request. */
  readonly expiresAt: Date;
  /** What `describe` said when the user signed in; empty without that option. */
  readonly about: Readonly<Record<string, string>>;
  /** Whether it is the session of the request that asks. */
  readonly isCurrent: boolean;
}

/** A stored session as its user or an administrator may see it. @internal */
export function summaryOf(session: StoredSession, current: string | undefined): SessionSummary {
  const { id, userId, createdAtMs, authenticatedAtMs, method, actor, seenAtMs, remainingMs, about } = session;
  return {
    id,
    userId,
    createdAt: new Date(createdAtMs),
    authenticatedAt: authenticatedAtMs === null ? null : new Date(authenticatedAtMs),
    method,
    actor,
    seenAt: new Date(seenAtMs),
    expiresAt: new Date(Date.now() + remainingMs),
    about: about === null ? {} : (JSON.parse(about) as Record<string, string>),
    isCurrent: id === current,
  };
}
