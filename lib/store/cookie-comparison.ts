import { boundedLifeMs, encodeCookie } from './session-codec.js';
import type { CookieData, EncodedCookie } from './session-codec.js';

/** A cookie's length may differ by this much and be the same: a length made of a moment is computed from the clock. */
const COOKIE_DRIFT_MS = 50;

/** The attributes of a cookie that are stored, beside its life. */
const ATTRIBUTES = ['path', 'httpOnly', 'secure', 'sameSite', 'domain', 'partitioned', 'priority'] as const;

/** The life that a session's cookie gives it, or `null`. @internal */
export function cookieLifeMs(cookie: unknown): number | null {
  const life = isCookie(cookie) ? cookie['originalMaxAge'] : undefined;
  if (life === null) return null;
  return typeof life === 'number' && Number.isFinite(life) ? boundedLifeMs(life) : encodeCookie(cookie).maxAgeMs;
}

/** The cookie in the form that is stored, when it differs from the one that is. @param loaded - what that one says, or `null` @internal */
export function changedCookie(
  loaded: CookieData | null,
  stored: string | null,
  cookie: unknown,
): EncodedCookie | undefined {
  if (loaded && isCookie(cookie) && sameCookie(loaded, cookie, stored)) return undefined;
  const encoded = encodeCookie(cookie);
  return encoded.text === stored || sameTexts(stored, encoded.text) ? undefined : encoded;
}

/** One of express-session's class: its attributes can be read one by one. */
function isCookie(cookie: unknown): cookie is Record<string, unknown> {
  return typeof cookie === 'object' && cookie !== null && 'toJSON' in cookie && 'originalMaxAge' in cookie;
}

/** Most requests leave their cookie alone: then nothing is serialised. `own`: the session's own attributes, see `SessionCookie`. */
function sameCookie(loaded: CookieData, cookie: Record<string, unknown>, text: string | null): boolean {
  if (cookie['own'] !== undefined || loaded['own'] !== undefined || text === null) return false;
  return sameLife(loaded['originalMaxAge'], cookie['originalMaxAge']) && sameAttributes(loaded, cookie);
}

function sameAttributes(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
  for (const name of ATTRIBUTES) if ((a[name] ?? null) !== (b[name] ?? null)) return false;
  return true;
}

function sameTexts(stored: string | null, current: string | null): boolean {
  if (stored === null || current === null) return false;
  const [a, b] = [JSON.parse(stored), JSON.parse(current)] as [Record<string, unknown>, Record<string, unknown>];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((name) => {
    if (name === 'originalMaxAge') return sameLife(a[name], b[name]);
    // express-session adds attributes that are not set as null.
    return JSON.stringify(a[name] ?? null) === JSON.stringify(b[name] ?? null);
  });
}

function sameLife(before: unknown, after: unknown): boolean {
  if (typeof before === 'number' && typeof after === 'number') return Math.abs(before - after) <= COOKIE_DRIFT_MS;
  return (before ?? null) === (after ?? null);
}
