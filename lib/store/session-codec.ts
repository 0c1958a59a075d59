import type { StoredSession } from '../core/session-record.js';
import { SessionSerializationError } from '../errors/session-serialization.error.js';

/** A live session in the form that is stored. @internal */
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

/** Says which field of a stored session is no JSON. @internal */
export class UndecodableFieldError extends Error {
  constructor(readonly field: string) {
    super(`stored field "${field}" is not JSON`);
  }
}

/**
 * Serialises a live session, field by field.
 *
 * @param knownText - the text of a field that is known without looking at the field
 * @throws SessionSerializationError when a field is or holds what JSON cannot carry; names the field.
 * @internal
 */
export function encodeSession(session: object, knownText?: (name: string) => string | undefined): EncodedSession {
  const fields = new Map<string, string>();
  let cookie: EncodedCookie = { text: null, maxAgeMs: null };
  let length = 0;
  for (const name of Object.keys(session)) {
    if (name === 'cookie') {
      cookie = encodeCookie((session as { readonly cookie: unknown }).cookie);
      continue;
    }
    // `__proto__` as a name would set a prototype when the session is built again.
    if (name === '__proto__') continue;
    const text = knownText?.(name) ?? encodeField(name, (session as Record<string, unknown>)[name]);
    if (text === undefined) continue;
    fields.set(name, text);
    length += name.length + text.length;
  }
  return { length, fields, cookie: cookie.text, cookieMaxAgeMs: cookie.maxAgeMs };
}

/**
 * The session data of a stored session as express-session's `get` hands it out.
 *
 * @param maxLength - fields with longer texts are left out
 * @throws UndecodableFieldError when a field is not JSON.
 * @internal
 */
export function decodeSession(stored: StoredSession, nowMs: number, maxLength = Infinity): Record<string, unknown> {
  const data: Record<string, unknown> = {};
  if (stored.cookie !== null) data['cookie'] = decodeCookie(stored.cookie, nowMs + stored.remainingMs);
  for (const [name, text] of stored.fields) {
    if (text.length <= maxLength && name !== '__proto__') data[name] = readField(stored, name, text);
  }
  return data;
}

/** The value of one field. @throws UndecodableFieldError when its text is not JSON. @internal */
export function readField({ values }: StoredSession, name: string, text: string): unknown {
  if (!values) return parse(name, text);
  let value = values.get(name);
  if (value === undefined) values.set(name, (value = parse(name, text)));
  return copyOf(value);
}

/** A copy of what was read from JSON: a third of the time that reading it again takes. */
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

function encodeField(name: string, value: unknown): string | undefined {
  let text: string | undefined;
  try {
    text = jsonOf(value);
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split('\n')[0] ?? cause.name) : String(cause);
    throw new SessionSerializationError(name, reason, { cause });
  }
  // A filled Map or Set becomes `{}` without a word; only then is it worth a second look.
  if (text?.includes('{}')) refuseCollections(name, value);
  return text;
}

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

interface EncodedCookie {
  readonly text: string | null;
  readonly maxAgeMs: number | null;
}

function encodeCookie(cookie: unknown): EncodedCookie {
  if (typeof cookie !== 'object' || cookie === null) return { text: null, maxAgeMs: null };
  const attributes = plainCookie(cookie);
  const maxAgeMs = cookieMaxAgeMs(attributes, attributes['expires']);
  // A moment that every request moves; what is stored is the length, and the moment is made from it on load.
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

function plainCookie(cookie: object): Record<string, unknown> {
  return 'toJSON' in cookie && typeof cookie.toJSON === 'function'
    ? { ...(cookie as { toJSON(): Record<string, unknown> }).toJSON() }
    : { ...(cookie as Record<string, unknown>) };
}

function cookieMaxAgeMs(attributes: Record<string, unknown>, expires: unknown): number | null {
  for (const name of ['originalMaxAge', 'maxAge']) {
    const value = attributes[name];
    if (typeof value === 'number' && !Number.isNaN(value)) return value;
  }
  if (expires === null || expires === undefined || attributes['originalMaxAge'] === null) return null;
  const moment =
    expires instanceof Date ? expires.valueOf() : typeof expires === 'string' ? Date.parse(expires) : Number.NaN;
  return Number.isNaN(moment) ? null : moment - Date.now();
}

function decodeCookie(text: string, deadlineMs: number): Record<string, unknown> {
  const attributes = parse('cookie', text) as Record<string, unknown>;
  if (typeof attributes['originalMaxAge'] === 'number') {
    return { ...attributes, expires: new Date(deadlineMs).toISOString() };
  }
  return 'originalMaxAge' in attributes ? { ...attributes, expires: null } : attributes;
}

function parse(field: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new UndecodableFieldError(field);
  }
}
