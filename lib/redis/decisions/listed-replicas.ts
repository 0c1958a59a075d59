import type { Decision } from './decision.js';
import { decideServers, type ServerName } from './servers.js';

/** A replica in the list of one Sentinel. @internal */
export interface ListedReplica {
  /** `host:port` as Sentinel and the nodes name it. */
  readonly name: string;
  /** Run id of its process; `null` until that Sentinel has had an answer to `INFO` since it lists it. */
  readonly runId: string | null;
  /** 0: never promoted; `null` until that Sentinel knows, which lists 100 for as long. */
  readonly priority: number | null;
}

/** A replica that a failover may promote, or that is known never to be. @internal */
export interface KnownReplica extends ServerName {
  readonly priority: number | null;
}

/** What the Sentinels list. @internal */
export interface ListedReplicasView {
  /** The list of each Sentinel that counts and answers; `null`: it may not tell, or has not asked the primary yet. */
  readonly lists: readonly (readonly ListedReplica[] | null)[];
  /** What was known last. */
  readonly known: ReadonlyMap<string, KnownReplica>;
  /** `ip:port` that a name leads to. */
  readonly addressesOf: (name: string) => readonly string[];
}

/**
 * Which replicas there are, by name.
 *
 * @remarks
 * All that any Sentinel lists, since it may promote any of them. While no Sentinel has a list, the last known one stays: a group
 * that was removed and is monitored anew has the same nodes. A priority that no Sentinel knows yet is what it was.
 *
 * @internal
 */
export function decideListedReplicas({
  lists,
  known,
  addressesOf,
}: ListedReplicasView): Decision<ReadonlyMap<string, KnownReplica>> {
  const present = lists.filter((list) => list !== null);
  if (present.length === 0) return { outcome: known, reason: 'no Sentinel has a list: the last known one stays' };
  const replicas = new Map<string, KnownReplica>();
  for (const { name, runId, priority } of present.flat()) {
    const other = replicas.get(name);
    replicas.set(name, {
      name,
      runId: runId ?? other?.runId ?? null,
      addresses: addressesOf(name),
      // Those that disagree have asked at different times: a replica that may be promoted by one must have a change.
      priority: priority === null ? (other?.priority ?? null) : Math.max(priority, other?.priority ?? 0),
    });
  }
  for (const [name, replica] of replicas) {
    if (replica.priority === null) replicas.set(name, { ...replica, priority: known.get(name)?.priority ?? null });
  }
  return { outcome: replicas, reason: `${present.length} of ${lists.length} Sentinels have a list` };
}

/** What tells who must have a change. @internal */
export interface PromotableView {
  readonly replicas: ReadonlyMap<string, KnownReplica>;
  /** The primary in use, by each of its names. */
  readonly primary: readonly ServerName[];
  /** Other nodes that a Sentinel names the primary, in an epoch that is not older: it does not list them as replicas any more. */
  readonly claimed: readonly ServerName[];
  /** The replicas that are connected to it, as it names them. */
  readonly connected: readonly ServerName[];
}

/** A server that a failover may promote. @internal */
export interface PromotableServer {
  /** As the primary names it where it is connected, otherwise as Sentinel does. */
  readonly name: string;
  /** Whether a Sentinel has read its priority, now or before; otherwise it may never be promoted at all. */
  readonly isCertain: boolean;
}

/**
 * Which servers may be promoted, or have been, each once.
 *
 * @internal
 */
export function decidePromotable({
  replicas,
  primary,
  claimed,
  connected,
}: PromotableView): readonly PromotableServer[] {
  const servers = decideServers([...connected, ...primary, ...claimed, ...replicas.values()]);
  const decided = new Set(primary.flatMap(({ name }) => [...(servers.get(name) ?? [])]));
  const promotable: PromotableServer[] = [];
  for (const name of [...replicas.keys(), ...claimed.map((other) => other.name)]) {
    if (decided.has(name)) continue;
    const names = [...(servers.get(name) ?? [name])];
    for (const other of names) decided.add(other);
    const priorities = names.flatMap((other) => replicas.get(other)?.priority ?? []);
    const isClaimed = claimed.some((other) => names.includes(other.name));
    if (!isClaimed && priorities.length > 0 && priorities.every((priority) => priority === 0)) continue;
    const own = connected.find((other) => names.includes(other.name))?.name ?? name;
    promotable.push({ name: own, isCertain: isClaimed || priorities.length > 0 });
  }
  return promotable;
}
