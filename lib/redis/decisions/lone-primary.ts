import type { Decision } from './decision.js';

/** What one Sentinel says of a primary. @internal */
export interface SentinelVote {
  /** Whether it names this primary. */
  readonly isForPrimary: boolean;
  /** Rises with every failover. */
  readonly epoch: number;
  /** `master`, `s_down`, `o_down`, `failover_in_progress` … */
  readonly flags: ReadonlySet<string>;
  /** How many Sentinels must find the primary down before one of them may act; `null` when it may not tell. */
  readonly quorum: number | null;
  /** How long a primary must be silent before it counts as down; `null` when it may not tell. @unit milliseconds */
  readonly downAfterMs: number | null;
  /** How long ago the primary last answered its ping; `null` when it may not tell. @unit milliseconds */
  readonly sinceOkPingMs: number | null;
  /** When it was asked. */
  readonly askedAt: number;
}

/** What a node says of itself. @internal */
export interface NodeWord {
  readonly role: 'master' | 'slave' | null;
  /** The history it continued when it was promoted; `null` when it may not tell. */
  readonly formerReplicationId: string | null;
  /** When it was asked. */
  readonly askedAt: number;
}

/** All that is known when a primary claims that none of its missing replicas was promoted. @internal */
export interface LoneView {
  /** The primary's own history; `null` when it may not tell. */
  readonly replicationId: string | null;
  /** Answers of the Sentinels. */
  readonly votes: readonly SentinelVote[];
  /** Sentinels there are. */
  readonly sentinelCount: number;
  /** What the other nodes say of themselves, by name; `null`: no answer. */
  readonly others: ReadonlyMap<string, NodeWord | null>;
  /** Replicas that are missing, by the same names. */
  readonly missing: ReadonlySet<string>;
  /** Whatever is believed must have been asked for since. */
  readonly sinceAt: number;
  /** The primary must have answered the Sentinels since; earlier than `sinceAt` when an earlier proof is renewed. */
  readonly aliveSinceAt: number;
  /** Since when the replicas have been missing. */
  readonly missingSinceAt: number;
  /** Since when another node has called itself the primary's successor; `null`: none does. */
  readonly rivalSinceAt: number | null;
  readonly now: number;
}

/** Signs that a Sentinel acts, or is about to. */
const ACTING = ['o_down', 'failover_in_progress', 'force_failover'];
/** Signs that a Sentinel would agree to a failover. */
const ACCUSING = ['s_down', 'disconnected'];

/** Whether a Sentinel says that it acts, or that enough of them agree to. @internal */
export function isActing({ flags }: Pick<SentinelVote, 'flags'>): boolean {
  return ACTING.some((flag) => flags.has(flag));
}

/**
 * By when every Sentinel knows of a failover that was finished without it: they tell each other every two seconds.
 *
 * @see SENTINEL_PUBLISH_PERIOD in Redis's sentinel.c
 * @unit milliseconds
 */
const HEARSAY_MS = 2500;

/**
 * For so long a node that was promoted by hand is taken for the successor, whatever the Sentinels say: time for an operator to
 * demote the primary. @unit milliseconds
 */
const BY_HAND_MS = 3000;

/**
 * Decides whether none of the replicas that are missing can have been promoted before `sinceAt`.
 *
 * @remarks
 * A failover needs a quorum of Sentinels that find the primary down, one of them that acts, and ends with a higher epoch. So
 * one Sentinel that has lost the primary proves nothing, and one that acts is enough to wait.
 *
 * Not to be seen from here: a forced failover (`SENTINEL FAILOVER`) of a replica that has lost its primary, by a Sentinel out
 * of reach, until the others hear of it.
 *
 * @internal
 */
