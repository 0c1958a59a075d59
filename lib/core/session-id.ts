import { hash, randomBytes } from 'node:crypto';

/** How a session is named in the store: nobody can make a cookie of it. @internal */
export interface StoredId {
  /** `base64url(sha256(sid))`, 43 characters. */
  readonly id: string;
  /** Which of `bucketCount` slots its keys live in. */
  readonly bucket: number;
}

/** The stored name of the session that a cookie calls `sid`. @internal */
export function storedId(sid: string, bucketCount: number): StoredId {
  const id = hash('sha256', sid, 'base64url');
  return { id, bucket: bucketCount === 1 ? 0 : storedBucket(id, bucketCount) };
}

/** Which of `bucketCount` slots the keys of a stored id live in. @internal */
export function storedBucket(id: string, bucketCount: number): number {
  const digest = Buffer.from(id, 'base64url');
  return digest.length < 4 ? 0 : digest.readUInt32BE(0) % bucketCount;
}

/** A short random name for one change, so that a replay of it is recognised. 48 bits: unique within one session's minute. @internal */
export function changeToken(): string {
  return randomBytes(6).toString('base64url');
}
