import type { LinkCommand, SessionLinkStatus } from '../../core/session-link.js';
import type { FailoverReport, SessionLinkEvents } from '../../core/session-link-events.js';
import { isRestarted, type ServerIdentity } from './server-identity.js';

type Listeners = { [E in keyof SessionLinkEvents]?: Set<(payload: SessionLinkEvents[E]) => void> };

/** A loss of the primary that is not over yet. */
interface OngoingLoss {
  readonly primary: string;
  readonly lostAt: number;
  readonly noticedMs: number;
  held: number;
  replayed: number;
}

/**
 * What happens to a link, told once each: state, events and the report of the last failover.
 *
 * @internal
 */
export class LinkJournal {
  readonly #listeners: Listeners = {};
  #state: SessionLinkStatus['state'] = 'connecting';
  #primary: string | null = null;
  #loss: OngoingLoss | null = null;
  #lastFailover: FailoverReport | null = null;
  /** The primary that was usable last, and which of its processes. */
  #former: { readonly primary: string; readonly server: ServerIdentity } | null = null;
  #isNearCacheOff = false;

  /** Counts since the start. */
  readonly totals = { held: 0, resent: 0, acknowledgedAlone: 0 };

  get state(): SessionLinkStatus['state'] {
    return this.#state;
  }

  get primary(): string | null {
    return this.#primary;
  }

  get lastFailover(): FailoverReport | null {
    return this.#lastFailover;
  }

  on<E extends keyof SessionLinkEvents>(event: E, listener: (payload: SessionLinkEvents[E]) => void): () => void {
    const listeners: Set<(payload: SessionLinkEvents[E]) => void> = (this.#listeners[event] ??= new Set() as never);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** A primary is usable; `server` names its process, where it is known. */
  usable(primary: string, server: ServerIdentity | null = null): void {
    const loss = this.#loss;
    const former = this.#former?.primary === primary ? this.#former.server : null;
    const restarted = former !== null && server !== null && isRestarted(former, server);
    this.#former = server && { primary, server };
    this.#loss = null;
    this.#state = 'ready';
    this.#primary = primary;
    if (loss && loss.primary !== primary) {
      this.#lastFailover = {
        from: loss.primary,
        to: primary,
        atMs: Date.now(),
        noticedMs: Math.round(loss.noticedMs),
        durationMs: Math.round(performance.now() - loss.lostAt),
        held: loss.held,
        replayed: loss.replayed,
        degraded: false,
      };
      this.#emit('failover', this.#lastFailover);
    }
    this.#emit('ready', { primary, restarted });
  }

  /** The primary in use is not usable any more; `heardAt` is when it last answered, on the clock of `performance.now()`. */
  lost(primary: string, reason: string, heardAt: number): void {
    const now = performance.now();
    this.#loss = { primary, lostAt: now, noticedMs: now - heardAt, held: 0, replayed: 0 };
    this.#state = 'lost';
    this.#primary = null;
    this.#emit('lost', { primary, reason });
  }

  /** An operation waits for a primary. */
  held(): void {
    this.totals.held++;
    if (this.#loss) this.#loss.held++;
  }

  /** An operation that was in flight waits for a primary; `isReplay`: it may have been executed. */
  takenBack(isReplay: boolean): void {
    this.totals.held++;
    if (!this.#loss) return;
    this.#loss.held++;
    if (isReplay) this.#loss.replayed++;
  }

  /** An operation is sent again that may have been executed. */
  resent(): void {
    this.totals.resent++;
  }

  /** A change is done. */
  acknowledged(): void {
    if (this.#state === 'degraded') this.totals.acknowledgedAlone++;
  }

  /** Changes are acknowledged by the primary alone from now on. */
  degraded(primary: string, reason: string): void {
    if (this.#state !== 'ready') return;
    this.#state = 'degraded';
    if (this.#lastFailover?.to === primary) this.#lastFailover = { ...this.#lastFailover, degraded: true };
    this.#emit('degraded', { primary, reason });
  }

  /** Changes are replicated again. */
  recovered(primary: string): void {
    if (this.#state !== 'degraded') return;
    this.#state = 'ready';
    this.#emit('recovered', { primary });
  }

  /** A change that was acknowledged and lost with its primary could not be made again. */
  unrestored({ run }: LinkCommand, reason: string): void {
    const change = typeof run === 'string' ? run : run.name;
    this.#emit('unrestored', { primary: this.#primary, change, reason });
  }

  /** No primary has been usable for some time. */
  unavailable(outage: SessionLinkEvents['unavailable']): void {
    this.#emit('unavailable', outage);
  }

  /** Changes of keys are not told by this server. */
  nearCacheOff(reason: string): void {
    if (this.#isNearCacheOff) return;
    this.#isNearCacheOff = true;
    this.#emit('nearCacheOff', { reason });
  }

  /** Another set of the Sentinels that answer does not know the group. */
  groupUnknown(sentinels: readonly string[]): void {
    this.#emit('groupUnknown', { sentinels });
  }

  closed(): void {
    this.#state = 'closed';
    this.#primary = null;
  }

  #emit<E extends keyof SessionLinkEvents>(event: E, payload: SessionLinkEvents[E]): void {
    if (this.#state === 'closed') return;
    for (const listener of this.#listeners[event] ?? []) {
      try {
        listener(payload);
      } catch (error) {
        // A listener's fault is its owner's, and must not stop the failover it was told of.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
