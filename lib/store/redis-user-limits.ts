import type { SessionChange } from '../core/session-record.js';
import type { RedisEndings } from './redis-endings.js';
import { PAGE_COUNT } from './redis-index-pages.js';
import type { SessionKeys } from './redis-key-layout.js';
import type { RedisUserIndex } from './redis-user-index.js';

/** Pages of sessions that one sign-in ends at the most; a limit that was switched on lately is reached over several. */
const MAX_EVICTED_PAGES = 5;

/** A place for a session among those of its user. @internal */
export interface Room {
  readonly isIndexed: boolean;
  readonly authenticatedAtMs: number;
  readonly evicted: readonly string[];
}

const NO_ROOM_NEEDED: Room = { isIndexed: false, authenticatedAtMs: 0, evicted: [] };

/**
 * Holds users to their limit: makes room for one more session before it gets its user, and looks again after it.
 *
 * @internal
 */
export class RedisUserLimits {
  constructor(
    private readonly users: RedisUserIndex,
    private readonly endings: RedisEndings,
  ) {}

  /** Ends what has to end before this session gets its user; `null` when the user may have no more sessions. */
  async makeRoom(keys: SessionKeys, change: SessionChange): Promise<Room | null> {
    if (!this.users.isConcernedBy(change)) return NO_ROOM_NEEDED;
    let admission = await this.users.prepare(keys, change);
    if (!admission) {
      // The index may name sessions that have ended: walking it takes them out.
      await this.users.purge(change.userId);
      admission = await this.users.prepare(keys, change);
    }
    const evicted: string[] = [];
    for (let pages = 1; admission && admission.surplus.length > 0; pages++) {
      const ended = await Promise.all(admission.surplus.map((entry) => this.endings.evict(entry, change.userId)));
      evicted.push(...ended.filter((id) => id !== null));
      if (admission.surplus.length < PAGE_COUNT || pages === MAX_EVICTED_PAGES) break;
      admission = await this.users.prepare(keys, change);
    }
    return admission && { isIndexed: true, authenticatedAtMs: admission.authenticatedAtMs, evicted };
  }

  /**
   * Another sign-in may have given the place of this one away before this session was its user's: then one more has to end. Resolves
   * with the stored ids of those that have.
   */
  async keep(keys: SessionKeys, change: SessionChange, user: string): Promise<readonly string[]> {
    if (!change.isSignIn || user === '' || user !== change.userId || !(await this.users.isOverLimit(user))) return [];
    return (await this.makeRoom(keys, change))?.evicted ?? [];
  }
}
