import { decideAcknowledgement } from '../../lib/redis/decisions/acknowledgement.js';
import { confirmedBy, type ConfirmationView } from '../../lib/redis/decisions/confirmation.js';
import { decidePromotable } from '../../lib/redis/decisions/listed-replicas.js';
import { decideLone, proofLife } from '../../lib/redis/decisions/lone-primary.js';
import { decideLeaving } from '../../lib/redis/decisions/primary-choice.js';
import { decideRead } from '../../lib/redis/decisions/read-answer.js';

/** What is known when it is settled how many replicas a `WAIT` asks for. */
export interface AwaitView {
  /** Promotable replicas that are not excused. */
  readonly wanted: readonly string[];
  /** Replicas as the primary listed them right after the last commit. */
  readonly listed: ReadonlySet<string>;
  /** Replicas of the periodic report, up to half a second old. */
  readonly reported: ReadonlySet<string>;
}

/** The decisions that a model runs with. */
export interface Logic {
  awaitedCount(view: AwaitView): number;
  confirmed(
    view: ConfirmationView & { readonly promotable: readonly string[]; readonly awaitedCount: number },
  ): ReadonlySet<string>;
  acknowledge: typeof decideAcknowledgement;
  read: typeof decideRead;
  leave: typeof decideLeaving;
  promotable: typeof decidePromotable;
  lone: typeof decideLone;
  life: typeof proofLife;
}

/** Those of the package. */
export const LOGIC: Logic = {
  awaitedCount: ({ wanted, listed }) => wanted.filter((name) => listed.has(name)).length,
  confirmed: confirmedBy,
  acknowledge: decideAcknowledgement,
  read: decideRead,
  leave: decideLeaving,
  promotable: decidePromotable,
  lone: decideLone,
  life: proofLife,
};
