import { createHash } from 'node:crypto';
import type { OriginSession } from '../core/session-origin.js';
import type { StoredSession } from '../core/session-record.js';
import { decodeFields, encodeSession, parseCookie, withExpiry } from './session-codec.js';

/**
 * The field of a mirrored session that says what it was when it was written there. An application of before carries it along with
 * all other fields, so whatever it stores names the state that it began with.
 *
 * @internal
 */
const BASE_FIELD = 'haSession';

/** Enough to tell two texts of one field apart: 48 bits, and the space of eight characters in each mirrored session. */
const DIGEST_LENGTH = 8;

/** The name that the life of the cookie has among the digests; no field has it. */
const LIFE = 'cookie';

/** What a session of another store says, in our form. @internal */
export interface DecodedOrigin {
  /** JSON text of each field. */
  readonly fields: ReadonlyMap<string, string>;
  /** The data without the field of ours. */
  readonly data: Readonly<Record<string, unknown>>;
  /** JSON text of the cookie, or `null`. */
  readonly cookie: string | null;
  /** The life that its cookie gives it, or `null`. @unit milliseconds */
  readonly lifeMs: number | null;
  /** Characters of all names and texts. */
  readonly length: number;
  /** Digests of the state that it comes from, or `null`: nobody has mirrored it. */
  readonly base: Readonly<Record<string, unknown>> | null;
}

/** What has happened to a session in another store since it was mirrored. @internal */
export interface OriginChanges {
  readonly set: ReadonlyMap<string, string>;
  readonly remove: readonly string[];
  /** JSON text of the cookie when its life is another, or `undefined`. */
  readonly cookie: string | undefined;
}

/** Reads a session of another store. @internal */
export function decodeOrigin({ data }: OriginSession): DecodedOrigin {
  const { [BASE_FIELD]: base, ...own } = data;
  const { fields, cookie, cookieMaxAgeMs, length } = encodeSession(own);
  const isBase = typeof base === 'object' && base !== null;
  const lifeMs = originalLifeOf(own['cookie']) ?? (cookie === null ? null : cookieMaxAgeMs);
  return { fields, data: own, cookie, lifeMs, length, base: isBase ? (base as Record<string, unknown>) : null };
}

/** A session of ours in the form of another store. @internal */
export function encodeOrigin(ours: StoredSession): Record<string, unknown> {
  const cookie = ours.cookie === null ? { originalMaxAge: null } : parseCookie(ours.cookie);
  return decodeFields(ours, {
    cookie: withExpiry(cookie, Date.now() + ours.remainingMs),
    [BASE_FIELD]: Object.fromEntries(digestsOf(ours.fields, lifeOf(ours))),
  });
}

/**
 * What another store's session has that ours has not; `null`: nothing.
 *
 * @param wins - of sessions that nobody has mirrored: whether theirs counts
 * @internal
 */
export function changesIn(theirs: DecodedOrigin, ours: StoredSession, wins: boolean): OriginChanges | null {
  const { fields, base } = theirs;
  const now = digestsOf(fields, theirs.lifeMs);
  const isTheirs = (name: string): boolean => (base ? base[name] !== now.get(name) : wins && now.has(name));
  const names = [...new Set([...fields.keys(), ...Object.keys(base ?? {})])].filter((name) => name !== LIFE);
  const changed = names.filter((name) => isTheirs(name) && fields.get(name) !== ours.fields.get(name));
  const set = new Map(changed.flatMap((name): [string, string][] => pairOf(name, fields.get(name))));
  const remove = changed.filter((name) => !fields.has(name));
  const hasLife = isTheirs(LIFE) && theirs.lifeMs !== lifeOf(ours);
  const cookie = hasLife && theirs.cookie !== null ? theirs.cookie : undefined;
  return changed.length > 0 || cookie !== undefined ? { set, remove, cookie } : null;
}

/** Whether another store's session is what a mirrored one of ours would be there. @internal */
export function isMirrored({ fields, base, lifeMs }: DecodedOrigin, ours: StoredSession): boolean {
  if (!base || lifeMs !== lifeOf(ours) || fields.size !== ours.fields.size) return false;
  if ([...ours.fields].some(([name, text]) => fields.get(name) !== text)) return false;
  const digests = digestsOf(ours.fields, lifeOf(ours));
  return Object.keys(base).length === digests.size && [...digests].every(([name, digest]) => base[name] === digest);
}

function lifeOf({ cookie }: StoredSession): number | null {
  return cookie === null ? null : originalLifeOf(parseCookie(cookie));
}

function originalLifeOf(cookie: unknown): number | null {
  const life = typeof cookie === 'object' && cookie !== null && 'originalMaxAge' in cookie && cookie.originalMaxAge;
  return typeof life === 'number' ? life : null;
}

function pairOf(name: string, text: string | undefined): [string, string][] {
  return text === undefined ? [] : [[name, text]];
}

function digestsOf(fields: ReadonlyMap<string, string>, lifeMs: number | null): Map<string, string> {
  const digests = new Map([[LIFE, digestOf(String(lifeMs))]]);
  for (const [name, text] of fields) digests.set(name, digestOf(text));
  return digests;
}

function digestOf(text: string): string {
  return createHash('sha1').update(text).digest('base64url').slice(0, DIGEST_LENGTH);
}
