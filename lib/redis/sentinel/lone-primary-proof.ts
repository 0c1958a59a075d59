import { addressKey } from '../connection/node-address.js';
import { continuesHistory, type NodeReport, type ReplicaReport } from '../connection/node-report.js';
import type { PrimaryNode } from '../primary/primary-node.js';
import type { LoneClaim, ReplicaAuthority } from '../replication/replica-authority.js';
import type { SentinelFinder } from './sentinel-finder.js';
import { decidePromotable, type KnownReplica } from '../decisions/listed-replicas.js';
import type { WatchPace } from '../primary/watch-pace.js';
import type { SentinelView } from './sentinel-view.js';

/**
 * By when every Sentinel has heard of a failover that was finished without it: they tell each other every two seconds.
 *
 * @see SENTINEL_PUBLISH_PERIOD in Redis's sentinel.c
 * @unit milliseconds
 */
const HEARSAY_MS = 2500;

/** Flags of a primary that a failover may be coming for. */
const BAD_FLAGS = ['s_down', 'o_down', 'failover_in_progress', 'force_failover', 'disconnected'];

/** All that is known when a primary claims to be the only one. @internal */
export interface LoneEvidence extends LoneClaim {
  /** `host:port` of the primary as this process reaches it. */
  readonly key: string;
  /** Its history. */
  readonly replicationId: string | null;
  readonly views: readonly SentinelView[];
  /** Sentinels there are. */
  readonly sentinelCount: number;
  /** What the other nodes say of themselves, by the address this process reaches them at. */
  readonly reports: ReadonlyMap<string, NodeReport | null>;
  readonly now: number;
}

/**
 * Whether none of the replicas that are missing can have been promoted before `sinceAt`.
 *
 * @remarks
 * A failover needs a Sentinel that leads it, and ends with a higher epoch. So it is enough that
 * - more than half of the Sentinels name this primary in the same epoch, and each has had an answer from it since: it is not
 *   cut off from them together with us;
 * - none that answers says that it is down, that a failover is going on, or knows a higher epoch;
 * - no other node calls itself a primary that continues this one's history (a thawed former primary does not);
 * - and what cannot be seen cannot have happened unheard: all Sentinels have answered, or each missing replica itself says
 *   that it is still a replica, or so much time has passed that those that answer would have heard of a failover.
 *
 * What this cannot see: a forced failover (`SENTINEL FAILOVER`) of a replica that has lost its primary, started on a Sentinel
 * that is out of our reach, for the time until the others hear of it.
 *
 * @internal
 */
export function isProvenLone(evidence: LoneEvidence): boolean {
  const { key, views, sinceAt, sentinelCount, missing, reports, now, missingSinceAt } = evidence;
  const fresh = views.filter((view) => view.askedAt >= sinceAt);
  const ours = fresh.filter((view) => addressKey(view.primary) === key);
  if (ours.some((view) => BAD_FLAGS.some((flag) => view.flags.has(flag)))) return false;
  const alive = ours.filter((view) => view.sinceOkPingMs !== null && view.askedAt - view.sinceOkPingMs >= sinceAt);
  const epoch = Math.max(...fresh.map((view) => view.epoch));
  const agreed = alive.filter((view) => view.epoch === epoch);
  if (agreed.length * 2 <= sentinelCount) return false;
  if (hasRival(evidence)) return false;
  if (agreed.length >= sentinelCount) return true;
  const saysReplica = (name: string): boolean => {
    const report = reports.get(name);
    return report?.role === 'slave' && report.askedAt >= sinceAt;
  };
  if (missing.size > 0 && [...missing].every(saysReplica)) return true;
  return now - missingSinceAt >= HEARSAY_MS;
}

/** Whether another node has been promoted from this one's history. What may not be asked counts as a yes. */
function hasRival({ key, reports, replicationId }: LoneEvidence): boolean {
  return [...reports].some(([other, report]) => {
    if (other === key || report?.role !== 'master') return false;
    return replicationId === null || report.formerReplicationId === null || continuesHistory(report, replicationId);
  });
}

interface RequiredReplicas {
  readonly node: PrimaryNode;
  readonly replicas: ReadonlyMap<string, KnownReplica>;
  readonly connected: readonly ReplicaReport[] | undefined;
  readonly primary: string | undefined;
  readonly names: ReadonlySet<string>;
}

/**
 * Replicas as the Sentinels know them: those that could be promoted must have a change.
 *
 * @internal
 */
export class SentinelAuthority implements ReplicaAuthority {
  /** What was answered last, and to what: every operation asks, and it hardly ever changes. */
  #required: RequiredReplicas | null = null;

  constructor(private readonly finder: SentinelFinder) {}

  required(node: PrimaryNode): ReadonlySet<string> {
    const { replicas, best } = this.finder.sentinels;
    const connected = node.report?.replicas;
    const known = this.#required;
    const isKnown = known?.node === node && known.replicas === replicas && known.connected === connected;
    if (isKnown && known.primary === best?.name) return known.names;
    const isNamed = best !== null && this.finder.isSameServer(best.name, node.key);
    const own = [this.finder.named(node.key), ...(isNamed ? this.finder.primaryNames : [])];
    const promotable = decidePromotable({
      replicas,
      primary: node.runId === null ? own : [...own, { ...this.finder.named(node.key), runId: node.runId }],
      connected: (connected ?? []).map(({ address }) => this.finder.named(addressKey(address))),
    });
    const names = new Set(promotable.map(({ name }) => name));
    // A primary by hand: the one that Sentinel names is its replica now.
    if (best && !isNamed) names.add(best.name);
    this.#required = { node, replicas, connected, primary: best?.name, names };
    return names;
  }

  isLone(node: PrimaryNode, claim: LoneClaim): boolean {
    const { views, knownCount } = this.finder.sentinels;
    const missing = new Set([...claim.missing].map((name) => this.finder.reachable(name)));
    return isProvenLone({
      ...claim,
      missing,
      key: node.key,
      replicationId: node.report?.replicationId ?? null,
      views,
      sentinelCount: knownCount,
      reports: this.#otherReports(node),
      now: performance.now(),
    });
  }

  /** The primary itself may be known by a second name. */
  #otherReports({ key }: PrimaryNode): ReadonlyMap<string, NodeReport | null> {
    return new Map([...this.finder.reports].filter(([other]) => !this.finder.isSameServer(other, key)));
  }

  isElected({ key, choice }: PrimaryNode): boolean {
    const { best, views, isFailoverInProgress } = this.finder.sentinels;
    if (!choice.isPromoted) return false;
    return isFailoverInProgress || views.some((view) => view.epoch === best?.epoch && addressKey(view.primary) === key);
  }

  watch(pace: WatchPace): void {
    this.finder.pace = pace;
  }
}
