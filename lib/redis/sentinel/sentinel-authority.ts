import { decideLone, isActing, proofLife, type SentinelVote } from '../decisions/lone-primary.js';
import type { PromotableServer } from '../decisions/listed-replicas.js';
import { addressKey } from '../connection/node-address.js';
import { continuesHistory, type ReplicaReport } from '../connection/node-report.js';
import { decidePromotable, type KnownReplica } from '../decisions/listed-replicas.js';
import type { PrimaryNode } from '../primary/primary-node.js';
import type { LoneClaim, ReplicaAuthority } from '../replication/replica-authority.js';
import type { SentinelView } from './sentinel-view.js';
import type { SentinelFinder } from './sentinel-finder.js';
import type { WatchPace } from '../primary/watch-pace.js';

interface KnownReplicas {
  readonly node: PrimaryNode;
  readonly replicas: ReadonlyMap<string, KnownReplica>;
  readonly connected: readonly ReplicaReport[] | undefined;
  readonly primary: string | undefined;
  readonly promotable: readonly PromotableServer[];
}

/**
 * Replicas as the Sentinels know them: those that could be promoted must have a change.
 *
 * @internal
 */
export class SentinelAuthority implements ReplicaAuthority {
  /** What was answered last, and to what: every operation asks, and it hardly ever changes. */
  #known: KnownReplicas | null = null;
  /** Since when another node has called itself the successor of the primary. */
  #rivalSinceAt: number | null = null;

  constructor(private readonly finder: SentinelFinder) {}

  promotable(node: PrimaryNode): readonly PromotableServer[] {
    const { replicas, best, views } = this.finder.sentinels;
    const connected = node.report?.replicas;
    const known = this.#known;
    const isKnown = known?.node === node && known.replicas === replicas && known.connected === connected;
    if (isKnown && known.primary === best?.name) return known.promotable;
    const naming = views.filter((view) => this.finder.keyOf(view) === node.key);
    const own = naming.map(({ name, runId }) => ({ ...this.finder.named(name), runId }));
    // With a primary by hand the one that Sentinel names is its replica now.
    const isNamed = best === null || this.finder.isSameServer(best.name, node.key);
    const claimed = [...this.#claims(node).map(({ name }) => name), ...(isNamed ? [] : [best.name])];
    const promotable = decidePromotable({
      replicas,
      primary: [{ ...this.finder.named(node.key), runId: node.runId }, ...own],
      claimed: claimed.map((name) => this.finder.named(name)),
      connected: (connected ?? []).map(({ address }) => this.finder.named(addressKey(address))),
    });
    this.#known = { node, replicas, connected, primary: best?.name, promotable };
    return promotable;
  }

  lostSightAt(name: string): number | null {
    return this.finder.lostSightAt(this.finder.reachable(name));
  }

  sightedAt(name: string): number {
    const report = this.finder.reports.get(this.finder.reachable(name));
    return report?.role === 'slave' ? report.askedAt : -Infinity;
  }

  isActedUpon(node: PrimaryNode): boolean {
    return this.finder.sentinels.views.some(isActing) || this.#claims(node).length > 0;
  }

  isLone(node: PrimaryNode, claim: LoneClaim): boolean {
    const { views, knownCount } = this.finder.sentinels;
    const { reports } = this.finder;
    const now = performance.now();
    const votes = views.map((view): SentinelVote => ({ ...view, isForPrimary: this.finder.keyOf(view) === node.key }));
    const { renewableMs } = claim;
    const life = renewableMs === undefined ? null : proofLife(votes, renewableMs);
    // The primary itself may be known by a second name.
    const others = new Map([...reports].filter(([other]) => !this.finder.isSameServer(other, node.key)));
    const replicationId = node.report?.replicationId ?? null;
    const hasRival = [...others.values()].some(
      (report) => report?.role === 'master' && continuesHistory(report, replicationId),
    );
    this.#rivalSinceAt = hasRival ? (this.#rivalSinceAt ?? now) : null;
    const { outcome } = decideLone({
      replicationId,
      votes,
      sentinelCount: knownCount,
      others,
      missing: new Set([...claim.missing].map((name) => this.finder.reachable(name))),
      sinceAt: Math.max(claim.sinceAt, life ? now - life.askedMs : -Infinity),
      aliveSinceAt: life ? now - life.aliveMs : claim.sinceAt,
      missingSinceAt: claim.missingSinceAt,
      rivalSinceAt: this.#rivalSinceAt,
      now,
    });
    return outcome === 'lone';
  }

  isElected({ key, choice }: PrimaryNode): boolean {
    const { best, views, isFailoverInProgress } = this.finder.sentinels;
    if (!choice.isPromoted) return false;
    return isFailoverInProgress || views.some((view) => view.epoch === best?.epoch && this.finder.keyOf(view) === key);
  }

  watch(pace: WatchPace): void {
    this.finder.pace = pace;
  }

  /** The Sentinels that name another node, in an epoch that is not older than the one that counts. */
  #claims(node: PrimaryNode): readonly SentinelView[] {
    const { best, views } = this.finder.sentinels;
    return views.filter((view) => view.epoch >= (best?.epoch ?? -1) && this.finder.keyOf(view) !== node.key);
  }
}
