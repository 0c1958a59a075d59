import { SessionSerializationError } from '../errors/session-serialization.error.js';
import type { LiveSession } from './session.types.js';

/** express-session computes a cookie's length anew from the clock; two lengths this close are the same. Milliseconds. */
const MAX_AGE_DRIFT_MS = 50;

/** What a session looked like when a foreign store had it. @internal */
export class SessionSnapshot {
  constructor(
    private readonly text: string,
    private readonly maxAgeMs: number | null,
  ) {}

  /** Whether nothing that a store keeps has changed between the two. */
  equals(other: SessionSnapshot): boolean {
    if (this.text !== other.text) return false;
    if (this.maxAgeMs === null || other.maxAgeMs === null) return this.maxAgeMs === other.maxAgeMs;
    return Math.abs(this.maxAgeMs - other.maxAgeMs) <= MAX_AGE_DRIFT_MS;
  }
}

/**
 * How a session looks now. Moments of the cookie are left out: every request moves them.
 *
 * @throws SessionSerializationError when a field cannot be stored; names the field.
 * @internal
 */
export function snapshotOf(session: LiveSession): SessionSnapshot {
  const { cookie, ...fields } = session;
  const parts = Object.entries(fields).map(([name, value]) => textOf(name, value));
  const { expires: _expires, originalMaxAge, ...attributes } = attributesOf(cookie);
  const maxAgeMs = typeof originalMaxAge === 'number' ? originalMaxAge : null;
  return new SessionSnapshot(`${parts.join(',')}|${JSON.stringify(attributes)}`, maxAgeMs);
}

function attributesOf(cookie: object): Record<string, unknown> {
  return JSON.parse(JSON.stringify(cookie)) as Record<string, unknown>;
}

function textOf(name: string, value: unknown): string {
  try {
    return `${JSON.stringify(name)}:${JSON.stringify(value)}`;
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split('\n')[0] ?? cause.name) : String(cause);
    throw new SessionSerializationError(name, reason, { cause });
  }
}
