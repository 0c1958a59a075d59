import type { Decision } from './decision.js';
import type { PromotableServer } from './listed-replicas.js';

/** All that counts when a change has been executed by the primary. @internal */
export interface AcknowledgementView {
  /** Servers that could be promoted. One of which that is not certain must have a change, but does not make it replicated. */
  readonly promotable: readonly PromotableServer[];
  /** Replicas that have the change. */
  readonly confirmed: ReadonlySet<string>;
  /** Replicas that lack it and may still get it in time: connected, and not for long behind. */
  readonly awaited: ReadonlySet<string>;
  /** Whether a change without a replica is refused in the end. */
  readonly isStrict: boolean;
  /** Whether it is proven that no replica that lacks the change was promoted before the change was executed. */
  readonly isLone: () => boolean;
  /** Whether the primary was promoted a moment ago, and none of those that lack the change has been its replica since. */
  readonly isJustElected: () => boolean;
}

/**
 * - `replicated`: every replica that could be promoted has it
 * - `degraded`: one that could be promoted lacks it, and the user is told nothing else than "stored"; the operator is told
 * - `provisional`: the same, kept so that it can be made again if the promotion is taken back
 * - `hold`: nobody knows yet
 *
 * @internal
 */
export type Acknowledgement = 'replicated' | 'degraded' | 'provisional' | 'hold';

/** Decides what becomes of a change that the primary has executed. @internal */
export function decideAcknowledgement(view: AcknowledgementView): Decision<Acknowledgement> {
  const { promotable, confirmed, awaited, isStrict } = view;
  const missing = lackingOf(promotable, confirmed);
  const isAnyCertain = promotable.some(({ isCertain }) => isCertain);
  if (missing.size === 0 && isAnyCertain)
    return { outcome: 'replicated', reason: 'every replica that could be promoted has it' };
  const lacking =
    missing.size === 0 ? 'no replica is known' : `${[...missing].join(', ')} could be promoted without it`;
  if (isStrict) return { outcome: 'hold', reason: lacking };
  const late = [...missing].find((name) => awaited.has(name));
  if (late !== undefined) return { outcome: 'hold', reason: `${late} is connected and may still confirm it` };
  if (view.isLone()) return { outcome: 'degraded', reason: lacking };
  if (view.isJustElected()) return { outcome: 'provisional', reason: lacking };
  return { outcome: 'hold', reason: `${lacking}, or was promoted before` };
}

/** Names those that could be promoted without a change. @internal */
export function lackingOf(
  promotable: readonly PromotableServer[],
  confirmed: ReadonlySet<string>,
): ReadonlySet<string> {
  return new Set(promotable.map(({ name }) => name).filter((name) => !confirmed.has(name)));
}
