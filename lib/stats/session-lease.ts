import { randomBytes } from 'node:crypto';
import type { SessionLink } from '../core/session-link.js';
import { dropLease, takeLease } from '../scripts/scripts.generated.js';

/**
 * How long a lease outlives a holder that died. Longer than its renewals are apart, and than a usual failover holds one up.
 *
 * @internal
 */
export const LEASE_TTL_MS = 5000;

/** What hangs on a lease (a group's place in the events) outlives its last holder by a week. */
const KEEP_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * Something that one instance of the installation holds at a time. Whatever its holder writes names the holder, and the script
 * that writes it refuses anybody else: an instance that lost the lease without noticing does no harm.
 *
 * @internal
 */
export interface SessionLease {
  /** Names this holder to the scripts. */
  readonly owner: string;
  /** Whether it is held now, as far as this process can tell: it ends here before it ends in Redis. */
  readonly isHeld: boolean;
  /** Takes or renews it; resolves with whether it is held. */
  take(): Promise<boolean>;
  /** Gives it back; never rejects: it ends by itself. */
  drop(): Promise<void>;
}

/** A lease of the installation, kept in Redis. @internal */
export class RedisSessionLease implements SessionLease {
  readonly owner = randomBytes(9).toString('base64url');
  #heldUntil = -Infinity;
  #term = 0;

  constructor(
    private readonly link: SessionLink,
    /** Name of its key. */
    readonly key: string,
  ) {}

  get isHeld(): boolean {
    return performance.now() < this.#heldUntil;
  }

  /** Grows by one with every change of the holder. */
  get term(): number {
    return this.#term;
  }

  async take(): Promise<boolean> {
    // It runs from before it was asked for: here it ends first.
    const askedAt = performance.now();
    const args = { owner: this.owner, ttlMs: LEASE_TTL_MS, keepMs: KEEP_MS };
    const reply = await takeLease(this.link, { lease: this.key }, args);
    const isHeld = reply.outcome === 'done';
    this.#heldUntil = isHeld ? askedAt + LEASE_TTL_MS : -Infinity;
    if (isHeld) this.#term = reply.term;
    return isHeld;
  }

  async drop(): Promise<void> {
    const wasHeld = this.isHeld;
    this.#heldUntil = -Infinity;
    if (wasHeld) await dropLease(this.link, { lease: this.key }, { owner: this.owner }).catch(ignore);
  }
}

/** The lease of an installation that is this process alone. @internal */
export class LocalSessionLease implements SessionLease {
  readonly owner = 'this process';
  readonly isHeld = true;

  take(): Promise<boolean> {
    return Promise.resolve(true);
  }

  drop(): Promise<void> {
    return Promise.resolve();
  }
}

function ignore(): void {
  // The lease ends by itself.
}
