import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { SessionObservers } from '../core/session-observer.js';
import { SessionLockTimeoutError } from '../errors/session-lock.error.js';
import type { SessionLockPlace } from './session-repository.js';

/** How long a lock outlives a process that died with it, at least. @unit milliseconds */
const LEAST_TTL_MS = 8_000;
/** How often a holder renews its lock. @unit milliseconds */
const RENEWAL_MS = 2_000;
/** How long to wait before another try while a request of another process holds the lock. */
const RETRY_MS = { least: 5, most: 50 };
/** Requests of this process that may wait for one session's lock; beyond it is a client that hammers. */
const MAX_WAITING = 256;

/** An exclusive lock that is held. @internal */
export interface SessionLock {
  /** Names the holder to the scripts that store the session. */
  readonly owner: string;
  /**
   * Gives the lock back; does nothing the second time. Resolves at once: the next one's question follows on the same way, and
   * while Redis is away nobody waits for what ends by itself.
   */
  release(): Promise<void>;
}

/**
 * Exclusive locks of sessions. Within the process requests queue in their order and only the first asks the place, so
 * that waiting costs Redis no more than one question at a time for each process.
 *
 * @internal
 */
export class SessionLocks {
  private readonly queues = new Map<string, { tail: Promise<void>; waiting: number }>();
  /** The last renewal before a pause may be two periods old when the change that waited through it is stored. */
  private readonly ttlMs: number;

  /** @param operationTimeoutMs - how long a change may wait for Redis: the lock outlives that */
  constructor(
    private readonly place: SessionLockPlace,
    /** @unit milliseconds */
    private readonly lockTimeoutMs: number,
    operationTimeoutMs: number,
    private readonly observers?: SessionObservers,
  ) {
    this.ttlMs = Math.max(LEAST_TTL_MS, operationTimeoutMs + 2 * RENEWAL_MS);
  }

  /**
   * Waits for a session's lock and takes it.
   *
   * @throws SessionLockTimeoutError when it could not be had within `lockTimeoutMs`, or too many wait.
   * @throws the signal's reason when that aborts first.
   */
  async acquire(sid: string, signal?: AbortSignal): Promise<SessionLock> {
    const startedAt = performance.now();
    try {
      const lock = await this.queued(sid, signal);
      this.observers?.locked(performance.now() - startedAt, true);
      return lock;
    } catch (error) {
      if (error instanceof SessionLockTimeoutError) this.observers?.locked(performance.now() - startedAt, false);
      throw error;
    }
  }

  private async queued(sid: string, signal?: AbortSignal): Promise<SessionLock> {
    const queue = this.queues.get(sid) ?? { tail: Promise.resolve(), waiting: 0 };
    if (queue.waiting >= MAX_WAITING) throw new SessionLockTimeoutError(`${MAX_WAITING} requests wait for it already`);
    const turn = withResolvers();
    const before = queue.tail;
    queue.waiting += 1;
    queue.tail = before.then(() => turn.promise);
    this.queues.set(sid, queue);
    const leave = (): void => {
      queue.waiting -= 1;
      if (queue.waiting === 0) this.queues.delete(sid);
      turn.resolve();
    };
    try {
      const deadline = performance.now() + this.lockTimeoutMs;
      await this.inTime(before, deadline, signal);
      return await this.take(sid, deadline, leave, signal);
    } catch (error) {
      leave();
      throw error;
    }
  }

  private async take(sid: string, deadline: number, leave: () => void, signal?: AbortSignal): Promise<SessionLock> {
    const owner = randomBytes(12).toString('base64url');
    let retryMs = RETRY_MS.least;
    while ((await this.place.lock(sid, owner, this.ttlMs)) > 0) {
      const left = deadline - performance.now();
      if (left <= 0) throw new SessionLockTimeoutError(`another request held it for ${this.lockTimeoutMs} ms`);
      // Not in step with those who wait elsewhere.
      await delay(Math.min(left, retryMs * (0.5 + Math.random())), undefined, signal && { signal });
      retryMs = Math.min(RETRY_MS.most, retryMs * 2);
    }
    if (signal?.aborted) {
      await this.giveBack(sid, owner);
      signal.throwIfAborted();
    }
    const renewal = setInterval(() => {
      this.place.lock(sid, owner, this.ttlMs).catch(ignore);
    }, RENEWAL_MS).unref();
    let isReleased = false;
    return {
      owner,
      release: () => {
        if (!isReleased) {
          isReleased = true;
          clearInterval(renewal);
          void this.giveBack(sid, owner);
          leave();
        }
        return Promise.resolve();
      },
    };
  }

  private async giveBack(sid: string, owner: string): Promise<void> {
    await this.place.unlock(sid, owner).catch(ignore);
  }

  private async inTime(turn: Promise<void>, deadline: number, signal?: AbortSignal): Promise<void> {
    const over = new AbortController();
    const stop = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
    const timeout = delay(Math.max(0, deadline - performance.now()), 'late', { signal: stop });
    try {
      if ((await Promise.race([turn, timeout])) === 'late') {
        throw new SessionLockTimeoutError(`other requests held it for ${this.lockTimeoutMs} ms`);
      }
    } finally {
      timeout.catch(ignore);
      over.abort();
    }
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = ignore;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function ignore(): void {
  // The lock ends by itself; and a wait that is over needs no end.
}
