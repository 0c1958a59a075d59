import type { StoredSession } from '../core/session-record.js';
import type { StoredState } from './session-repository.js';
import type { EncodedSession } from './session-codec.js';

/** A cookie's length may differ by this much and be the same: express-session computes it anew, from the clock, at each touch. */
const COOKIE_DRIFT_MS = 50;

/** What changed since a session was loaded or stored. @internal */
export interface SessionDelta {
  readonly set: ReadonlyMap<string, string>;
  readonly remove: readonly string[];
  /** The new cookie when it changed, else `undefined`. */
  readonly cookie: string | null | undefined;
  readonly isEmpty: boolean;
}

const NOTHING: SessionDelta = { set: new Map(), remove: [], cookie: undefined, isEmpty: true };

/**
 * What the store is known to hold of one live session: changes are told by comparing with it, so that nothing watches the
 * session's objects and a nested change is found too.
 *
 * @internal
 */
export class SessionBaseline {
  private constructor(
    /** JSON text of each field. */
    readonly fields: ReadonlyMap<string, string>,
    private readonly cookie: string | null,
    /** Whose session it is. */
    readonly userId: string | null,
    /** When the session ends unless it is touched; this process's monotonic clock. */
    private readonly deadlineMs: number,
    /** When it ends in any case; this process's monotonic clock. */
    private readonly latestMs: number,
  ) {}

  /** The baseline of a session as loaded. */
  static ofStored(stored: StoredSession): SessionBaseline {
    const now = performance.now();
    const { fields, cookie, userId, remainingMs, longestRemainingMs } = stored;
    return new SessionBaseline(fields, cookie, userId, now + remainingMs, now + longestRemainingMs);
  }

  /** The baseline of a session just created. */
  static ofCreated(
    encoded: EncodedSession,
    userId: string | null,
    state: StoredState,
    longestMs: number,
  ): SessionBaseline {
    const now = performance.now();
    return new SessionBaseline(encoded.fields, encoded.cookie, userId, now + state.remainingMs, now + longestMs);
  }

  /** The same with a deadline that was just moved. */
  touched(state: StoredState): SessionBaseline {
    const { fields, cookie, userId, latestMs } = this;
    return new SessionBaseline(fields, cookie, userId, performance.now() + state.remainingMs, latestMs);
  }

  /** The same after a change: all of `encoded` is stored now. */
  written(encoded: EncodedSession, userId: string | null, state: StoredState): SessionBaseline {
    return new SessionBaseline(
      encoded.fields,
      encoded.cookie,
      userId,
      performance.now() + state.remainingMs,
      this.latestMs,
    );
  }

  /** What of `encoded` is not stored yet. */
  deltaOf(encoded: EncodedSession): SessionDelta {
    let set: Map<string, string> | undefined;
    for (const [name, text] of encoded.fields) if (this.fields.get(name) !== text) (set ??= new Map()).set(name, text);
    const cookie = sameCookie(this.cookie, encoded.cookie) ? undefined : encoded.cookie;
    // What most requests end with: they have only read.
    if (!set && cookie === undefined && encoded.fields.size === this.fields.size) return NOTHING;
    const remove = [...this.fields.keys()].filter((name) => !encoded.fields.has(name));
    return { set: set ?? new Map(), remove, cookie, isEmpty: !set && remove.length === 0 && cookie === undefined };
  }

  /** By how much a touch now would move the deadline. */
  touchGainMs(idleTimeoutMs: number): number {
    return Math.min(performance.now() + idleTimeoutMs, this.latestMs) - this.deadlineMs;
  }
}

function sameCookie(stored: string | null, current: string | null): boolean {
  if (stored === current) return true;
  if (stored === null || current === null) return false;
  const [a, b] = [JSON.parse(stored), JSON.parse(current)] as [Record<string, unknown>, Record<string, unknown>];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((name) => {
    const [before, after] = [a[name], b[name]];
    if (name === 'originalMaxAge' && typeof before === 'number' && typeof after === 'number') {
      return Math.abs(before - after) <= COOKIE_DRIFT_MS;
    }
    // express-session adds attributes that are not set as null.
    return JSON.stringify(before ?? null) === JSON.stringify(after ?? null);
  });
}
