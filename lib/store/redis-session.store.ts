import type { SessionLink, SessionLinkStatus } from '../core/session-link.js';
import type { SessionLinkEvents } from '../core/session-link-events.js';
import type { RedisSessionStoreOptions } from '../options/session.options.js';
import { resolveStoreOptions } from '../options/resolve-session-options.js';
import { createSessionLink } from '../redis/link/redis-link.factory.js';
import { createRedisProbe, createRedisRepository } from './session-repository.factory.js';
import type { SessionNearCacheStatus, SessionRepository } from './session-repository.js';
import { SessionStore } from './session-store.js';

/**
 * express-session's store on Redis, without Nest: `app.use(session({ store: new RedisSessionStore({ … }) }))`.
 *
 * Connects in the background; until a primary is found operations wait, by their deadline.
 *
 * @throws SessionConfigurationError when an option is wrong; lists all faults.
 * @public
 */
export class RedisSessionStore extends SessionStore {
  private readonly link: SessionLink;
  private readonly place: SessionRepository;

  constructor(options: RedisSessionStoreOptions) {
    const resolved = resolveStoreOptions(options);
    const link = createSessionLink(resolved.redis, createRedisProbe(resolved));
    const place = createRedisRepository(link, resolved);
    super(place, { ...resolved, onEvent: options.onEvent });
    this.link = link;
    this.place = place;
  }

  /** Where the link to Redis stands; answers at once, asks nobody. */
  get status(): SessionLinkStatus {
    return this.link.status();
  }

  /** Where the near cache stands, or `null` without one; answers at once, asks nobody. */
  get nearCache(): SessionNearCacheStatus | null {
    return this.place.cache?.status() ?? null;
  }

  /** Subscribes to an event of the link; returns the way to unsubscribe. */
  onLink<E extends keyof SessionLinkEvents>(event: E, listener: (payload: SessionLinkEvents[E]) => void): () => void {
    return this.link.on(event, listener);
  }

  /** Lets operations under way finish or fail by their deadline, then closes the connections that the store opened. */
  close(): Promise<void> {
    return this.link.close();
  }
}
