import type { PromotableServer } from '../decisions/listed-replicas.js';
import { addressKey } from '../connection/node-address.js';
import type { PrimaryNode } from '../primary/primary-node.js';
import type { WatchPace } from '../primary/watch-pace.js';

/** What a primary without some of its replicas has to be proven of. @internal */
export interface LoneClaim {
  /** `host:port`, as the primary names them, of the replicas that are missing. */
  readonly missing: ReadonlySet<string>;
  /** The proof must be newer than this, on the clock of `performance.now()`. */
  readonly sinceAt: number;
  /** An earlier proof is renewed: answers of the last while count, no longer than this. @unit milliseconds */
  readonly renewableMs?: number;
  /** Since when they have been missing, on the same clock. */
  readonly missingSinceAt: number;
}

/**
 * Knows which replicas must have a change before it counts as replicated, and when the lack of one is no reason to wait.
 *
 * @internal
 */
export interface ReplicaAuthority {
  /** Replicas that could be promoted. */
  promotable(node: PrimaryNode): readonly PromotableServer[];
  /**
   * When this process lost the connection on which a replica has called itself one; `null`: it stands, `Infinity`: there was
   * none.
   */
  lostSightAt(name: string): number | null;
  /** When the question was asked that a replica last answered as one; `-Infinity`: it has not. */
  sightedAt(name: string): number;
  /** Whether somebody who is entitled to may have promoted another node by now. */
  isActedUpon(node: PrimaryNode): boolean;
  /** Whether it is proven that none of the missing replicas has been promoted. */
  isLone(node: PrimaryNode, claim: LoneClaim): boolean;
  /**
   * Whether somebody who was entitled to has promoted the node a moment ago, though not all have heard of it. That may be
   * taken back, if the one who did it is lost as well.
   */
  isElected(node: PrimaryNode): boolean;
  /** How closely to look from now on. */
  watch(pace: WatchPace): void;
}

/**
 * Without Sentinel: the replicas that are connected must have a change. One that has left counts no more, since nobody can be
 * asked whether an operator has promoted it: a promotion by hand can lose what the primary acknowledged alone meanwhile.
 *
 * @internal
 */
export class ConnectedReplicas implements ReplicaAuthority {
  promotable(node: PrimaryNode): readonly PromotableServer[] {
    return (node.report?.replicas ?? []).map(({ address }) => ({ name: addressKey(address), isCertain: true }));
  }

  lostSightAt(): null {
    return null;
  }

  sightedAt(): number {
    return Infinity;
  }

  isActedUpon(): boolean {
    return false;
  }

  isLone(node: PrimaryNode, { missing, sinceAt }: LoneClaim): boolean {
    if (!node.report || node.report.askedAt < sinceAt) return false;
    const connected = new Set(this.promotable(node).map(({ name }) => name));
    return [...missing].every((key) => !connected.has(key));
  }

  isElected(): boolean {
    return false;
  }

  watch(): void {
    // The primary itself is asked anyway.
  }
}
