import type { RedisNodeSurvey } from '../core/redis-survey.js';
import { numberIn, type DoctorCheck, type DoctorView, type SessionFinding } from './session-finding.js';

/** Time that a replica may be away without needing a full copy. @unit seconds */
const BACKLOG_SECONDS = 60;

/** Nodes that do not answer, replicas, and what a change waits for. @internal */
export const checkReplication: DoctorCheck = (view) => {
  const { nodes } = view.survey;
  const primaries = nodes.filter(({ role }) => role === 'master');
  return [
    ...nodes.flatMap(absence),
    ...nodes.flatMap(brokenReplica),
    ...primaries.flatMap((primary) => primaryFindings(primary, view)),
    ...promotable(view),
    ...sameServer(nodes),
  ];
};

function absence({ address, error }: RedisNodeSurvey): SessionFinding[] {
  if (error === null) return [];
  const finding: SessionFinding = {
    id: 'node-unreachable',
    severity: 'error',
    what: `${address} does not answer: ${error}`,
    why: 'If it is the primary, every request waits; if it is a replica, the next fault may lose sessions.',
    fix: 'Start it, or let the application reach it (address, password, TLS)',
  };
  return [finding];
}

function brokenReplica({ address, info }: RedisNodeSurvey): SessionFinding[] {
  if (info.get('master_link_status') !== 'down') return [];
  const host = info.get('master_host') ?? '?';
  const finding: SessionFinding = {
    id: 'replica-disconnected',
    severity: 'error',
    what: `${address} has lost its primary ${host}:${info.get('master_port') ?? '?'} (master_link_status:down).`,
    why: 'It gets no changes; if it is promoted, users meet old sessions.',
    fix: 'Look at its log; often masterauth, the network or a full disk',
  };
  return [finding];
}

function primaryFindings({ address, info }: RedisNodeSurvey, { survey, subject }: DoctorView): SessionFinding[] {
  const findings: SessionFinding[] = [];
  const replicaCount = numberIn(info, 'connected_slaves');
  if (replicaCount === 0) {
    findings.push({
      id: 'no-replica',
      severity: survey.mode === 'standalone' ? 'info' : 'error',
      what: `${address} has no replica.`,
      why:
        subject.durability === 'replicated-strict'
          ? "Every change is refused: durability is 'replicated-strict'."
          : 'When it is lost, so are the sessions.',
      fix: `On another machine: redis-server --replicaof ${address.replace(/:(\d+)$/, ' $1')}`,
    });
  }
  const wanted = numberIn(info, 'min_slaves_good_slaves');
  if (wanted !== null && replicaCount !== null && replicaCount <= 1) {
    findings.push({
      id: 'min-replicas',
      severity: 'warning',
      what: `${address} takes changes only with replicas (min-replicas-to-write), and there is ${replicaCount === 1 ? 'one' : 'none'}.`,
      why: 'After a failover the new primary has none and refuses every change until the old one is back.',
      fix: "CONFIG SET min-replicas-to-write 0; durability 'replicated' protects better",
    });
  }
  const backlog = numberIn(info, 'repl_backlog_size');
  const offset = numberIn(info, 'master_repl_offset');
  const uptime = numberIn(info, 'uptime_in_seconds');
  if (backlog !== null && offset !== null && uptime !== null && uptime >= BACKLOG_SECONDS) {
    const needed = Math.ceil((offset / uptime) * BACKLOG_SECONDS);
    if (needed > backlog) {
      findings.push({
        id: 'backlog-small',
        severity: 'warning',
        what: `${address} keeps ${backlog} bytes of changes; it writes ${needed} in ${BACKLOG_SECONDS} s.`,
        why: 'A replica that was away for a moment needs a full copy, and until then a failover loses changes.',
        fix: `CONFIG SET repl-backlog-size ${needed * 2}, and the same line in redis.conf`,
      });
    }
  }
  return findings;
}

function promotable({ survey }: DoctorView): SessionFinding[] {
  const replicas = survey.nodes.filter(({ role }) => role === 'slave');
  const never = replicas.filter(({ info }) => numberIn(info, 'slave_priority') === 0);
  if (survey.mode !== 'sentinel' || never.length === 0) return [];
  const isAll = never.length === replicas.length;
  const finding: SessionFinding = {
    id: 'replica-priority-zero',
    severity: isAll ? 'error' : 'info',
    what: `${never.map(({ address }) => address).join(', ')}: replica-priority 0.`,
    why: isAll
      ? 'No replica can be promoted: a failover is impossible, and changes are acknowledged by the primary alone.'
      : 'It is never promoted, and no change waits for it.',
    fix: 'CONFIG SET replica-priority 100, unless it is far away on purpose',
  };
  return [finding];
}

function sameServer(nodes: readonly RedisNodeSurvey[]): SessionFinding[] {
  const byRunId = new Map<string, string[]>();
  for (const { address, info } of nodes) {
    const runId = info.get('run_id');
    if (runId !== undefined) byRunId.set(runId, [...(byRunId.get(runId) ?? []), address]);
  }
  return [...byRunId.values()]
    .filter((addresses) => addresses.length > 1)
    .map((addresses) => ({
      id: 'server-listed-twice',
      severity: 'warning' as const,
      what: `${addresses.join(' and ')} are one server.`,
      why: 'Sentinel counts it twice, and waits for a replica that does not exist.',
      fix: `On that server: CONFIG SET replica-announce-ip <address>; then SENTINEL RESET <group> on each Sentinel`,
    }));
}
