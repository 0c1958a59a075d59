import type { Clock } from '../core/clock.js';
import { storedId } from '../core/session-id.js';
import type { SessionLockPlace } from './session-repository.js';

/** Locks beyond which those that have ended are looked for. */
const SWEEP_COUNT = 1024;

/**
 * Exclusive locks in this process.
 *
 * @internal
 */
export class MemoryLocks implements SessionLockPlace {
  private readonly holders = new Map<string, { readonly owner: string; readonly untilMs: number }>();

  constructor(private readonly clock: Clock) {}

  lock(sid: string, owner: string, ttlMs: number): Promise<number> {
    const { id } = storedId(sid, 1);
    const nowMs = this.clock.nowMs();
    const holder = this.holder(id);
    if (holder !== undefined && holder !== owner) {
      return Promise.resolve(Math.max(1, (this.holders.get(id)?.untilMs ?? 0) - nowMs));
    }
    if (this.holders.size > SWEEP_COUNT) {
      for (const [key, { untilMs }] of this.holders) if (untilMs <= nowMs) this.holders.delete(key);
    }
    this.holders.set(id, { owner, untilMs: nowMs + ttlMs });
    return Promise.resolve(0);
  }

  unlock(sid: string, owner: string): Promise<void> {
    const { id } = storedId(sid, 1);
    if (this.holder(id) === owner) this.holders.delete(id);
    return Promise.resolve();
  }

  /** Who holds a session's lock now. */
  holder(id: string): string | undefined {
    const lock = this.holders.get(id);
    return lock && lock.untilMs > this.clock.nowMs() ? lock.owner : undefined;
  }
}
