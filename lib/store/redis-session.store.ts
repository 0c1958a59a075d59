import type { SessionLink, SessionLinkStatus } from '../core/session-link.js';
import type { SessionLinkEvents } from '../core/session-link-events.js';
import type { RedisSessionStoreOptions } from '../options/session.options.js';
import { resolveStoreOptions } from '../options/resolve-session-options.js';
import { createSessionLink } from '../redis/redis-link.factory.js';
import { createRedisRepository } from './session-repository.factory.js';
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

  constructor(options: RedisSessionStoreOptions) {
    const resolved = resolveStoreOptions(options);
    const link = createSessionLink(resolved.redis);
    super(createRedisRepository(link, resolved), { ...resolved, onEvent: options.onEvent });
    this.link = link;
  }

  /** Where the link to Redis stands; answers at once, asks nobody. */
  get status(): SessionLinkStatus {
    return this.link.status();
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
