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

const LETTER_D = 'd'.charCodeAt(0);
const DIGIT_NINE = '9'.charCodeAt(0);

/** The texts of a hash that are not the application's. */
interface OwnTexts {
  meta?: string;
  cookie?: string;
  user?: string;
  about?: string;
}

interface Piece {
  readonly number: number;
  readonly name: string;
  readonly text: string;
}

/**
 * A session's hash, as `HGETALL` replies: name, text, name, text … `null`: there is none, or it is of a format that this version
 * does not know.
 *
 * @internal
 */
export function parseStoredSession(id: string, reply: unknown, nowMs: number): StoredSession | null {
  const list = Array.isArray(reply) ? (reply as readonly string[]) : [];
  const fields = new Map<string, string>();
  const own: OwnTexts = {};
  let pieces: Piece[] | undefined;
  for (let i = 0; i + 1 < list.length; i += 2) {
    const name = list[i] ?? '';
    const text = list[i + 1] ?? '';
    const first = name.charCodeAt(0);
    if (first === LETTER_D) fields.set(name.slice(2), text);
    else if (first <= DIGIT_NINE) (pieces ??= []).push(pieceOf(name, text));
    else own[name as keyof OwnTexts] = text;
  }
  if (pieces) append(pieces, fields, own);
  const meta = META.exec(own.meta ?? '');
  if (!meta) return null;
  const created = Number(meta[2]);
  const seen = created + Number(meta[3]);
  const longest = Number(meta[5]);
  return {
    id,
    fields,
    cookie: own.cookie === undefined ? null : cookieText(own.cookie),
    userId: own.user ?? null,
    createdAtMs: created,
    remainingMs: Math.max(0, seen + Number(meta[4]) - nowMs),
    longestRemainingMs: longest === 0 ? Infinity : created + longest - nowMs,
    version: Number(meta[6]),
    seenAtMs: seen,
    about: own.about ?? null,
    isRotated: meta[1] !== undefined,
  };
}

/** Puts the pieces of texts behind their beginnings. */
function append(pieces: Piece[], fields: Map<string, string>, own: OwnTexts): void {
  // A hash table hands them out in any order.
  pieces.sort((a, b) => a.number - b.number);
  for (const { name, text } of pieces) {
    if (name.startsWith('d:')) {
      const field = name.slice(2);
      fields.set(field, (fields.get(field) ?? '') + text);
    } else {
      const key = name as keyof OwnTexts;
      own[key] = (own[key] ?? '') + text;
    }
  }
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