export function decideLone(view: LoneView): Decision<'lone' | 'unproven'> {
  const { votes, sinceAt, aliveSinceAt, sentinelCount, missing, others, now } = view;
  const fresh = votes.filter((vote) => vote.askedAt >= sinceAt);
  const named = fresh.filter((vote) => vote.isForPrimary);
  const acting = named.flatMap(({ flags }) => ACTING.filter((flag) => flags.has(flag)))[0];
  if (acting !== undefined) return unproven(`a Sentinel says ${acting}`);
  const epoch = Math.max(...fresh.map((vote) => vote.epoch));
  const isUnanimous = fresh.length >= sentinelCount && named.length === fresh.length;
  const rival = rivalOf(view);
  if (rival !== undefined && !(isUnanimous && isByHand(view, fresh)))
    return unproven(`${rival} calls itself its successor`);

  const agreed = named.filter((vote) => vote.epoch === epoch && !isAccusing(vote) && isAlive(vote, aliveSinceAt));
  const isSaidByAll = missing.size > 0 && [...missing].every((name) => isReplica(others.get(name), sinceAt));
  if (agreed.length * 2 <= sentinelCount) {
    // With most Sentinels away the replicas themselves can still be asked. Those Sentinels that answer must see the primary.
    const isUndisputed = agreed.length > 0 && agreed.length === fresh.length && fresh.length * 2 <= sentinelCount;
    if (isUndisputed && isSaidByAll) return lone('each missing replica says that it is one');
    return unproven('no majority of the Sentinels has its answer since');
  }
  if (isSaidByAll) return lone('each missing replica says that it is one');
  const accusers = named.filter(isAccusing).length;
  const quorum = Math.min(...named.map((vote) => vote.quorum ?? 1));
  const unseen = Math.max(0, sentinelCount - fresh.length);
  if (accusers > 0 && accusers + unseen >= quorum) return unproven('a quorum of the Sentinels may find it down');
  if (agreed.length + accusers >= sentinelCount) return lone('all Sentinels name it, and too few to act find it down');
  if (now - view.missingSinceAt >= HEARSAY_MS) return lone('a failover out of sight would be known by now');
  return unproven('a Sentinel out of sight may have acted');
}

/** For how long a proof may be renewed from answers of before, by what the Sentinels are set to. @internal */
export function proofLife(votes: readonly SentinelVote[], longestMs: number): { askedMs: number; aliveMs: number } {
  const downAfterMs = Math.min(...votes.map((vote) => vote.downAfterMs ?? Infinity));
  const askedMs = Math.min(longestMs, downAfterMs);
  // Sentinel pings once a second, or as often as a primary must answer.
  return {
    askedMs,
    aliveMs: Math.max(downAfterMs === Infinity ? 0 : downAfterMs, askedMs + Math.min(1000, downAfterMs)),
  };
}

function isAlive({ sinceOkPingMs, askedAt }: SentinelVote, sinceAt: number): boolean {
  return sinceOkPingMs !== null && askedAt - sinceOkPingMs >= sinceAt;
}

function isAccusing({ flags }: SentinelVote): boolean {
  return ACCUSING.some((flag) => flags.has(flag));
}

function isReplica(word: NodeWord | null | undefined, sinceAt: number): boolean {
  return word?.role === 'slave' && word.askedAt >= sinceAt;
}

/** Another node that was promoted from the primary's history. One that may not be asked counts as that. */
function rivalOf({ others, replicationId }: LoneView): string | undefined {
  return [...others].find(
    ([, word]) =>
      word?.role === 'master' &&
      (replicationId === null || word.formerReplicationId === null || word.formerReplicationId === replicationId),
  )?.[0];
}

/** No Sentinel has acted, as all say since the rival is there, and an operator would have demoted the primary by now. */
function isByHand({ rivalSinceAt, now }: LoneView, votes: readonly SentinelVote[]): boolean {
  if (rivalSinceAt === null || now - rivalSinceAt < BY_HAND_MS) return false;
  return votes.every(({ askedAt }) => askedAt >= rivalSinceAt);
}

function lone(reason: string): Decision<'lone'> {
  return { outcome: 'lone', reason };
}

function unproven(reason: string): Decision<'unproven'> {
  return { outcome: 'unproven', reason };
}
