/**
 * One session as a repository hands it out.
 *
 * @internal
 */
export interface StoredSession {
  /** Its stored id: a hash of what the cookie carries. */
  readonly id: string;
  /** JSON text of each top-level field, without `cookie`. */
  readonly fields: ReadonlyMap<string, string>;
  /** Parsed values of the fields that were read so far. They are shared, so each reader gets a copy. */
  readonly values?: Map<string, unknown> | undefined;
  /** JSON text of the cookie's attributes without `expires`, or `null` when the session was stored without a cookie. */
  readonly cookie: string | null;
  /** Id of the session's user, or `null`. */
  readonly userId: string | null;
  /** When it was created: epoch milliseconds of the repository's clock. */
  readonly createdAtMs: number;
  /** How long it may live from now at the most, however busy, in milliseconds; `Infinity` without an absolute timeout. */
  readonly longestRemainingMs: number;
  /** How long it lives from now when nobody touches it, in milliseconds. */
  readonly remainingMs: number;
  /** Counts the stored changes; starts at 1. */
  readonly version: number;
  /** When it was last stored or touched: epoch milliseconds of the repository's clock. */
  readonly seenAtMs: number;
  /** JSON text of where its user came from, or `null`. */
  readonly about: string | null;
  /** When its user authenticated: epoch milliseconds of the repository's clock; `null` when it is nobody's. */
  readonly authenticatedAtMs: number | null;
  /** How long ago that was, in milliseconds; `null` when it is nobody's. */
  readonly authenticatedAgoMs: number | null;
  /** Method of their authentication, as it was given to `markAuthenticated`, or `null`. */
  readonly method: string | null;
  /** Id of the person that acts in the user's name (impersonation), or `null`. */
  readonly actor: string | null;
  /** Name of the identity provider's session by which they signed in, or `null`. */
  readonly provider: string | null;
  /** Stored id of the first session of those that were moved to this one; its own when there was no other. */
  readonly lineage: string;
  /** Whether its id was given up for another one: it can be read for its grace and counts no more. */
  readonly isRotated: boolean;
  /** Stored id of the session that it was moved to, or `null`. */
  readonly nextId: string | null;
}

/** How a user has authenticated. @internal */
export interface SessionAuthentication {
  /** `password`, `webauthn` …, or `null`. */
  readonly method: string | null;
  /** Id of the person that acts in the user's name, or `null`. With an actor the session's absolute deadline stays. */
  readonly actor: string | null;
  /** Name of the identity provider's session, or `null`. */
  readonly provider: string | null;
}

/** Changes of one request to its session. @internal */
export interface SessionChange {
  /** Fields to write: name to JSON text. */
  readonly set: ReadonlyMap<string, string>;
  /** Fields to delete. */
  readonly remove: readonly string[];
  /** JSON text of the cookie's attributes when they changed, otherwise `undefined`; `null` deletes them. */
  readonly cookie: string | null | undefined;
  /** Id of the session's user after the change, or `null`. */
  readonly userId: string | null;
  /** Characters of the whole session after the change, names and texts: a small one is stored in another way. */
  readonly length: number;
  /** As many fields the session may have when this change adds some; without it any number. */
  readonly maxFields?: number | undefined;
  /** How long the session lives from now, in milliseconds; 0 or less ends it. */
  readonly idleTimeoutMs: number;
  /** Whether the session gets this user by this change: then the limit of sessions per user is looked at. */
  readonly isSignIn: boolean;
  /** Whether this change keeps the user: a user that another request has set meanwhile stays. */
  readonly keepsUser: boolean;
  /** Authentication of the session's user in this request; without it a sign-in counts as one of an unknown method. */
  readonly authentication?: SessionAuthentication | undefined;
  /** Name of the identity provider's session by which its user signed in, before or by this change; `null`: none. */
  readonly provider?: string | null | undefined;
  /** JSON text of where the user comes from, or `undefined` when that stays. */
  readonly about?: string | undefined;
  /** JSON text that each field of the change must have now (`undefined`: must not be there); without it whatever it has. */
  readonly expected?: ReadonlyMap<string, string | undefined> | undefined;
  /** Owner that must hold the session's exclusive lock. */
  readonly owner?: string | undefined;
}

/** How many sessions one user may have. @internal */
export interface UserLimit {
  /** 1 … */
  readonly max: number;
  /** Whether the session used least recently ends (`oldest`) or the new one is refused. */
  readonly evict: 'oldest' | 'reject';
}
