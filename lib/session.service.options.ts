/** Which sessions stay when a user is signed out everywhere. @public */
export interface SignOutOptions {
  /** `'current'`: that of the request that asks; or a stored id. It stays even if it gets a new id meanwhile. Without it all end. */
  readonly except?: string | undefined;
}

/** Whose session may be ended. @public */
export type RevokeOptions =
  | {
      /** Only a session of this user: take it from the session of the request, never from the request itself. */
      readonly userId: string | number;
    }
  | {
      /** Any user's session: for administrators. */
      readonly ofAnyUser: true;
    };

/** How a session gets a new id. @public */
export interface RegenerateOptions {
  /** Top-level fields that the new session keeps; `'all'`: every one. @defaultValue none */
  readonly keep?: readonly string[] | 'all' | undefined;
  /**
   * How long requests that still come with the old id find the session as it was, without a change of theirs being stored, so
   * that a page's parallel requests are not logged out. 0: the old id is worth nothing at once.
   *
   * @defaultValue 0
   * @range 0 … 60,000
   * @unit milliseconds
   */
  readonly graceMs?: number | undefined;
  /**
   * Whether the user has authenticated in this request, as at a step-up: `authenticatedAt` is now, and `absoluteTimeoutMs` begins
   * anew. Otherwise the session inherits both: a new id alone is no new authentication.
   *
   * @defaultValue false
   */
  readonly reauthenticated?: boolean | undefined;
}

/** The longest grace: the requests that a page has under way. @unit milliseconds */
const MAX_GRACE_MS = 60_000;

/**
 * Looks whether a time can be a grace.
 *
 * @throws RangeError when it cannot.
 * @internal
 */
export function checkGrace(graceMs: number): void {
  if (graceMs >= 0 && graceMs <= MAX_GRACE_MS) return;
  throw new RangeError(`graceMs must be a number of milliseconds from 0 to ${MAX_GRACE_MS}.`);
}
