import type { Decision } from './decision.js';
import { isMajority, type Electorate, type PrimaryClaim } from './sentinel-electorate.js';

/** What the Sentinels say, and what counted until now. @internal */
export interface NamedPrimaryView {
  readonly electorate: Electorate;
  /** The claim that counted until now; `null` at the start. */
  readonly known: PrimaryClaim | null;
  /** Whether each configured Sentinel has answered or failed to answer at least once. */
  readonly isEveryoneAsked: boolean;
}

/**
 * Which node the Sentinels name.
 *
 * @remarks
 * A node that more than half of those that count name is the one, also when its epoch is lower than that of the node before it:
 * Sentinels never go back by themselves, so an operator has set the group up anew. Without a majority the claim that counted
 * stays. Where none has counted yet, the configured Sentinels that answer decide, once all have been asked.
 *
 * A claim by fewer, however high its epoch, is asked about and not followed.
 *
 * @internal
 */
export function decideNamedPrimary({
  electorate,
  known,
  isEveryoneAsked,
}: NamedPrimaryView): Decision<PrimaryClaim | null> {
  const claims = electorate.flatMap(({ claim }) => (claim ? [claim] : []));
  for (const primary of new Set(claims.map((claim) => claim.primary))) {
    const epochs = claims.filter((claim) => claim.primary === primary).map(({ epoch }) => epoch);
    if (!isMajority(epochs.length, electorate) || !isCredible(primary, electorate)) continue;
    const epoch = Math.max(
      ...epochs.filter((e) => isMajority(epochs.filter((other) => other >= e).length, electorate)),
    );
    return { outcome: { primary, epoch }, reason: `${epochs.length} of ${electorate.length} Sentinels name it` };
  }
  if (known) return { outcome: known, reason: 'no other node is named by a majority' };
  if (!isEveryoneAsked) return { outcome: null, reason: 'not all Sentinels have been asked yet' };
  const [first] = electorate
    .flatMap(({ claim, isConfigured }) => (claim && isConfigured ? [claim] : []))
    .filter((claim) => isCredible(claim.primary, electorate))
    .sort((a, b) => b.epoch - a.epoch);
  if (!first) return { outcome: null, reason: 'no Sentinel that can be relied on names a primary' };
  return { outcome: first, reason: 'the configured Sentinels that answer name it' };
}

/**
 * Whether a node may be connected to, and with that be given the password: most of those that answer name it, and among them at
 * least half of the configured ones that answer. Where none of these answers, two others must name it.
 *
 * @internal
 */
export function isCredible(node: string, electorate: Electorate): boolean {
  const answering = electorate.filter(({ claim }) => claim !== null);
  const configured = answering.filter(({ isConfigured }) => isConfigured);
  const naming = answering.filter(({ nodes }) => nodes.has(node));
  if (naming.length * 2 <= answering.length) return false;
  if (configured.length === 0) return naming.length > 1;
  return naming.filter(({ isConfigured }) => isConfigured).length * 2 >= configured.length;
}
