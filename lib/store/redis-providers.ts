import type { SessionChange } from '../core/session-record.js';
import { indexUser, signOut } from '../scripts/scripts.generated.js';
import type { ScriptLink } from '../scripts/script-arguments.js';
import { indexPages } from './redis-index-pages.js';
import type { RedisKeyLayout } from './redis-key-layout.js';

/** How long an identity provider's session that is over is known as such. @unit milliseconds */
const MARK_LIFE_MS = 3_600_000;

/** An entry lives this much longer than the session that it was made for: moving the deadline then need not be exact. */
const SLACK_MS = 60_000;

/** What of a change concerns the identity provider. */
type ProviderChange = Pick<SessionChange, 'provider' | 'userId' | 'idleTimeoutMs'>;

/**
 * Which users have signed in by a session of an identity provider, by its name. Kept beside the sessions: entered before a session
 * is stored and asked again after it, so that of two who come at the same time one sees the other.
 *
 * @internal
 */
export class RedisProviders {
  constructor(
    private readonly link: ScriptLink,
    private readonly layout: RedisKeyLayout,
  ) {}

  /**
   * Does what makes a user's session one of a provider's. `undefined`: the provider's session is over, and what was stored has to end.
   *
   * @param change - without a provider it is merely done
   */
  async around<T>(change: ProviderChange, work: () => Promise<T>): Promise<T | undefined> {
    const { provider, userId, idleTimeoutMs } = change;
    if (provider === null || provider === undefined || userId === null || idleTimeoutMs <= 0) return work();
    // Before, so that whoever ends the provider's session finds this one; after, so that this one finds that it was ended.
    if (!(await this.enter(provider, userId, idleTimeoutMs))) return undefined;
    const result = await work();
    return (await this.enter(provider, userId, idleTimeoutMs)) ? result : undefined;
  }

  /** The same for a session that is merely prolonged. */
  async along<T>({ provider, userId, idleTimeoutMs }: ProviderChange, work: () => Promise<T>): Promise<T | undefined> {
    if (provider === null || provider === undefined || userId === null) return work();
    const [isEntered, result] = await Promise.all([this.enter(provider, userId, idleTimeoutMs), work()]);
    return isEntered ? result : undefined;
  }

  /** Enters a user for as long as one of their sessions lives. Resolves with `false` when the provider's session is over. */
  async enter(provider: string, userId: string, lifeMs: number): Promise<boolean> {
    const args = { id: this.layout.user(userId).mark, lifeMs: lifeMs + SLACK_MS, reserved: false, authenticatedMs: 1 };
    return (await indexUser(this.link, this.layout.provider(provider), args)).outcome === 'done';
  }

  /** Marks a provider's session as over: from here on nobody signs in by it. */
  async end(provider: string): Promise<void> {
    const { ended, mark } = this.layout.provider(provider);
    await signOut(this.link, { ended }, { mark, keepMs: MARK_LIFE_MS });
  }

  /** The users who have signed in by it, as their indexes are named. */
  async *users(provider: string): AsyncGenerator<string> {
    for await (const page of indexPages(this.link, this.layout.provider(provider).user)) {
      for (const { id } of page) yield id;
    }
  }
}
