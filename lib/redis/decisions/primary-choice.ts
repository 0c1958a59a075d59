import type { Decision } from './decision.js';

/** What a data node says of itself. @internal */
export interface NodeState {
  /** `null`: it may not be asked. */
  readonly role: 'master' | 'slave' | null;
  /** Whether it is still reading its data set. */
  readonly isLoading: boolean;
  /** `host:port`, as this process reaches it, of the node that it replicates. */
  readonly primary: string | null;
  /** The history that it continued when it was promoted. */
  readonly formerReplicationId: string | null;
}

/** What Sentinels and nodes say when a primary is looked for or in use. @internal */
export interface PrimaryChoiceView {
  /** The node that the Sentinels name, as `decideNamedPrimary` has it. */
  readonly named: string | null;
  /** Nodes that a Sentinel names in an epoch that is not older: a failover of which not all have heard. */
  readonly claimed: ReadonlySet<string>;
  /** Whether a Sentinel says that a failover is going on. */
  readonly isFailoverInProgress: boolean;
  /** What each node that answers said last; while a primary is looked for, only what it said since the search began. */
  readonly nodes: ReadonlyMap<string, NodeState>;
  /** The history of the last primary; `null`: unknown. */
  readonly replicationId: string | null;
}

/**
 * Which node to use.
 *
 * @remarks
 * The node that the Sentinels name is the primary once it calls itself one. Three things are known earlier than a majority of
 * the Sentinels announces them, and are followed:
 * - the named node says that it replicates another, and that one calls itself a primary (`FAILOVER`, `REPLICAOF` by hand);
 * - the named node is no primary or does not answer, and another calls itself one *and proves that it continues its history*
 *   (a replica that was promoted a moment ago; one that merely restarted cannot prove it);
 * - a Sentinel leads a failover or names the promoted node already, and that node proves the same.
 *
 * @internal
 */
export function decidePrimary(view: PrimaryChoiceView): Decision<string | null> {
  const { named, nodes } = view;
  if (named === null) return { outcome: null, reason: 'the Sentinels name no primary' };
  const state = nodes.get(named) ?? null;
  const promoted = promotedNode(named, view);
  if (promoted !== null && !isPrimary(state)) {
    return { outcome: promoted, reason: `it continues the history of ${named}, which is no primary now` };
  }
  if (promoted !== null && isElected(promoted, view)) {
    return { outcome: promoted, reason: 'Sentinel promotes it, and it continues the history of the primary before it' };
  }
  if (isPrimary(state) || (state?.role === null && !state.isLoading)) {
    return { outcome: named, reason: 'the Sentinels name it' };
  }
  if (state?.role === 'slave' && state.primary !== null && isPrimary(nodes.get(state.primary) ?? null)) {
    return { outcome: state.primary, reason: `${named}, which the Sentinels name, replicates it` };
  }
  return { outcome: null, reason: `the primary that Sentinel names, ${named}, ${saying(state)}` };
}

/** What is known of a primary in use. @internal */
export interface PrimaryInUseView extends PrimaryChoiceView {
  readonly current: string;
  /** Whether it has said what it is since the search for it began; what it said before may be of another time. */
  readonly isCurrentFresh: boolean;
  /** Whether the Sentinels have named another node since it was chosen. */
  readonly isNamedSince: boolean;
  /** Whether the node that they name has said what it is since they name it; what it said before is of another time. */
  readonly isNamedFresh: boolean;
}

/**
 * Whether a primary in use must be left.
 *
 * @remarks
 * It stays while it calls itself a primary and the Sentinels go on naming it, also when a replica of it calls itself a primary:
 * such a one was promoted by mistake, unless a Sentinel says otherwise.
 *
 * @internal
 */
export function decideLeaving(view: PrimaryInUseView): Decision<boolean> {
  const { current, named, nodes, isNamedSince, isNamedFresh, isCurrentFresh } = view;
  const state = nodes.get(current) ?? null;
  if (isCurrentFresh && state?.role === 'slave') return { outcome: true, reason: 'it is a replica now' };
  if (isNamedSince && named !== null && named !== current) {
    const other = nodes.get(named);
    const isItsReplica = isNamedFresh && other?.role === 'slave' && other.primary === current && isPrimary(state);
    if (!isItsReplica) return { outcome: true, reason: `Sentinel names ${named} now` };
  }
  const promoted = promotedNode(current, view);
  if (named === current && promoted !== null && isElected(promoted, view)) {
    return { outcome: true, reason: `${promoted} is being promoted by Sentinel` };
  }
  return { outcome: false, reason: 'nobody names another one' };
}

/** Whether a node serves as a primary, as it says itself. @internal */
export function isPrimary(state: Pick<NodeState, 'role' | 'isLoading'> | null): boolean {
  return state?.role === 'master' && !state.isLoading;
}

/** A node other than the one given that calls itself a primary and continues the last primary's history. */
function promotedNode(other: string, { nodes, replicationId }: PrimaryChoiceView): string | null {
  if (replicationId === null) return null;
  for (const [key, state] of nodes) {
    if (key !== other && isPrimary(state) && state.formerReplicationId === replicationId) return key;
  }
  return null;
}

function isElected(promoted: string, { claimed, isFailoverInProgress }: PrimaryChoiceView): boolean {
  return isFailoverInProgress || claimed.has(promoted);
}

function saying(state: NodeState | null): string {
  if (!state) return 'does not answer';
  return `calls itself ${state.role ?? 'nothing'}${state.isLoading ? ' and is loading' : ''}`;
}
