import type { StoredSession } from '../core/session-record.js';
import { countSessions, expireSessions, pageSessions } from '../scripts/scripts.generated.js';
import type { ScriptLink } from '../scripts/script-arguments.js';
import { PAGE_COUNT } from './redis-index-pages.js';
import type { RedisKeyLayout } from './redis-key-layout.js';
import type { RedisSessionReader } from './redis-session.reader.js';
import type { RedisUserIndex } from './redis-user-index.js';
import { EXPIRY_PAGE_COUNT } from './session-repository.js';
import type { SessionDirectory } from './session-repository.js';

/**
 * Which sessions there are in Redis, from its indexes.
 *
 * @internal
 */
export class RedisDirectory implements SessionDirectory {
  constructor(
    private readonly link: ScriptLink,
    /** For what nobody waits for. */
    private readonly background: ScriptLink,
    private readonly layout: RedisKeyLayout,
    private readonly reader: RedisSessionReader,
    private readonly users: RedisUserIndex,
  ) {}

  async count(): Promise<number> {
    const counts = this.layout.buckets.map((bucket) => countSessions(this.link, { live: this.layout.live(bucket) }));
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  }

  async *all(): AsyncIterable<StoredSession> {
    for (const bucket of this.layout.buckets) {
      const live = this.layout.live(bucket);
      for (let start = 0; ; start += PAGE_COUNT) {
        const ids = await pageSessions(this.link, { live }, { start, size: PAGE_COUNT });
        for (const session of await Promise.all(ids.map((id) => this.reader.load(this.layout.stored(id))))) {
          if (session) yield session;
        }
        if (ids.length < PAGE_COUNT) break;
      }
    }
  }

  listByUser(userId: string): Promise<readonly StoredSession[]> {
    return this.users.list(userId);
  }

  async expire(): Promise<readonly string[]> {
    const pages = this.layout.buckets.map((bucket) =>
      expireSessions(this.background, { live: this.layout.live(bucket) }, { count: EXPIRY_PAGE_COUNT }),
    );
    return (await Promise.all(pages)).flat();
  }
}
