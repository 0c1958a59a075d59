import type { Decision } from './decision.js';
import type { PromotableServer } from './listed-replicas.js';

/** All that counts once a primary was read from. Everything was asked for after the read had begun. @internal */
export interface ReadView {
  /** What the node that was read from says it is; `null`: it may not be asked. */
  readonly role: 'master' | 'slave' | null;
  readonly promotable: readonly PromotableServer[];
  /** Replicas that the primary lists as connected. */
  readonly listed: ReadonlySet<string>;
  /**
   * Replicas that have called themselves one on a connection of our own that has stood since. Sentinel ends the connections of
   * a node that it promotes, so a connection that stands says more than a primary that is cut off from its replica knows.
   */
  readonly following: ReadonlySet<string>;
  /** Those of them that have said so in answer to a question asked since the read. */
  readonly followingSince: ReadonlySet<string>;
  /**
   * Whether a Sentinel says that it acts, that enough of them agree to, or that another node is the primary. A connection that
   * stands says little then: on a way that is cut in one direction nobody learns of its end.
   */
  readonly isActedUpon: boolean;
  /** Whether it is proven that none of these has been promoted before the read. */
  readonly isLone: (missing: ReadonlySet<string>) => boolean;
  /** Whether the primary was promoted a moment ago, and none of these has been its replica since. */
  readonly isJustElected: (missing: ReadonlySet<string>) => boolean;
}

/**
 * - `answer`: nobody can have changed since what was read
 * - `prove`: not before it is proven that no replica was promoted
 * - `elsewhere`: this node is not the primary
 *
 * @internal
 */
export type ReadAnswer = 'answer' | 'prove' | 'elsewhere';

/** Decides whether what was read may be shown. @internal */
export function decideRead(view: ReadView): Decision<ReadAnswer> {
  const { role, promotable, listed, following, followingSince, isActedUpon } = view;
  if (role === 'slave') return { outcome: 'elsewhere', reason: 'it is a replica' };
  if (role === null) return { outcome: 'answer', reason: 'the node may not be asked what it is' };
  const sighted = isActedUpon ? followingSince : following;
  const missing = new Set(promotable.map(({ name }) => name).filter((name) => !listed.has(name) || !sighted.has(name)));
  if (missing.size === 0) return { outcome: 'answer', reason: 'every replica that could be promoted still follows it' };
  const names = [...missing].join(', ');
  if (view.isLone(missing)) return { outcome: 'answer', reason: `${names} was not promoted: the Sentinels would know` };
  if (view.isJustElected(missing)) return { outcome: 'answer', reason: 'it was promoted a moment ago itself' };
  return { outcome: 'prove', reason: `${names} may have been promoted` };
}
