import { destroySession, pageSessions } from '../scripts/scripts.generated.js';
import type { ScriptLink } from '../scripts/script-arguments.js';
import type { RedisKeyLayout, SessionKeys } from './redis-key-layout.js';
import type { RedisUserIndex } from './redis-user-index.js';
import type { SessionEndings } from './session-repository.js';

/** How many sessions are ended at a time. */
const PAGE_COUNT = 200;

/**
 * Ends sessions in Redis.
 *
 * @internal
 */
export class RedisEndings implements SessionEndings {
  constructor(
    private readonly link: ScriptLink,
    private readonly layout: RedisKeyLayout,
    private readonly users: RedisUserIndex,
    /** @unit milliseconds */
    private readonly tombstoneMs: number,
  ) {}

  destroyStored(id: string): Promise<'destroyed' | 'absent'> {
    return this.end(this.layout.stored(id), 'revoked');
  }

  async clear(): Promise<number> {
    let count = 0;
    for (const bucket of this.layout.buckets) {
      const live = this.layout.live(bucket);
      const next = (): Promise<readonly string[]> => pageSessions(this.link, { live }, { start: 0, size: PAGE_COUNT });
      // Every ended session leaves the index, so the first page is always the next one.
      for (let ids = await next(); ids.length > 0; ids = await next()) {
        const outcomes = await Promise.all(ids.map((id) => this.destroyStored(id)));
        count += outcomes.filter((outcome) => outcome === 'destroyed').length;
      }
    }
    return count;
  }

  /** Ends a session, which is counted under `reason`, and takes it out of its user's index. */
  async end(
    { session, live, tombstone, id }: SessionKeys,
    reason: 'logout' | 'revoked' | 'limit',
  ): Promise<'destroyed' | 'absent'> {
    const { tombstoneMs } = this;
    const reply = await destroySession(this.link, { session, live, tombstone }, { id, tombstoneMs, reason });
    if (reply.outcome !== 'done') return 'absent';
    await this.users.remove(id, reply.user);
    return 'destroyed';
  }
}
