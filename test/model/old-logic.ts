import { lackingOf } from '../../lib/redis/decisions/acknowledgement.js';
import { LOGIC, type Logic } from './logic.js';

/** What was decided before 2026-11-27 and turned out to be wrong: one part of it at a time, over the rest of today. */
export const OLD_LOGIC = {
  /** One of several replicas that was excused did not count: the word of the others made a change replicated. */
  excused: {
    ...LOGIC,
    acknowledge: (view) => {
      const missing = lackingOf(view.promotable, view.confirmed);
      const { outcome, reason } = LOGIC.acknowledge({ ...view, isStrict: false });
      if (outcome !== 'degraded' || missing.size === view.promotable.length) return LOGIC.acknowledge(view);
      return { outcome: 'replicated', reason };
    },
  },
  /** `WAIT` counted replicas, as many as the last report had listed. */
  counted: {
    ...LOGIC,
    awaitedCount: ({ wanted, reported }) => Math.max(wanted.length, reported.size),
    confirmed: ({ acknowledgedCount, awaitedCount, promotable }) =>
      new Set(acknowledgedCount >= awaitedCount && awaitedCount > 0 ? promotable : []),
  },
  /** A primary that listed its replicas was believed to have them. */
  listed: {
    ...LOGIC,
    read: (view) => LOGIC.read({ ...view, following: view.listed }),
  },
  /** One Sentinel that found the primary down forbade the proof. */
  vetoed: {
    ...LOGIC,
    lone: (view) =>
      view.votes.some((vote) => vote.isForPrimary && vote.flags.has('s_down'))
        ? { outcome: 'unproven', reason: 'a Sentinel says s_down' }
        : LOGIC.lone(view),
  },
  /** The list of a Sentinel that named another primary counted, and that primary itself did not: it could lack a change. */
  forgotten: {
    ...LOGIC,
    promotable: (view) => LOGIC.promotable({ ...view, claimed: [] }),
  },
  /** A replica was believed to follow until its connection ended, also while a Sentinel promoted it. */
  believed: {
    ...LOGIC,
    read: (view) => LOGIC.read({ ...view, isActedUpon: false }),
  },
} satisfies Record<string, Logic>;
