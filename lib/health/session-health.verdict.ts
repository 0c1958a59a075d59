import { isSessionError } from '../errors/session.error.js';
import { LateAnswerError } from '../core/within.js';
import type { SessionLinkInspection, SessionLinkStatus } from '../core/session-link.js';
import type { SessionHealthDetails, SessionHealthVerdict } from './session-health.details.js';
import type { ResolvedSessionHealthOptions } from './session-health.options.js';

/** Judges what the nodes said. @internal */
export function judgeLink(
  status: SessionLinkStatus,
  inspection: SessionLinkInspection,
  liveSessions: number | undefined,
  options: ResolvedSessionHealthOptions,
): SessionHealthVerdict {
  const faults = faultsOf(inspection);
  const isDown = faults.length > 0;
  const reasons = isDown ? faults : impairments(status, inspection, options);
  const details = {
    ...describe(status, reasons, !isDown && reasons.length > 0),
    role: inspection.role,
    roundTripMs: Math.round(inspection.roundTripMs * 100) / 100,
    // Who may not ask for the role is told of no replicas either.
    replicas: inspection.role === null ? null : inspection.replicas,
    sentinels: inspection.sentinels,
    memory: { usedBytes: inspection.usedMemoryBytes, maxBytes: inspection.maxMemoryBytes },
    ...(liveSessions === undefined ? {} : { liveSessions }),
  };
  return { condition: isDown ? 'down' : details.degraded ? 'degraded' : 'up', details };
}

/** Judges a link that did not answer or refused. @internal */
export function judgeBrokenLink(status: SessionLinkStatus, error: unknown, timeoutMs: number): SessionHealthVerdict {
  return { condition: 'down', details: describe(status, [explain(error, timeoutMs)], false) };
}

/** Judges sessions that live elsewhere than in Redis. @internal */
export function judgeStore(mode: 'memory' | 'store', liveSessions: number | null | undefined): SessionHealthVerdict {
  const details = { mode, degraded: false, reasons: [], ...(liveSessions === undefined ? {} : { liveSessions }) };
  return { condition: 'up', details };
}

/** Judges a store elsewhere that did not answer or failed. @internal */
export function judgeBrokenStore(mode: 'memory' | 'store', error: unknown, timeoutMs: number): SessionHealthVerdict {
  return { condition: 'down', details: { mode, degraded: false, reasons: [explain(error, timeoutMs)] } };
}

function describe(status: SessionLinkStatus, reasons: readonly string[], degraded: boolean): SessionHealthDetails {
  return {
    mode: status.mode,
    degraded,
    reasons,
    state: status.state,
    trouble: status.trouble,
    primary: status.primary,
    waiting: status.waiting,
    lastFailover: status.lastFailover,
  };
}

/** Why sessions cannot be stored, although a node answers. */
function faultsOf({ role, refusal }: SessionLinkInspection): string[] {
  if (role !== null && role !== 'master') return [`The node in use is no primary but a ${role}: it takes no changes.`];
  return refusal === null ? [] : [`The primary refuses changes (${refusal}).`];
}

function impairments(
  status: SessionLinkStatus,
  inspection: SessionLinkInspection,
  options: ResolvedSessionHealthOptions,
): string[] {
  const reasons: string[] = [];
  if (status.state === 'degraded') {
    reasons.push('A replica that could be promoted lacks changes.');
  }
  const wanted = options.minReplicasCount ?? (status.mode === 'sentinel' ? 1 : 0);
  const online = inspection.replicas.filter((replica) => replica.online).length;
  if (inspection.role !== null && online < wanted) {
    reasons.push(online === 0 ? 'No replica is online.' : `Only ${online} of ${wanted} replicas are online.`);
  }
  if (inspection.sentinels?.quorum === false) {
    reasons.push('The Sentinels cannot agree on a failover: too few of them are reachable.');
  } else if (inspection.sentinels?.reachable === 0) {
    reasons.push('No Sentinel is reachable.');
  }
  reasons.push(...sentinelReasons(inspection.sentinels));
  const { usedMemoryBytes: used, maxMemoryBytes: max } = inspection;
  if (used !== null && max !== null && max > 0 && used >= max * options.memoryThreshold) {
    reasons.push(`Memory is ${Math.round((used / max) * 100)} % full.`);
  }
  return reasons;
}

/** Both go unnoticed until the Sentinels are needed. */
function sentinelReasons(sentinels: SessionLinkInspection['sentinels']): string[] {
  if (!sentinels) return [];
  const { unaware, unconnected } = sentinels;
  return [
    ...(unaware.length > 0 ? [`${unaware.length} of the Sentinels that answer do not know the group.`] : []),
    ...(unconnected.length > 0 ? ['Sentinel lists a replica that is not connected.'] : []),
  ];
}

/** Never the text of a foreign error: servers put user names, commands and addresses with passwords into theirs. */
function explain(error: unknown, timeoutMs: number): string {
  if (error instanceof LateAnswerError) {
    return `No answer within ${timeoutMs} ms.`;
  }
  if (isSessionError(error)) {
    return 'reason' in error && error.reason === 'closed'
      ? `The link to the sessions is closed: the application shuts down (${error.code}).`
      : `No usable primary answered within ${timeoutMs} ms (${replyCode(error.cause) ?? error.code}).`;
  }
  const code = replyCode(error);
  return code === undefined
    ? 'The check failed; the cause is in the debug log.'
    : `The server refused the check (${code}).`;
}

/** The code that a server's error reply begins with. */
function replyCode(error: unknown): string | undefined {
  return error instanceof Error ? /^[A-Z][A-Z0-9_]{2,}(?= |$)/.exec(error.message)?.[0] : undefined;
}
