import type { SessionChange, StoredSession, UserLimit } from '../core/session-record.js';
import { admitSession, countUser, findEntry, indexUser, unindexUser } from '../scripts/scripts.generated.js';
import type { ScriptLink } from '../scripts/script-arguments.js';
import { entriesOf, indexPages, PAGE_COUNT } from './redis-index-pages.js';
import type { IndexEntry } from './redis-index-pages.js';
import type { RedisKeyLayout, SessionKeys, UserKeys } from './redis-key-layout.js';
import type { RedisSessionReader } from './redis-session.reader.js';

/** How long a place is kept for a session that is about to be stored; longer than any operation may take. */
const RESERVATION_MS = 60_000;

/** A change of a session that has a user. @internal */
export type UserChange = SessionChange & { readonly userId: string };

/** A place in a user's index. @internal */
export interface Admission {
  /** The moment that counts for a user who authenticates by this change, by the clock of the user's slot. */
  readonly authenticatedAtMs: number;
  /** Sessions, and places reserved for some, that have to end first; as many as {@link PAGE_COUNT}: ask again. */
  readonly surplus: readonly IndexEntry[];
}

/**
 * Which sessions are whose. Where all keys share one slot the scripts that store a session keep its user's index too. In
 * Cluster it lives elsewhere: a session is entered before it is written and taken out after it has ended, so the index may
 * name one that has gone, and never misses one that lives.
 *
 * @internal
 */
export class RedisUserIndex {
  constructor(
    private readonly link: ScriptLink,
    private readonly layout: RedisKeyLayout,
    private readonly reader: RedisSessionReader,
    private readonly limit: UserLimit | null,
  ) {}

  /** The keys that a script keeps along with the session, if it can. */
  keysFor(userId: string | null): UserKeys | undefined {
    return userId !== null && userId !== '' && this.layout.isSingleSlot ? this.layout.user(userId) : undefined;
  }

  /** Whether the index has to be prepared for a change, and may have to be completed after it. */
  isConcernedBy(change: SessionChange): change is UserChange {
    const { userId, idleTimeoutMs, isSignIn } = change;
    if (userId === null || idleTimeoutMs <= 0) return false;
    return !this.layout.isSingleSlot || (isSignIn && this.limit !== null);
  }

  /** Prepares the index for a session that is about to be stored with this user; `null` when they may have no more sessions. */
  async prepare(keys: SessionKeys, { userId, idleTimeoutMs, isSignIn }: UserChange): Promise<Admission | null> {
    if (isSignIn && this.limit) return this.admit(keys, userId, this.limit);
    const authenticatedAtMs = await this.enter(keys, userId, isSignIn ? RESERVATION_MS : idleTimeoutMs, isSignIn);
    return { authenticatedAtMs, surplus: [] };
  }

  /** Completes the index once a session that got its user by this change is stored. */
  async complete(keys: SessionKeys, { userId, idleTimeoutMs }: UserChange): Promise<void> {
    if (!this.layout.isSingleSlot) await this.enter(keys, userId, idleTimeoutMs, false);
  }

  /** Enters a live session for its new deadline, before that is moved. */
  async prolong(keys: SessionKeys, userId: string | null, idleTimeoutMs: number): Promise<void> {
    if (userId !== null && !this.layout.isSingleSlot) await this.enter(keys, userId, idleTimeoutMs, false);
  }

  /**
   * Enters the successor of a session before it is stored, where no script can do both. `false`: the user was signed out everywhere
   * since they authenticated.
   */
  async enterSuccessor(id: string, source: StoredSession, lifeMs: number): Promise<boolean> {
    const { userId, authenticatedAtMs } = source;
    if (this.layout.isSingleSlot || userId === null) return true;
    const args = { id, lifeMs, reserved: false, authenticatedMs: authenticatedAtMs ?? 0 };
    return (await indexUser(this.link, this.layout.user(userId), args)).outcome === 'done';
  }

  /** Takes out a session that has ended: its id never comes back. */
  async remove(id: string, userId: string): Promise<void> {
    if (userId !== '') await unindexUser(this.link, { user: this.layout.user(userId).user }, { id, score: '' });
  }

