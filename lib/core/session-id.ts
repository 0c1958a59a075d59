import { hash, randomBytes, randomInt } from 'node:crypto';

/** How a session is named in the store: nobody can make a cookie of it. @internal */
export interface StoredId {
  /**
   * The first 22 characters of `base64url(sha256(sid))`, 132 bits: it is kept once in a key's name and in each index. The bucket
   * that its id names stands before it: `2a.…`.
   */
  readonly id: string;
  /** Which of `bucketCount` slots its keys live in. */
  readonly bucket: number;
}

/** Counts of five digits in base 36: 58 million, which no process uses up in a minute. */
const FIRST_COUNT = 36 ** 4;
const END_COUNT = 36 ** 5;

/** 132 bits: among 2^40 sessions no two meet by chance (2^-53), and nobody finds the id behind one (2^132 hashes). */
const STORED_ID_LENGTH = 22;

/** `~2a.` before an id: its session lives in bucket 2a, base 36. Ids that express-session makes hold no `~`. */
const BUCKET_MARK = '~';
const SID_BUCKET = /^~([0-9a-z]{1,3})\./;
const STORED_ID = /^(?:([0-9a-z]{1,3})\.)?([\w-]{22})$/;

/** The stored name of the session that a cookie calls `sid`. @internal */
export function storedId(sid: string, bucketCount: number): StoredId {
  const named = sid.startsWith(BUCKET_MARK) ? SID_BUCKET.exec(sid)?.[1] : undefined;
  const id = named === undefined ? digestOf(sid) : `${named}.${digestOf(sid)}`;
  return { id, bucket: bucketCount === 1 ? 0 : storedBucket(id, bucketCount) };
}

/**
 * Which of `bucketCount` slots the keys of a stored id live in: the one that it names, or one by its hash. A name beyond the last
 * bucket counts as none.
 *
 * @internal
 */
export function storedBucket(id: string, bucketCount: number): number {
  const [, named = '', digest = id] = STORED_ID.exec(id) ?? [];
  const bucket = named === '' ? NaN : parseInt(named, 36);
  return bucket < bucketCount ? bucket : hashBucket(digest, bucketCount);
}

/** Which of `bucketCount` slots the keys of a user live in. @internal */
export function userBucket(userId: string, bucketCount: number): number {
  return bucketCount === 1 ? 0 : hashBucket(digestOf(userId), bucketCount);
}

/** The name of an identity provider's session in the store: nobody learns its `sid` from it. @internal */
export function providerName(sid: string): string {
  return digestOf(sid);
}

/** Whether a text has the form of a stored id. @internal */
export function isStoredId(text: string): boolean {
  return STORED_ID.test(text);
}

/** The id of a session that is to live in a certain bucket. @internal */
export function sidInBucket(fresh: string, bucket: number, bucketCount: number): string {
  return bucketCount === 1 ? fresh : `${BUCKET_MARK}${bucket.toString(36)}.${fresh}`;
}

function digestOf(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, STORED_ID_LENGTH);
}

function hashBucket(digest: string, bucketCount: number): number {
  const bytes = Buffer.from(digest, 'base64url');
  return bytes.length < 4 ? 0 : bytes.readUInt32BE(0) % bucketCount;
}

/** Short names for changes, so that a replay of one is recognised: unique within one session's minute. @internal */
export class ChangeTokens {
  /** Tells this process from others; counting then costs a hundredth of a random name for each change. */
  private readonly prefix = randomBytes(3).toString('base64url');
  private count = randomInt(FIRST_COUNT, END_COUNT);

  /** Nine characters. */
  next(): string {
    this.count = this.count + 1 < END_COUNT ? this.count + 1 : FIRST_COUNT;
    return this.prefix + this.count.toString(36);
  }
}
