/** A replica as its primary lists it. @internal */
export interface ReplicaOffset {
  /** `host:port` */
  readonly name: string;
  /** Bytes of the primary's stream that it has confirmed. */
  readonly offset: number;
}

/** What a primary says about its replicas right after a commit. @internal */
export interface ConfirmationView {
  /** Replicas that it lists, and how far each is. */
  readonly listed: readonly ReplicaOffset[];
  /** The end of its own stream when it listed them. */
  readonly primaryOffset: number;
  /** How many replicas had the commit, as `WAIT` counted right before. */
  readonly acknowledgedCount: number;
  /** Replicas that it listed the time before. */
  readonly listedBefore: ReadonlySet<string>;
}

/**
 * Names the replicas that have a commit.
 *
 * @remarks
 * `WAIT` gives a number, and a number is not a name: it also counts a replica that joined a moment ago. The list that follows
 * at once gives names and offsets, but not the offset of the commit. Together they suffice. When `WAIT` counted three, the
 * three replicas that are furthest have the commit, since whoever is further has all that the others have.
 *
 * One of those that were counted may have left before the list was made. Then only a replica that has everything counts.
 *
 * @internal
 */
export function confirmedBy({
  listed,
  primaryOffset,
  acknowledgedCount,
  listedBefore,
}: ConfirmationView): ReadonlySet<string> {
  const names = new Set(listed.map(({ name }) => name));
  const hasLeft = acknowledgedCount > listed.length || [...listedBefore].some((name) => !names.has(name));
  const byOffset = listed.map(({ offset }) => offset).sort((a, b) => b - a);
  const leastOffset = hasLeft ? primaryOffset : (byOffset[acknowledgedCount - 1] ?? primaryOffset);
  return reachedBy(listed, leastOffset);
}

/** Names the replicas that have everything up to an offset. @internal */
export function reachedBy(listed: readonly ReplicaOffset[], offset: number): ReadonlySet<string> {
  return new Set(listed.filter((replica) => replica.offset >= offset).map(({ name }) => name));
}
