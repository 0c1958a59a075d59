import type { SessionChange, UserLimit } from '../core/session-record.js';
import type { RedisKeyLayout, SessionKeys } from './redis-key-layout.js';
import * as scripts from '../scripts/scripts.generated.js';
import type { RedisScriptCalls } from './redis-script-calls.js';

/** How long a place is kept for a session that is about to be stored; longer than any operation may take. */
const RESERVATION_MS = 60_000;

/** A change of a session that has a user. @internal */
export type UserChange = SessionChange & { readonly userId: string };

/** One entry of a user's index. @internal */
export interface UserIndexEntry {
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
    private readonly calls: RedisScriptCalls,
    private readonly layout: RedisKeyLayout,
    private readonly limit: UserLimit | null,
  ) {}

  /** The key that a script keeps along with the session, if it can. */
  keyFor(userId: string | null): readonly string[] {
    return userId !== null && this.layout.isSingleSlot ? [this.layout.user(userId)] : [];
  }

  /** Whether the index has to be prepared for a change, and may have to be completed after it. */
  isConcernedBy(change: SessionChange): change is UserChange {
    const { userId, idleTimeoutMs, isSignIn } = change;
    if (userId === null || idleTimeoutMs <= 0) return false;
    return !this.layout.isSingleSlot || (isSignIn && this.limit !== null);
  }

  /**
   * Prepares the index for a session that is about to be stored with this user; `null` when he may have no more sessions, else
   * the stored ids of those that have to end first.
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

  /** Enters a stored session whose deadline was moved by somebody who took it for another user's. */
  async follow(keys: SessionKeys, userId: string, idleTimeoutMs: number): Promise<void> {
    await this.enter(keys, userId, idleTimeoutMs, false);
  }

  /** Enters a live session for its new deadline, before that is moved. */
  async prolong(keys: SessionKeys, userId: string | null, idleTimeoutMs: number): Promise<void> {
    if (userId !== null && !this.layout.isSingleSlot) await this.enter(keys, userId, idleTimeoutMs, false);
  }

  /** Takes out a session that has ended: its id never comes back. */
  async remove(id: string, userId: string): Promise<void> {
    if (userId !== '') await this.calls.number(scripts.unindexUser, [this.layout.user(userId)], [id, '']);
  }

  /** Takes out an entry that was found outdated, unless it has been entered anew since it was read. */
  async removeEntry({ id, score, isReserved }: UserIndexEntry, userId: string): Promise<void> {
    if (!isReserved) await this.calls.number(scripts.unindexUser, [this.layout.user(userId)], [id, score]);
  }

  /** All entries of a user. */
  async entries(userId: string): Promise<readonly UserIndexEntry[]> {
    const list = await this.calls.texts(scripts.listUser, [this.layout.user(userId)]);
    return list.flatMap((id, index) => {
      const score = list[index + 1] ?? '';
      return index % 2 === 0 ? [{ id, score, isReserved: !Number.isInteger(Number(score)) }] : [];
    });
  }

  private async enter(keys: SessionKeys, userId: string, lifeMs: number, isReserved: boolean): Promise<void> {
    await this.calls.number(scripts.indexUser, [this.layout.user(userId)], [keys.id, lifeMs, isReserved ? 1 : 0]);
  }

  private async admit(keys: SessionKeys, userId: string, { max, evict }: UserLimit): Promise<readonly string[] | null> {
    const args = [keys.id, RESERVATION_MS, max, evict === 'oldest' ? 1 : 0];
    const reply = await this.calls.change(scripts.admitSession, [this.layout.user(userId)], args);
    return reply.done ? reply.rest.map(String) : null;
  }
}
