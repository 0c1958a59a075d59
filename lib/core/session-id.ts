import { hash, randomBytes, randomInt } from 'node:crypto';

/** How a session is named in the store: nobody can make a cookie of it. @internal */
export interface StoredId {
  /** The first 22 characters of `base64url(sha256(sid))`, 132 bits: it is kept once in a key's name and in each index. */
  readonly id: string;
  /** Which of `bucketCount` slots its keys live in. */
  readonly bucket: number;
}

/** Counts of five digits in base 36: 58 million, which no process uses up in a minute. */
const FIRST_COUNT = 36 ** 4;
const END_COUNT = 36 ** 5;

/** 132 bits: among 2^40 sessions no two meet by chance (2^-53), and nobody finds the id behind one (2^132 hashes). */
const STORED_ID_LENGTH = 22;

/** The stored name of the session that a cookie calls `sid`. @internal */
export function storedId(sid: string, bucketCount: number): StoredId {
  const id = hash('sha256', sid, 'base64url').slice(0, STORED_ID_LENGTH);
  return { id, bucket: bucketCount === 1 ? 0 : storedBucket(id, bucketCount) };
}

/** Which of `bucketCount` slots the keys of a stored id live in. @internal */
export function storedBucket(id: string, bucketCount: number): number {
  const digest = Buffer.from(id, 'base64url');
  return digest.length < 4 ? 0 : digest.readUInt32BE(0) % bucketCount;
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
