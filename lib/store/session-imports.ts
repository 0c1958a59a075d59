import type { SessionChange } from '../core/session-record.js';

/**
 * `moved`: it is stored now; `here`: the id is in use; `ended`: its session has ended here, or was moved on; `signedOut`: its user, or
 * everybody, was signed out everywhere; `refused`: its user has as many sessions as they may.
 *
 * @internal
 */
export type ImportOutcome = 'moved' | 'here' | 'ended' | 'signedOut' | 'refused';

/** What is noted of a session that another store has or had. @internal */
export interface OriginMark {
  /** Its id there, sealed, while it is kept up to date there; {@link CLOSED}: it may not be taken from there again. */
  readonly text: string;
  /** How long that is noted. @unit milliseconds */
  readonly lifeMs: number;
}

/** The mark of a session that may not be taken from the other store again; stands before a sealed id, too. @internal */
export const CLOSED = '-';

/**
 * Takes sessions over from another store.
 *
 * @internal
 */
export interface SessionImports {
  /** Stores a session that the other store has: once, and not when it has ended here. `idleTimeoutMs` is its remaining life. */
  take(sid: string, change: SessionChange, mark: OriginMark): Promise<ImportOutcome>;
  /** Notes something; `false` when the session is not here (any more), unless it is {@link CLOSED}. */
  mark(sid: string, mark: OriginMark): Promise<boolean>;
  /** What is noted of the session with this stored id, or `null`. */
  marked(id: string): Promise<string | null>;
}
