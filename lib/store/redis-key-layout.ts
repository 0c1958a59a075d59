import { createHmac, type KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { sidInBucket, storedBucket, storedId, userBucket } from '../core/session-id.js';

/** Every installation that uses this Redis, by name. @internal */
export const INSTALLATIONS_KEY = '{nestjs-ha-session}:installations';

/** How many ids are remembered with their keys: one takes some 200 bytes. */
const REMEMBERED_IDS = 10_000;

/** What the mark of a user begins with. */
const USER_MARK = 'u:';

/** Key names of one session, each made when it is asked for. @internal */
export class SessionKeys {
  constructor(
    /** Member of the indexes. */
    readonly id: string,
    private readonly tag: string,
  ) {}

  get session(): string {
    return `${this.tag}s:${this.id}`;
  }

  get live(): string {
    return `${this.tag}live`;
  }

  get tombstone(): string {
    return `${this.tag}t:${this.id}`;
  }

  get lock(): string {
    return `${this.tag}l:${this.id}`;
  }

  get ended(): string {
    return `${this.tag}ended`;
  }

  /** What is known of the session that another store has. */
  get origin(): string {
    return `${this.tag}o:${this.id}`;
  }
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
  private readonly known = new LRUCache<string, SessionKeys>({ max: REMEMBERED_IDS });

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
    let keys = this.known.get(sid);
    if (!keys) {
      const { id, bucket } = storedId(sid, this.bucketCount);
      this.known.set(sid, (keys = this.stored(id, bucket)));
    }
    return keys;
  }

  /** Keys of a session by its stored id. */
  stored(id: string, bucket: number = storedBucket(id, this.bucketCount)): SessionKeys {
    return new SessionKeys(id, this.tag(bucket));
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
    const mark = `${USER_MARK}${name}`;
    return { user: `${tag}${mark}`, ended: `${tag}ended`, mark };
  }

  /** The index of a user, by its mark. */
  indexOf(mark: string): string {
    return `${this.tag(userBucket(mark.slice(USER_MARK.length), this.bucketCount))}${mark}`;
  }

  /** Keys of a session of an identity provider: the users who have signed in by it, and the marks of those that are over. */
  provider(name: string): UserKeys {
    const tag = this.tag(userBucket(name, this.bucketCount));
    const mark = `i:${name}`;
    return { user: `${tag}${mark}`, ended: `${tag}ended`, mark };
  }

  /** A fresh id for a session that is to live in the same slot as that of `sid`. */
  successorSid(sid: string, fresh: string): string {
    return sidInBucket(fresh, storedBucket(this.session(sid).id, this.bucketCount), this.bucketCount);
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

  private tag(bucket: number): string {
    return `{${this.application}:${bucket}}:`;
  }
}

/** A user's id as it stands in the name of a key. */
function userNameIn(userId: string, key: KeyObject | null): string {
  return key === null ? userId : createHmac('sha256', key).update(userId).digest('base64url');
}
