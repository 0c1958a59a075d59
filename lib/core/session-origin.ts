/** A session as another store has it. @public */
export interface OriginSession {
  /** The session's data with its `cookie`, as JSON gives it. */
  readonly data: Readonly<Record<string, unknown>>;
  /** How long it lives there from now, or `null` when the store does not say. @unit milliseconds */
  readonly remainingMs: number | null;
  /** By which the store knows whether the session was changed since it was read. */
  readonly revision?: unknown;
}

/**
 * Another store's sessions, under the ids that cookies carry: those that were there before an application moved in.
 *
 * A promise rejects only when the store did not answer or refused.
 *
 * @public
 */
export interface SessionOrigin {
  /** The session, or `null` when there is none, or it has expired. */
  read(sid: string): Promise<OriginSession | null>;
  /**
   * Stores a session in the form of that store.
   *
   * @param data - its data with its cookie
   * @param lifeMs - how long it lives from now, in milliseconds
   * @param before - what was read there (`null`: nothing); the store writes only while that is so, as far as it can
   * @returns `false` when it was changed since: nothing is written
   */
  write(
    sid: string,
    data: Readonly<Record<string, unknown>>,
    lifeMs: number,
    before: OriginSession | null,
  ): Promise<boolean>;
  /** Ends it there; nothing happens when there is none. */
  remove(sid: string): Promise<void>;
  /** The ids of all sessions, a bounded page at a time; sessions that come and go meanwhile may be missed, or be named twice. */
  ids?(): AsyncIterable<readonly string[]>;
}
