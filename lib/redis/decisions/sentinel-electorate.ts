import type { Decision } from './decision.js';

/**
 * How long a Sentinel that neither answers nor is listed any more still counts: a busy machine misses a question, and a Sentinel
 * whose list was reset has found the others again after one of its publish periods (2 s).
 *
 * @see SENTINEL_PUBLISH_PERIOD in Redis's sentinel.c
 * @unit milliseconds
 */
export const FORGET_AFTER_MS = 5000;

/** The primary that one Sentinel names. @internal */
export interface PrimaryClaim {
  /** `host:port` at which this process reaches it. */
  readonly primary: string;
  /** Rises with every failover; -1 when the Sentinel may not tell. */
  readonly epoch: number;
}

/** Another Sentinel in the list of one. @internal */
export interface ListedSentinel {
  /** `host:port` at which this process reaches it. */
  readonly key: string;
  /** The id that it gave itself; `''` when unknown. */
  readonly id: string;
}

/** All that is known of one Sentinel. @internal */
export interface SentinelStanding {
  /** `host:port` at which this process reaches it. */
  readonly key: string;
  /** The id that it gave itself; `null` when unknown. */
  readonly id: string | null;
  /** Whether the application's options name it, by an address or by a host name that leads to it. */
  readonly isConfigured: boolean;
  /** Its claim; `null` when it does not answer or does not know the group. */
  readonly claim: PrimaryClaim | null;
  /** The others that it lists; empty when it does not answer or may not tell. */
  readonly others: readonly ListedSentinel[];
  /** The nodes that it names, the primary included; empty when it does not answer. */
  readonly nodes: ReadonlySet<string>;
  /** When it last counted because it answered or was listed, on the caller's clock; `-Infinity`: never. */
  readonly countedAt: number;
}

/** A Sentinel that counts. @internal */
export interface ElectorateMember extends SentinelStanding {
  /** `answers` and `listed` renew `countedAt`; `lately` is the grace after both have ended. */
  readonly ground: 'answers' | 'listed' | 'lately';
}

/** The Sentinels of which a majority decides. @internal */
export type Electorate = readonly ElectorateMember[];

/**
 * Which Sentinels count in a majority.
 *
 * @remarks
 * A Sentinel counts when it answers, or when one that answers lists it. A dead one counts for as long as it is listed: it may
 * come back and vote. One that nobody lists and that does not answer is gone.
 *
 * One that the options do not name must be vouched for: by a configured one that answers, or by more than half of those that
 * answer. So a liar cannot bring voters of its own.
 *
 * @internal
 */
export function decideElectorate(sentinels: readonly SentinelStanding[], now: number): Decision<Electorate> {
  const distinct = distinctOf(sentinels);
  const members = distinct.flatMap((sentinel): ElectorateMember[] => {
    const isListed = isVouchedFor(sentinel, distinct);
    if (sentinel.claim && (isListed || sentinel.isConfigured)) return [{ ...sentinel, ground: 'answers' }];
    if (isListed || (sentinel.isConfigured && listersOf(sentinel, distinct).length > 0))
      return [{ ...sentinel, ground: 'listed' }];
    return now - sentinel.countedAt < FORGET_AFTER_MS ? [{ ...sentinel, ground: 'lately' }] : [];
  });
  const countOf = (ground: ElectorateMember['ground']): number =>
    members.filter((member) => member.ground === ground).length;
  const reason = `${countOf('answers')} answer, ${countOf('listed')} are listed, ${countOf('lately')} were until lately`;
  return { outcome: members, reason };
}

/**
 * Whether a Sentinel that others list may be asked, and with that be given the password of the Sentinels: a configured one that
 * answers lists it, or more than half of those that answer do, itself included.
 *
 * @internal
 */
export function isVouchedFor(
  sentinel: Pick<SentinelStanding, 'key' | 'id' | 'claim'>,
  sentinels: readonly SentinelStanding[],
): boolean {
  const listers = listersOf(sentinel, sentinels);
  if (listers.some(({ isConfigured }) => isConfigured)) return true;
  const answeringCount = sentinels.filter(({ claim }) => claim !== null).length;
  return answeringCount > 0 && (listers.length + (sentinel.claim ? 1 : 0)) * 2 > answeringCount;
}

/** Whether so many are more than half of those that count. @internal */
export function isMajority(count: number, electorate: Electorate): boolean {
  return count * 2 > electorate.length;
}

function listersOf(
  { key, id }: Pick<SentinelStanding, 'key' | 'id'>,
  sentinels: readonly SentinelStanding[],
): readonly SentinelStanding[] {
  return sentinels.filter(
    (lister) =>
      lister.claim !== null &&
      lister.key !== key &&
      lister.others.some((other) => other.key === key || (other.id !== '' && other.id === id)),
  );
}

/** One Sentinel may be known by two addresses: the one that answers speaks for it, a configured one before others. */
function distinctOf(sentinels: readonly SentinelStanding[]): readonly SentinelStanding[] {
  const weightOf = ({ claim, isConfigured }: SentinelStanding): number =>
    (claim === null ? 0 : 2) + (isConfigured ? 1 : 0);
  const ids = new Set<string>();
  return [...sentinels]
    .sort((a, b) => weightOf(b) - weightOf(a))
    .filter(({ id }) => {
      if (id === null) return true;
      if (ids.has(id)) return false;
      ids.add(id);
      return true;
    });
}
