import type { SessionLink } from '../core/session-link.js';
import type { RedisKeyLayout } from '../store/redis-key-layout.js';
import { countUser, measureSession, sampleIds } from '../scripts/scripts.generated.js';

/** How many users have a session. @public */
export interface SessionUsers {
  /** Distinct users with a live session. */
  readonly count: number;
  /** Whether every session was looked at. Otherwise it is an estimate from a sample of 400, mostly within 5 %. */
  readonly isExact: boolean;
}

/** What a look at some sessions says of all of them. @internal */
export interface SessionSurvey {
  readonly users: SessionUsers;
  /** Mean of what a session takes, its places in the indexes included; `null` without sessions. @unit bytes */
  readonly sessionBytes: number | null;
}

/** One session of a sample. @internal */
export interface SurveyedSession {
  readonly bytes: number;
  /** Whose it is, and how many sessions this user has; `null`: nobody's. */
  readonly user: { readonly id: string; readonly sessionCount: number } | null;
}

/** Sessions that are looked at: the mean of a size that varies as much as its mean is then right within a tenth. */
const SAMPLE_COUNT = 400;

/** How many are asked for at a time: no request waits behind a whole sample. */
const PAGE_COUNT = 20;

/**
 * A session's place in the index of live ones: a node of the skip list and a place in the table (docs/redis-keys.md, measured
 * in Redis 7.0).
 */
const INDEX_BYTES = 132;

/** A place in the index of a user's sessions (docs/redis-keys.md, measured in Redis 7.0). */
const USER_INDEX_BYTES = 204;

/** Looks at some sessions of an installation in Redis. @internal */
export class SessionSampler {
  constructor(
    private readonly link: SessionLink,
    private readonly layout: RedisKeyLayout,
  ) {}

  /**
   * Looks at a sample of the live sessions.
   *
   * @param authenticated - live sessions with a user
   * @throws SessionUnavailableError when Redis does not answer by the operation's deadline.
   */
  async survey(authenticated: number): Promise<SessionSurvey> {
    const { buckets } = this.layout;
    const share = Math.ceil(SAMPLE_COUNT / buckets.length);
    const pages = await Promise.all(
      buckets.map((bucket) => sampleIds(this.link, { live: this.layout.live(bucket) }, { parts: spread(share) })),
    );
    // Of a bucket with fewer sessions than were asked for all come.
    const isWhole = pages.every((ids) => ids.length < share);
    const ids = [...new Set(pages.flat())];
    const sessions: SurveyedSession[] = [];
    for (let from = 0; from < ids.length; from += PAGE_COUNT) {
      const page = ids.slice(from, from + PAGE_COUNT).map((id) => this.#look(id));
      sessions.push(...(await Promise.all(page)).filter((session) => session !== null));
    }
    return surveyOf(sessions, authenticated, isWhole);
  }

  async #look(id: string): Promise<SurveyedSession | null> {
    const reply = await measureSession(this.link, { session: this.layout.stored(id).session });
    if (reply.outcome === 'gone') return null;
    const { bytes, user } = reply;
    if (user === '') return { bytes, user: null };
    const sessionCount = await countUser(this.link, { user: this.layout.user(user).user });
    return { bytes, user: { id: user, sessionCount: Math.max(1, sessionCount) } };
  }
}

/**
 * What a sample says of all.
 *
 * @remarks
 * A user with three sessions is met three times as often as one with a single session: each session met stands for a third of
 * its user. Summed over all sessions that is the number of users, without bias, and a sample gives its mean (Horvitz and
 * Thompson).
 *
 * @internal
 */
export function surveyOf(sessions: readonly SurveyedSession[], authenticated: number, isWhole: boolean): SessionSurvey {
  const owned = sessions.flatMap(({ user }) => user ?? []);
  const distinct = new Set(owned.map(({ id }) => id)).size;
  const parts = owned.reduce((sum, { sessionCount }) => sum + 1 / sessionCount, 0);
  const estimate = owned.length === 0 ? 0 : Math.round((authenticated * parts) / owned.length);
  // Never fewer than were met.
  const users = { count: isWhole ? distinct : Math.max(distinct, estimate), isExact: isWhole };
  if (sessions.length === 0) return { users, sessionBytes: null };
  const bytes = sessions.reduce((sum, session) => sum + session.bytes + indexBytesOf(session), 0);
  return { users, sessionBytes: Math.round(bytes / sessions.length) };
}

/** A user's index is shared by that user's sessions. */
function indexBytesOf({ user }: SurveyedSession): number {
  return INDEX_BYTES + (user ? USER_INDEX_BYTES / user.sessionCount : 0);
}

/** Random places, one in each of `count` equal parts: as even as random places can be. */
function spread(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => String((index + Math.random()) / count));
}
