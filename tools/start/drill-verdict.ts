import type { DrillPhase, DrillReport } from './drill-report.js';

/** Name of the phase in which the Sentinels are asked to switch; with a number when there are several. */
export const PLANNED = 'planned failover';
/** Name of the last phase, in which nobody changes anything. */
export const SIGN_OUT = 'everybody signs out';

/** Whether a loss in the planned failover fails the drill or is only told. */
export type PlannedLoss = 'fail' | 'tell';

/** Nothing lost, nobody saw an error, nobody who signed out is in again, and every session is there. */
export function judge(
  phases: readonly DrillPhase[],
  lossWhenPlanned: PlannedLoss,
): Pick<DrillReport, 'faults' | 'tolerated'> {
  const faults: string[] = [];
  const tolerated: string[] = [];
  for (const { name, requests, changes, logouts, sessions, readDirectly } of phases) {
    const losses = name.startsWith(PLANNED) && lossWhenPlanned === 'tell' ? tolerated : faults;
    if (requests.failed > 0) faults.push(`${name}: ${requests.failed} requests failed`);
    if (changes.acknowledged === 0 && name !== SIGN_OUT) faults.push(`${name}: nobody did anything`);
    if (changes.lost > 0) losses.push(`${name}: ${changes.lost} acknowledged changes lost`);
    if (changes.stale > 0) losses.push(`${name}: ${changes.stale} acknowledged changes or logouts not seen at once`);
    if (logouts.undone > 0) losses.push(`${name}: ${logouts.undone} logouts undone`);
    if (readDirectly.different > 0) losses.push(`${name}: ${readDirectly.different} sessions in Redis differ`);
    if (sessions.after !== sessions.expected) {
      losses.push(`${name}: ${sessions.after} sessions instead of ${sessions.expected}`);
    }
  }
  return { faults, tolerated };
}