  /** Takes out an entry, unless it has been entered anew since it was read. */
  async removeEntry(entry: IndexEntry, userId: string): Promise<void> {
    await unindexUser(this.link, { user: this.layout.user(userId).user }, entry);
  }

  /** Whether a user has more sessions than they may. */
  async isOverLimit(userId: string): Promise<boolean> {
    return this.limit !== null && (await countUser(this.link, this.layout.user(userId))) > this.limit.max;
  }

  /** A user's live sessions, in the order of their creation; entries that are outdated go. */
  async list(userId: string): Promise<readonly StoredSession[]> {
    const sessions = new Map<string, StoredSession>();
    for await (const page of this.sessionPages(userId)) for (const session of page) sessions.set(session.id, session);
    return [...sessions.values()].sort((a, b) => a.createdAtMs - b.createdAtMs);
  }

  /** Takes entries out that are outdated, until as many are found that are not as the user may have. */
  async purge(userId: string): Promise<void> {
    let live = 0;
    for await (const page of this.sessionPages(userId)) if ((live += page.length) >= (this.limit?.max ?? 0)) return;
  }

  /** Sets right the indexes of those who are, were, or were taken for the user of a session that was written. */
  async settle(
    keys: SessionKeys,
    { userId, idleTimeoutMs }: Pick<SessionChange, 'userId' | 'idleTimeoutMs'>,
    user: string,
    former: string,
  ): Promise<void> {
    if (idleTimeoutMs <= 0) return this.remove(keys.id, former);
    const doubtful = new Set([former, userId ?? '', user]);
    doubtful.delete('');
    if (user === userId) doubtful.delete(user);
    // Another request has changed whose session it is, and this one has moved the deadline.
    else if (user !== '') await this.enter(keys, user, idleTimeoutMs, false);
    for (const one of doubtful) {
      // By way of the entry: whose session it is may have changed again meanwhile.
      const [score] = await findEntry(this.link, { user: this.layout.user(one).user }, { id: keys.id });
      if (score !== undefined) await this.loadEntry({ id: keys.id, score }, one);
    }
  }

  /** The live entries of a user, a page at a time. */
  pages(userId: string): AsyncGenerator<readonly IndexEntry[]> {
    return indexPages(this.link, this.layout.user(userId).user);
  }

  private async *sessionPages(userId: string): AsyncGenerator<readonly StoredSession[]> {
    for await (const page of this.pages(userId)) {
      const loaded = await Promise.all(page.map((entry) => this.loadEntry(entry, userId)));
      yield loaded.filter((session) => session !== null);
    }
  }

  /** The session of an entry. An entry that is outdated goes. */
  private async loadEntry(entry: IndexEntry, userId: string): Promise<StoredSession | null> {
    const session = await this.reader.load(this.layout.stored(entry.id));
    if (session?.userId === userId && !session.isRotated) return session;
    // A place that is reserved is a sign-in under way.
    if (!isReserved(entry)) await this.removeEntry(entry, userId);
    return null;
  }

  private async enter({ id }: SessionKeys, userId: string, lifeMs: number, reserved: boolean): Promise<number> {
    const args = { id, lifeMs, reserved, authenticatedMs: 0 };
    const reply = await indexUser(this.link, this.layout.user(userId), args);
    return reply.outcome === 'done' ? reply.authenticated : 0;
  }

  private async admit({ id }: SessionKeys, userId: string, { max, evict }: UserLimit): Promise<Admission | null> {
    const reply = await admitSession(this.link, this.layout.user(userId), {
      id,
      reservationMs: RESERVATION_MS,
      max,
      evict: evict === 'oldest',
      page: PAGE_COUNT,
    });
    if (reply.outcome === 'full') return null;
    return { authenticatedAtMs: reply.authenticated, surplus: entriesOf(reply.evicted) };
  }
}

/** Whether an entry is a place that a login has reserved: its session need not be there yet. @internal */
export function isReserved({ score }: IndexEntry): boolean {
  return !Number.isInteger(Number(score));
}
