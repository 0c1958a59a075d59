import type { SessionLink } from '../core/session-link.js';
import type { StoredSession } from '../core/session-record.js';
import type { SessionKeys } from './redis-key-layout.js';
import { parseStoredSession } from './redis-session.record.js';

/**
 * Reads sessions, one command each.
 *
 * @internal
 */
export class RedisSessionReader {
  constructor(private readonly link: SessionLink) {}

  /** The session, or `null` when there is none. The signal ends the wait of a caller that has gone. */
  load(keys: SessionKeys, signal?: () => AbortSignal): Promise<StoredSession | null> {
    const reply = this.link.execute({ run: 'hgetall', keys: [keys.session], args: [] }, { signal });
    return reply.then((hash) => parseStoredSession(keys.id, hash, this.link.nowMs()));
  }
}
