import { lockSession, unlockSession } from '../scripts/scripts.generated.js';
import type { ScriptLink } from '../scripts/script-arguments.js';
import type { RedisKeyLayout } from './redis-key-layout.js';
import type { SessionLockPlace } from './session-repository.js';

/**
 * Exclusive locks in Redis: one key each, which ends by itself.
 *
 * @internal
 */
export class RedisLocks implements SessionLockPlace {
  constructor(
    private readonly link: ScriptLink,
    /** For what nobody waits for. */
    private readonly background: ScriptLink,
    private readonly layout: RedisKeyLayout,
  ) {}

  lock(sid: string, owner: string, ttlMs: number): Promise<number> {
    const { lock } = this.layout.session(sid);
    return lockSession(this.link, { lock }, { owner, ttlMs });
  }

  async unlock(sid: string, owner: string): Promise<void> {
    const { lock } = this.layout.session(sid);
    await unlockSession(this.background, { lock }, { owner });
  }
}
