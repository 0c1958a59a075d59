import { createHmac, type KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { sidInBucket, storedBucket, storedId, userBucket } from '../core/session-id.js';
import type { StoredId } from '../core/session-id.js';

/** Every installation that uses this Redis, by name. @internal */
export const INSTALLATIONS_KEY = '{nestjs-ha-session}:installations';

/** How many ids are remembered with their stored form: one takes some 200 bytes. */
const REMEMBERED_IDS = 10_000;

/** Key names of one session. @internal */
export interface SessionKeys {
  /** Member of the indexes. */
  readonly id: string;
  readonly session: string;
  readonly live: string;
  readonly tombstone: string;
  readonly lock: string;
  readonly ended: string;
  /** What is known of the session that another store has. */
  readonly origin: string;
}

/** Key names of one user. @internal */
export interface UserKeys {
  readonly user: string;
  readonly ended: string;
  /** Member of `ended` when they were signed out everywhere. */
  readonly mark: string;
}

/**
 * Every key name this package uses; `docs/redis-keys.md` lists them for operators.
 *
 * @internal
 */
export class RedisKeyLayout {
  /** A session is asked for again and again: its id is hashed once. */
  private readonly known = new LRUCache<string, StoredId>({ max: REMEMBERED_IDS });

  constructor(
    private readonly application: string,
    /** Hash tags the sessions are spread over: one except in Cluster. */
    readonly bucketCount: number,
    /** Key of the HMAC that stands for a user's id; `null`: the id itself does. */
    private readonly userIdKey: KeyObject | null = null,
  ) {}

  /** Whether all keys share one slot, so that one script can change a session and its user's index together. */
  get isSingleSlot(): boolean {
    return this.bucketCount === 1;
  }

  /** Every bucket. */
  get buckets(): readonly number[] {
    return Array.from({ length: this.bucketCount }, (_, bucket) => bucket);
  }

  /** Keys of the session that a cookie calls `sid`. */
  session(sid: string): SessionKeys {
    const { id, bucket } = this.storedId(sid);
    return this.stored(id, bucket);
  }

  /** Keys of a session by its stored id. */
  stored(id: string, bucket: number = storedBucket(id, this.bucketCount)): SessionKeys {
    const tag = this.tag(bucket);
    return {
      id,
      session: `${tag}s:${id}`,
      live: `${tag}live`,
      tombstone: `${tag}t:${id}`,
      lock: `${tag}l:${id}`,
      ended: `${tag}ended`,
      origin: `${tag}o:${id}`,
    };
  }

  /** What the keys of all sessions of one bucket begin with; the rest is the stored id. */
  sessionPrefix(bucket: number): string {
    return `${this.tag(bucket)}s:`;
  }

  /** Index of live sessions of one bucket. */
  live(bucket: number): string {
    return `${this.tag(bucket)}live`;
  }

  /** Who was signed out everywhere, of the users and sessions of one bucket. */
  ended(bucket: number): string {
    return `${this.tag(bucket)}ended`;
  }

  /** Keys of one user: the index of their sessions, and the marks of sign-outs that theirs is among. */
  user(userId: string): UserKeys {
    const name = userNameIn(userId, this.userIdKey);
    const tag = this.tag(userBucket(name, this.bucketCount));
    const mark = `u:${name}`;
    return { user: `${tag}${mark}`, ended: `${tag}ended`, mark };
  }

  /** A fresh id for a session that is to live in the same slot as that of `sid`. */
  successorSid(sid: string, fresh: string): string {
    return sidInBucket(fresh, this.storedId(sid).bucket, this.bucketCount);
  }

  /** The key on which it is tried whether sessions can be stored. */
  get probe(): string {
    return `${this.tag(0)}probe`;
  }

  /** Counts of one bucket: sessions that began, and that ended by each reason. */
  counts(bucket: number): string {
    return `${this.tag(bucket)}counts`;
  }

  /** What happened to the sessions of one bucket lately. */
  events(bucket: number): string {
    return `${this.tag(bucket)}events`;
  }

  /** What one instance of the installation holds at a time. */
  lease(name: string): string {
    return `${this.tag(0)}lease:${name}`;
  }

  /** Samples of the counts, in the slot of the lease whose holder writes them. */
  samples(resolution: 'minutes' | 'hours'): string {
    return `${this.tag(0)}${resolution}`;
  }

  private storedId(sid: string): StoredId {
    let known = this.known.get(sid);
    if (!known) this.known.set(sid, (known = storedId(sid, this.bucketCount)));
    return known;
  }

  private tag(bucket: number): string {
    return `{${this.application}:${bucket}}:`;
  }
}

/** A user's id as it stands in the name of a key. */
function userNameIn(userId: string, key: KeyObject | null): string {
  return key === null ? userId : createHmac('sha256', key).update(userId).digest('base64url');
}
