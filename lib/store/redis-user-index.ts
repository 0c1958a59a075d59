import type { SessionChange, StoredSession, UserLimit } from '../core/session-record.js';
import { admitSession, indexUser, listUser, unindexUser } from '../scripts/scripts.generated.js';
import type { ScriptLink } from '../scripts/script-arguments.js';
import type { RedisKeyLayout, SessionKeys } from './redis-key-layout.js';
import type { RedisSessionReader } from './redis-session.reader.js';

/** How long a place is kept for a session that is about to be stored; longer than any operation may take. */
const RESERVATION_MS = 60_000;

/** A change of a session that has a user. @internal */
export type UserChange = SessionChange & { readonly userId: string };

/** One entry of a user's index. */
interface UserIndexEntry {
  readonly id: string;
  /** Names this very entry: entered anew it has another. */
  readonly score: string;
  /** A place that a login has reserved: its session need not be there yet. */
  readonly isReserved: boolean;
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

  /** The key that a script keeps along with the session, if it can. */
  keyFor(userId: string | null): string | undefined {
    return userId !== null && this.layout.isSingleSlot ? this.layout.user(userId) : undefined;
  }

  /** Whether the index has to be prepared for a change, and may have to be completed after it. */
  isConcernedBy(change: SessionChange): change is UserChange {
    const { userId, idleTimeoutMs, isSignIn } = change;
    if (userId === null || idleTimeoutMs <= 0) return false;
    return !this.layout.isSingleSlot || (isSignIn && this.limit !== null);
  }

  /**
   * Prepares the index for a session that is about to be stored with this user; `null` when they may have no more sessions,
   * otherwise the stored ids of those that have to end first.
   */
  async prepare(keys: SessionKeys, { userId, idleTimeoutMs, isSignIn }: UserChange): Promise<readonly string[] | null> {
    if (isSignIn && this.limit) return this.admit(keys, userId, this.limit);
    await this.enter(keys, userId, isSignIn ? RESERVATION_MS : idleTimeoutMs, isSignIn);
    return [];
  }

  /** Completes the index once a session that got its user by this change is stored. */
  async complete(keys: SessionKeys, { userId, idleTimeoutMs }: UserChange): Promise<void> {
    if (!this.layout.isSingleSlot) await this.enter(keys, userId, idleTimeoutMs, false);
  }

  /** Enters a live session for its new deadline, before that is moved. */
  async prolong(keys: SessionKeys, userId: string | null, idleTimeoutMs: number): Promise<void> {
    if (userId !== null && !this.layout.isSingleSlot) await this.enter(keys, userId, idleTimeoutMs, false);
  }

  /** Takes out a session that has ended: its id never comes back. */
  async remove(id: string, userId: string): Promise<void> {
    if (userId !== '') await unindexUser(this.link, { user: this.layout.user(userId) }, { id, score: '' });
  }

  /** A user's live sessions, in the order of their creation; entries that are outdated go. */
  async list(userId: string): Promise<readonly StoredSession[]> {
    const entries = await this.entries(userId);
    const loaded = await Promise.all(entries.map((entry) => this.loadEntry(entry, userId)));
    return loaded.filter((session) => session !== null).sort((a, b) => a.createdAtMs - b.createdAtMs);
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
      const entry = (await this.entries(one)).find(({ id }) => id === keys.id);
      if (entry) await this.loadEntry(entry, one);
    }
  }

  /** All entries of a user. */
  private async entries(userId: string): Promise<readonly UserIndexEntry[]> {
    const list = await listUser(this.link, { user: this.layout.user(userId) });
    return list.flatMap((id, index) => {
      const score = list[index + 1] ?? '';
      return index % 2 === 0 ? [{ id, score, isReserved: !Number.isInteger(Number(score)) }] : [];
    });
  }

  /** The session of an entry. An entry that is outdated goes, unless it has been entered anew since it was read. */
  private async loadEntry({ id, score, isReserved }: UserIndexEntry, userId: string): Promise<StoredSession | null> {
    const session = await this.reader.load(this.layout.stored(id));
    if (session?.userId === userId && !session.isRotated) return session;
    if (!isReserved) await unindexUser(this.link, { user: this.layout.user(userId) }, { id, score });
    return null;
  }

  private async enter({ id }: SessionKeys, userId: string, lifeMs: number, isReserved: boolean): Promise<void> {
    await indexUser(this.link, { user: this.layout.user(userId) }, { id, lifeMs, reserved: isReserved });
  }

  private async admit({ id }: SessionKeys, userId: string, limit: UserLimit): Promise<readonly string[] | null> {
    const args = { id, reservationMs: RESERVATION_MS, max: limit.max, evict: limit.evict === 'oldest' };
    const reply = await admitSession(this.link, { user: this.layout.user(userId) }, args);
    return reply.outcome === 'done' ? reply.evicted : null;
  }
}
