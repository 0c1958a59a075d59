import { Inject, Injectable } from '@nestjs/common';
import type { Session, SessionData } from 'express-session';
import type { Store } from 'express-session';
import type { SessionLink, SessionLinkStatus } from './core/session-link.js';
import { SESSION_LINK, SESSION_REPOSITORY, SESSION_STORE } from './core/session.tokens.js';
import { SessionUnsupportedError } from './errors/session-unsupported.error.js';
import { SessionContext } from './http/session-context.js';
import type { SessionRepository } from './store/session-repository.js';

/**
 * The sessions, for any provider: no request scope is needed.
 *
 * @public
 */
@Injectable()
export class SessionService {
  /** @internal */
  constructor(
    @Inject(SessionContext) private readonly context: SessionContext,
    @Inject(SESSION_REPOSITORY) private readonly repository: SessionRepository | null,
    @Inject(SESSION_STORE) private readonly store: Store,
    @Inject(SESSION_LINK) private readonly link: SessionLink | null,
  ) {}

  /**
   * The session of the request that this code runs for: the live object, so what is changed here is stored with the request.
   * `undefined` outside of a request, on a route that the module does not cover, and after `destroy`.
   */
  current<T extends object = SessionData>(): (Session & Partial<T>) | undefined {
    return this.context.current() as (Session & Partial<T>) | undefined;
  }

  /**
   * Live sessions of this installation now, exactly and without a scan.
   *
   * @throws SessionUnavailableError when Redis does not answer by the operation's deadline.
   * @throws SessionUnsupportedError when the application's own `store` cannot count.
   */
  async count(): Promise<number> {
    if (this.repository) return this.repository.count();
    const { store } = this;
    if (!store.length) throw new SessionUnsupportedError('count()', 'a `store` with a `length` method');
    return new Promise((resolve, reject) => {
      store.length?.((error: unknown, count) => {
        if (error) reject(error as Error);
        else resolve(count ?? 0);
      });
    });
  }

  /**
   * Where the connection to Redis stands: the primary in use, what waits, the last failover. Answers at once, asks nobody.
   * `null` when sessions live in this process or in the application's own `store`.
   */
  status(): SessionLinkStatus | null {
    return this.link?.status() ?? null;
  }
}
