import type { SessionLink } from '../core/session-link.js';
import type { StoredSession } from '../core/session-record.js';
import type { RedisKeyLayout, SessionKeys } from './redis-key-layout.js';

/** `format created seen life longest version …`, as lib/scripts/include/meta.lua writes it. */
const META = /^(rotated )?1 (\d+) (-?\d+) (-?\d+) (\d+) (\d+)/;

/** `offset method#provider actor`, as lib/scripts/include/lineage.lua has it. */
const AUTH = /^(-?\d{1,16})(?: ([^\s#]+)(?:#([\w-]+))?(?: (.*))?)?$/s;

/** The last moment of the calendar (ECMA-262, time values): a session with a later one is garbled. @unit milliseconds */
const MAX_MOMENT = 8.64e15;

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
  auth?: string;
  lineage?: string;
  next?: string;
}

/** Moves of one session within a minute, the longest grace; beyond it its first ids cannot be read. @internal */
export const MAX_MOVES = 16;

/** Takes note of a stored session that cannot be read, and of the field. @internal */
export type UndecodableListener = (id: string, field: string) => void;

/**
 * Reads sessions, one command each. One that was moved can be read while the session that it was moved to is live and has the
 * same user; that takes a second command.
 *
 * @internal
 */
export class RedisSessionReader {
  constructor(
    private readonly link: SessionLink,
    private readonly layout: RedisKeyLayout,
    private readonly onUndecodable: UndecodableListener | undefined,
  ) {}

  /** The session, or `null` when there is none or it cannot be read. The signal ends the wait of a caller that has gone. */
  load({ id, session }: SessionKeys, signal?: () => AbortSignal): Promise<StoredSession | null> {
    return this.link.execute({ run: 'hgetall', keys: [session], args: [] }, { signal }).then(
      (hash) => {
        const stored = this.read(id, hash);
        return stored?.isRotated ? this.requireSuccessor(stored) : stored;
      },
      (error: unknown) => {
        if (!isWrongType(error)) throw error;
        this.onUndecodable?.(id, 'meta');
        return null;
      },
    );
  }

  private read(id: string, hash: unknown): StoredSession | null {
    const stored = parseStoredSession(id, hash, this.link.nowMs());
    if (typeof stored !== 'string') return stored;
    this.onUndecodable?.(id, stored);
    return null;
  }

  /** A session that was moved, if the one that it was moved to in the end is live and has the same user; or it had none. */
  private async requireSuccessor(moved: StoredSession): Promise<StoredSession | null> {
    // Written by a version that kept no lineage: it ends with its grace.
    if (moved.nextId === null) return moved;
    let next: StoredSession | null = moved;
    for (let moves = 0; next?.isRotated && moves < MAX_MOVES; moves++) {
      const { id, session } = this.layout.stored(next.nextId ?? '');
      next = this.read(id, await this.link.execute({ run: 'hgetall', keys: [session], args: [] }));
    }
    const isTheirs = moved.userId === null || next?.userId === moved.userId;
    return next && !next.isRotated && isTheirs ? moved : null;
  }
}

interface Piece {
  readonly number: number;
  readonly name: string;
  readonly text: string;
}

/**
 * A session's hash, as `HGETALL` replies: name, text, name, text … `null`: there is none. A text: the name of the field that cannot
 * be read, because it is garbled or of a format that this version does not know.
 *
 * @internal
 */
export function parseStoredSession(id: string, reply: unknown, nowMs: number): StoredSession | string | null {
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
  if (list.length === 0) return null;
  const times = readMeta(own.meta ?? '');
  if (!times) return 'meta';
  if (own.about !== undefined && !isJsonObject(own.about)) return 'about';
  const auth = AUTH.exec(own.auth ?? '0');
  if (!auth) return 'auth';
  const { created, seen, life, longest, version, isRotated } = times;
  return {
    id,
    fields,
    cookie: own.cookie === undefined ? null : cookieText(own.cookie),
    userId: own.user ?? null,
    createdAtMs: created,
    remainingMs: Math.max(0, seen + life - nowMs),
    longestRemainingMs: longest === 0 ? Infinity : created + longest - nowMs,
    version,
    seenAtMs: seen,
    about: own.about ?? null,
    // Without a text of its own the user authenticated when the session was created.
    authenticatedAtMs: own.user === undefined ? null : created + Number(auth[1]),
    authenticatedAgoMs: own.user === undefined ? null : Math.max(0, nowMs - created - Number(auth[1])),
    method: auth[2] === undefined || auth[2] === '-' ? null : auth[2],
    provider: auth[3] ?? null,
    actor: auth[4] ?? null,
    lineage: own.lineage ?? id,
    isRotated,
    nextId: own.next ?? null,
  };
}

interface Times {
  readonly isRotated: boolean;
  readonly created: number;
  readonly seen: number;
  readonly life: number;
  readonly longest: number;
  readonly version: number;
}

/** `null`: it is garbled, or its numbers are beyond the last moment of the calendar. */
function readMeta(text: string): Times | null {
  const meta = META.exec(text);
  if (!meta) return null;
  const created = Number(meta[2]);
  const [seen, life] = [created + Number(meta[3]), Number(meta[4])];
  const [longest, version] = [Number(meta[5]), Number(meta[6])];
  const isPossible = Math.max(created, longest, version, Math.abs(seen), Math.abs(seen + life)) <= MAX_MOMENT;
  return isPossible ? { isRotated: meta[1] !== undefined, created, seen, life, longest, version } : null;
}

function isJsonObject(text: string): boolean {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
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

function isWrongType(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('WRONGTYPE');
}
