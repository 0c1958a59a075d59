import type { StoredSession } from '../core/session-record.js';
import { SessionSerializationError } from '../errors/session-serialization.error.js';
import { SESSION_LIMITS } from '../options/session.defaults.js';

/** A session in the form that is stored. @internal */
export interface EncodedSession {
  /** JSON text of each top-level field, without `cookie`. */
  readonly fields: ReadonlyMap<string, string>;
  /** JSON text of the cookie's attributes without `expires`, or `null` without a cookie. */
  readonly cookie: string | null;
  /** The cookie's own life, which overrides the idle timeout, or `null`. */
  readonly cookieMaxAgeMs: number | null;
  /** Characters of all names and texts; no character takes more than three bytes. */
  readonly length: number;
}

/** A cookie in the form that is stored. @internal */
export interface EncodedCookie {
  readonly text: string | null;
  readonly maxAgeMs: number | null;
}

/** A stored cookie as express-session's `Cookie` takes it. @internal */
export type CookieData = Readonly<Record<string, unknown>>;

/** Says which field of a stored session is no JSON. @internal */
export class UndecodableFieldError extends Error {
  constructor(readonly field: string) {
    super(`stored field "${field}" is not JSON`);
  }
}

/**
 * Serialises a session, field by field.
 *
 * @throws SessionSerializationError when a field is or holds what JSON cannot carry; names the field.
 * @internal
 */
export function encodeSession(session: object): EncodedSession {
  const fields = new Map<string, string>();
  let cookie: EncodedCookie = { text: null, maxAgeMs: null };
  let length = 0;
  for (const name of Object.keys(session)) {
    const value = (session as Record<string, unknown>)[name];
    if (name === 'cookie') {
      cookie = encodeCookie(value);
      continue;
    }
    const text = isField(name) ? encodeField(name, value) : undefined;
    if (text === undefined) continue;
    fields.set(name, text);
    length += name.length + text.length;
  }
  return { length, fields, cookie: cookie.text, cookieMaxAgeMs: cookie.maxAgeMs };
}

/** Whether a property of a session is a field: `__proto__` would set a prototype when the session is built again. @internal */
export function isField(name: string): boolean {
  return name !== 'cookie' && name !== '__proto__';
}

/**
 * JSON text of a field; `undefined`: it is not stored.
 *
 * @throws SessionSerializationError when it is or holds what JSON cannot carry.
 * @internal
 */
export function encodeField(name: string, value: unknown): string | undefined {
  let text: string | undefined;
  try {
    text = jsonOf(value);
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split('\n')[0] ?? cause.name) : String(cause);
    throw new SessionSerializationError(name, reason, { cause });
  }
  // A filled Map or Set becomes `{}` silently; only then is it worth a second look.
  if (text?.includes('{}')) refuseCollections(name, value);
  return text;
}

/** The life of a cookie as browsers take it: at most 400 days. @internal */
export function boundedLifeMs(lifeMs: number): number {
  return Math.min(lifeMs, SESSION_LIMITS.maxCookieLifeMs);
}

/** The cookie's attributes in the form that is stored. @internal */
export function encodeCookie(cookie: unknown): EncodedCookie {
  if (typeof cookie !== 'object' || cookie === null) return { text: null, maxAgeMs: null };
  const attributes = plainCookie(cookie);
  const maxAgeMs = cookieMaxAgeMs(attributes, attributes['expires']);
  // A moment that every request moves. The length is stored; the moment is made from it on load.
  attributes['expires'] = undefined;
  if (
    maxAgeMs !== null &&
    typeof attributes['originalMaxAge'] !== 'number' &&
    typeof attributes['maxAge'] !== 'number'
  ) {
    attributes['originalMaxAge'] = maxAgeMs;
  }
  return { text: JSON.stringify(attributes), maxAgeMs };
}

/**
 * The session data of a stored session as express-session's `get` hands it out.
 *
 * @throws UndecodableFieldError when a field is not JSON.
 * @internal
 */
export function decodeSession(stored: StoredSession, nowMs: number): Record<string, unknown> {
  const data: Record<string, unknown> = {};
  if (stored.cookie !== null) data['cookie'] = withExpiry(parseCookie(stored.cookie), nowMs + stored.remainingMs);
  return decodeFields(stored, data);
}

/** Adds the fields of a stored session to an object. @throws UndecodableFieldError when a field is not JSON. @internal */
export function decodeFields(stored: StoredSession, data: Record<string, unknown>): Record<string, unknown> {
  for (const [name, text] of stored.fields) {
    if (isField(name)) data[name] = readField(stored, name, text);
  }
  return data;
}

/**
 * Reads a stored cookie.
 *
 * @throws UndecodableFieldError when it is not JSON.
 * @internal
 */
export function parseCookie(text: string): CookieData {
  const cookie = parse('cookie', text);
  if (typeof cookie !== 'object' || cookie === null) throw new UndecodableFieldError('cookie');
  return cookie as CookieData;
}

/** A stored cookie with the moment that express-session's `Cookie` expects beside a life. @internal */
export function withExpiry(cookie: CookieData, deadlineMs: number): CookieData {
  if (typeof cookie['originalMaxAge'] === 'number') {
    return { ...cookie, expires: new Date(deadlineMs).toISOString() };
  }
  return 'originalMaxAge' in cookie ? { ...cookie, expires: null } : cookie;
}

function readField({ values }: StoredSession, name: string, text: string): unknown {
  if (!values) return parse(name, text);
  let value = values.get(name);
  if (value === undefined) values.set(name, (value = parse(name, text)));
  return copyOf(value);
}

/** A copy of a value that was read from JSON: a third of the time that reading it again takes. */
function copyOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copyOf);
  const copy: Record<string, unknown> = {};
  for (const name in value) {
    const member = copyOf((value as Record<string, unknown>)[name]);
    // Assigned, it would become the copy's prototype; JSON makes a member of it.
    if (name === '__proto__') Object.defineProperty(copy, name, { value: member, ...OWN_MEMBER });
    else copy[name] = member;
  }
  return copy;
}

const OWN_MEMBER = { configurable: true, enumerable: true, writable: true };

/** TypeScript's own type of `JSON.stringify` forgets what it makes of a function. */
function jsonOf(value: unknown): string | undefined {
  return JSON.stringify(value);
}

function refuseCollections(field: string, value: unknown): void {
  JSON.stringify(value, (_key, inner: unknown) => {
    if (inner instanceof Map || inner instanceof Set) {
      throw new SessionSerializationError(field, `it holds a ${inner.constructor.name}, which JSON would store as {}`);
    }
    return inner;
  });
}

function plainCookie(cookie: object): Record<string, unknown> {
  return 'toJSON' in cookie && typeof cookie.toJSON === 'function'
    ? { ...(cookie as { toJSON(): Record<string, unknown> }).toJSON() }
    : { ...(cookie as Record<string, unknown>) };
}

function cookieMaxAgeMs(attributes: Record<string, unknown>, expires: unknown): number | null {
  for (const name of ['originalMaxAge', 'maxAge']) {
    const value = attributes[name];
    if (typeof value === 'number' && Number.isFinite(value)) return boundedLifeMs(value);
  }
  if (expires === null || expires === undefined || attributes['originalMaxAge'] === null) return null;
  const moment =
    expires instanceof Date ? expires.valueOf() : typeof expires === 'string' ? Date.parse(expires) : Number.NaN;
  return Number.isNaN(moment) ? null : boundedLifeMs(moment - Date.now());
}

function parse(field: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new UndecodableFieldError(field);
  }
}
