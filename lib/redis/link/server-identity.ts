import type { NodeReport } from '../connection/node-report.js';

/** Which process a server is, and which history of changes it has. @internal */
export interface ServerIdentity {
  /** Names the process; `null` when it may not be asked. */
  readonly runId: string | null;
  /** What it said of itself last; `null` before it was asked. */
  readonly report: Pick<NodeReport, 'replicationId' | 'formerReplicationId' | 'offset'> | null;
}

/**
 * Whether a server that answers at a known address is another process that lacks changes of the former one.
 *
 * @remarks
 * Behind a proxy another node may answer at the same address after a failover. It continues the history of the former one
 * and has all of it; a process that came back without its memory proves neither. When in doubt, `false`.
 *
 * @internal
 */
export function isRestarted(former: ServerIdentity, now: ServerIdentity): boolean {
  if (former.runId === null || now.runId === null || former.runId === now.runId) return false;
  return !isContinued(former.report, now.report);
}

function isContinued(former: ServerIdentity['report'], now: ServerIdentity['report']): boolean {
  if (!former || !now || former.replicationId === null || former.offset === null || now.offset === null) return false;
  const isSameHistory = [now.replicationId, now.formerReplicationId].includes(former.replicationId);
  return isSameHistory && now.offset >= former.offset;
}
