import type { StoredSession } from '../core/session-record.js';

/** `format created seen life longest version …`, as lib/scripts/include/meta.lua writes it. */
const META = /^(rotated )?1 (\d+) (-?\d+) (-?\d+) (\d+) (\d+)/;

/** What nearly every cookie consists of, each as one letter; with that the cookie of most applications takes a few bytes. */
const COOKIE_CODES: ReadonlyMap<string, string> = new Map([
  ['"originalMaxAge":null', 'm'],
  ['"httpOnly":true', 'h'],
  ['"path":"/"', 'p'],
  ['"secure":true', 's'],
  ['"sameSite":"lax"', 'l'],
  ['"sameSite":"strict"', 't'],
  ['"sameSite":"none"', 'n'],
]);
const COOKIE_PARTS: ReadonlyMap<string, string> = new Map([...COOKIE_CODES].map(([part, code]) => [code, part]));

interface Piece {
  readonly number: number;
  readonly name: string;
  readonly text: string;
}

/**
 * A session's hash, as `HGETALL` replies: a flat list, or the object or map that a client made of it. `null`: there is none, or
 * it is of a format that this version does not know.
 *
 * @internal
 */
export function parseStoredSession(id: string, reply: unknown, nowMs: number): StoredSession | null {
  const texts = new Map<string, string>();
  const fields = new Map<string, string>();
  const textsOf = (name: string): Map<string, string> => (name.startsWith('d:') ? fields : texts);
  const pieces: Piece[] = [];
  const list = flatList(reply);
  for (let i = 0; i + 1 < list.length; i += 2) {
    const name = list[i] ?? '';
    const text = list[i + 1] ?? '';
    const first = name.charCodeAt(0);
    if (first >= 48 && first <= 57) pieces.push(pieceOf(name, text));
    else textsOf(name).set(keyOf(name), text);
  }
  // A hash table hands them out in any order.
  for (const { name, text } of pieces.sort((a, b) => a.number - b.number)) {
    const key = keyOf(name);
    textsOf(name).set(key, (textsOf(name).get(key) ?? '') + text);
  }
  const meta = META.exec(texts.get('meta') ?? '');
  if (!meta) return null;
  const [created = 0, seen = 0, life = 0, longest = 0, version = 0] = meta.slice(2).map(Number);
  const cookie = texts.get('cookie');
  return {
    id,
    fields,
    cookie: cookie === undefined ? null : cookieText(cookie),
    userId: texts.get('user') ?? null,
    createdAtMs: created,
    remainingMs: Math.max(0, created + seen + life - nowMs),
    longestRemainingMs: longest === 0 ? Infinity : created + longest - nowMs,
    version,
    seenAtMs: created + seen,
    about: texts.get('about') ?? null,
    isRotated: meta[1] !== undefined,
  };
}

/** The form in which a cookie's JSON text is stored: as it is, or its parts by their letters where it says no more than others. */
export function cookieCode(text: string): string {
  if (text.length <= 2) return text;
  const parts = text.slice(1, -1).split(',');
  // A part that looks like a letter would be taken for one.
  if (parts.some((part) => COOKIE_PARTS.has(part))) return text;
  return parts.map((part) => COOKIE_CODES.get(part) ?? part).join(',');
}

function cookieText(code: string): string {
  if (code.startsWith('{')) return code;
  const parts = code.split(',').map((part) => COOKIE_PARTS.get(part) ?? part);
  return `{${parts.join(',')}}`;
}

/** `12d:cart` is the piece after the twelfth of `d:cart`. */
function pieceOf(field: string, text: string): Piece {
  const number = parseInt(field, 10);
  return { number, text, name: field.slice(String(number).length) };
}

function keyOf(name: string): string {
  return name.startsWith('d:') ? name.slice(2) : name;
}

function flatList(reply: unknown): readonly string[] {
  if (Array.isArray(reply)) return reply as string[];
  const entries = reply instanceof Map ? [...(reply as Map<string, string>)] : Object.entries(reply ?? {});
  return entries.flat() as string[];
}
