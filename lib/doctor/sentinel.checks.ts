import type { RedisSentinelSurvey } from '../core/redis-survey.js';
import { numberIn, type DoctorCheck, type DoctorView, type SessionFinding } from './session-finding.js';

/** Time that vote and promotion take beside `down-after-milliseconds`. @unit milliseconds */
const VOTE_MS = 3000;

/** Below it a slow disk or a busy machine is taken for a dead server. @unit milliseconds */
const SHORTEST_DOWN_AFTER_MS = 1000;

/** A failed failover is tried again after twice this time. @unit milliseconds */
const LONGEST_FAILOVER_TIMEOUT_MS = 60_000;

/** Fewer cannot outvote the loss of one. */
const FEWEST_SENTINELS = 3;

/** The Sentinels: whether they answer, agree, and can act in time. @internal */
export const checkSentinels: DoctorCheck = (view) => {
  const { survey } = view;
  if (survey.mode !== 'sentinel') return [];
  const group = survey.group ?? '';
  const knowing = survey.sentinels.filter(({ knowsGroup }) => knowsGroup);
  return [
    ...survey.sentinels.flatMap((sentinel) => presence(sentinel, group)),
    ...quorumFindings(knowing),
    ...placement(survey.sentinels, knowing),
    ...disagreement(knowing),
    ...stale(knowing, group),
    ...timing(knowing, view, group),
    ...roles(view, knowing),
  ];
};

function presence({ address, error, knowsGroup }: RedisSentinelSurvey, group: string): SessionFinding[] {
  if (error !== null) {
    const finding: SessionFinding = {
      id: 'sentinel-unreachable',
      severity: 'warning',
      what: `Sentinel ${address} does not answer: ${error}`,
      why: 'It cannot vote; one more loss and there is no failover.',
      fix: 'Start it, or let the application reach it (address, sentinelPassword, TLS)',
    };
    return [finding];
  }
  if (knowsGroup) return [];
  const finding: SessionFinding = {
    id: 'sentinel-unknown-group',
    severity: 'error',
    what: `Sentinel ${address} does not know the group "${group}".`,
    why: 'It neither watches the primary nor votes.',
    fix: `On it: SENTINEL MONITOR ${group} <primary address> <port> <quorum>; or correct the option name`,
  };
  return [finding];
}

function quorumFindings(knowing: readonly RedisSentinelSurvey[]): SessionFinding[] {
  const findings: SessionFinding[] = [];
  const fault = knowing.find(({ quorumFault }) => typeof quorumFault === 'string');
  if (fault) {
    findings.push({
      id: 'quorum-unreachable',
      severity: 'error',
      what: `Sentinel ${fault.address} reaches no quorum: ${String(fault.quorumFault)}`,
      why: 'When the primary is lost, nobody is promoted.',
      fix: 'Start the missing Sentinels; forget removed ones by SENTINEL RESET <group> on each',
    });
  }
  const lone = knowing.find(({ settings }) => numberIn(settings, 'quorum') === 1);
  if (lone && knowing.length > 1) {
    findings.push({
      id: 'quorum-of-one',
      severity: 'warning',
      what: `Sentinel ${lone.address} has the quorum 1.`,
      why: 'One Sentinel that has lost its network calls a healthy primary down.',
      fix: `SENTINEL SET <group> quorum ${Math.floor(knowing.length / 2) + 1} on each Sentinel`,
    });
  }
  return findings;
}

function placement(all: readonly RedisSentinelSurvey[], knowing: readonly RedisSentinelSurvey[]): SessionFinding[] {
  const findings: SessionFinding[] = [];
  if (all.length < FEWEST_SENTINELS) {
    findings.push({
      id: 'sentinels-few',
      severity: 'warning',
      what: `There ${all.length === 1 ? 'is 1 Sentinel' : `are ${all.length} Sentinels`}.`,
      why: 'The others cannot outvote the loss of one: there is no failover then.',
      fix: 'Run three Sentinels on three machines',
    });
  }
  const hosts = new Map<string, number>();
  for (const { address } of knowing) {
    const host = address.slice(0, address.lastIndexOf(':'));
    hosts.set(host, (hosts.get(host) ?? 0) + 1);
  }
  const [crowded] = [...hosts].filter(([, count]) => knowing.length >= FEWEST_SENTINELS && count * 2 > knowing.length);
  if (crowded) {
    findings.push({
      id: 'sentinels-on-one-host',
      severity: 'warning',
      what: `${crowded[1]} of ${knowing.length} Sentinels run on ${crowded[0]}.`,
      why: 'When that machine is lost there is no majority, and so no failover.',
      fix: 'Move them: one Sentinel for each machine or data centre',
    });
  }
  return findings;
}

/** What all Sentinels of a group must have in common. */
const COMMON = ['quorum', 'down-after-milliseconds', 'failover-timeout'];

function disagreement(knowing: readonly RedisSentinelSurvey[]): SessionFinding[] {
  const differing = [
    ...(areDifferent(knowing.map(({ primary }) => primary)) ? ['primary'] : []),
    ...COMMON.filter((name) => areDifferent(knowing.map(({ settings }) => settings.get(name)))),
  ];
  return differing.map((name) => ({
    id: 'sentinels-disagree',
    severity: name === 'primary' ? ('error' as const) : ('warning' as const),
    what: `The Sentinels disagree about ${name}: ${knowing.map((each) => `${each.address} ${valueOf(each, name)}`).join(', ')}.`,
    why: 'Which of them leads a failover decides how it goes.',
    fix:
      name === 'primary'
        ? 'Wait some seconds; if it stays: SENTINEL RESET <group> on those that are wrong'
        : `SENTINEL SET <group> ${name} <value> on each`,
  }));
}

function valueOf({ primary, settings }: RedisSentinelSurvey, name: string): string {
  return (name === 'primary' ? primary : settings.get(name)) ?? '?';
}

function areDifferent(values: readonly (string | null | undefined)[]): boolean {
  return new Set(values.filter((value) => value !== null && value !== undefined)).size > 1;
}

function stale(knowing: readonly RedisSentinelSurvey[], group: string): SessionFinding[] {
  const fix = `SENTINEL RESET ${group} on each Sentinel, one after the other, 30 s apart`;
  const lost = (rows: readonly ReadonlyMap<string, string>[]): string[] =>
    rows
      .filter((row) => /s_down|disconnected/.test(row.get('flags') ?? ''))
      .map((row) => `${row.get('ip') ?? '?'}:${row.get('port') ?? '?'}`);
  const peers = new Set(knowing.flatMap((sentinel) => lost(sentinel.peers)));
  const replicas = new Set(knowing.flatMap((sentinel) => lost(sentinel.replicas)));
  return [
    ...[...peers].map((address) => ({
      id: 'sentinel-stale',
      severity: 'warning' as const,
      what: `The Sentinels still list ${address}, which does not answer them.`,
      why: 'It counts for the majority that a failover needs.',
      fix: `Start it; if it is gone for good: ${fix}`,
    })),
    ...[...replicas].map((address) => ({
      id: 'replica-stale',
      severity: 'warning' as const,
      what: `The Sentinels list the replica ${address}, which is not connected.`,
      why: 'Changes count as degraded while it is away, and cannot be proven safe once the Sentinels are away too.',
      fix: `Start it; if it is gone for good: ${fix}`,
    })),
  ];
}

function timing(knowing: readonly RedisSentinelSurvey[], { subject }: DoctorView, group: string): SessionFinding[] {
  const findings: SessionFinding[] = [];
  const downAfterMs = largest(knowing, 'down-after-milliseconds');
  if (downAfterMs !== null && downAfterMs + VOTE_MS > subject.operationTimeoutMs) {
    findings.push({
      id: 'down-after-long',
      severity: 'error',
      what: `down-after-milliseconds is ${downAfterMs}, operationTimeoutMs is ${subject.operationTimeoutMs}.`,
      why: 'Requests are answered 503 before the Sentinels have promoted a replica.',
      fix: `SENTINEL SET ${group} down-after-milliseconds 5000 on each; or operationTimeoutMs: ${downAfterMs + VOTE_MS}`,
    });
  }
  if (downAfterMs !== null && downAfterMs < SHORTEST_DOWN_AFTER_MS) {
    findings.push({
      id: 'down-after-short',
      severity: 'warning',
      what: `down-after-milliseconds is ${downAfterMs}.`,
      why: 'A slow disk or a busy machine is taken for a dead server.',
      fix: `SENTINEL SET ${group} down-after-milliseconds 3000 on each Sentinel`,
    });
  }
  const failoverTimeoutMs = largest(knowing, 'failover-timeout');
  if (failoverTimeoutMs !== null && failoverTimeoutMs > LONGEST_FAILOVER_TIMEOUT_MS) {
    findings.push({
      id: 'failover-timeout-long',
      severity: 'warning',
      what: `failover-timeout is ${failoverTimeoutMs} ms.`,
      why: 'A failover that came to nothing is tried again only after twice this time; until then requests get 503.',
      fix: `SENTINEL SET ${group} failover-timeout 10000 on each Sentinel`,
    });
  }
  return findings;
}

function largest(knowing: readonly RedisSentinelSurvey[], name: string): number | null {
  const values = knowing.flatMap(({ settings }) => numberIn(settings, name) ?? []);
  return values.length === 0 ? null : Math.max(...values);
}

function roles({ survey }: DoctorView, knowing: readonly RedisSentinelSurvey[]): SessionFinding[] {
  const named = new Set(knowing.map(({ primary }) => primary));
  return survey.nodes
    .filter(({ address, role }) => named.has(address) && role === 'slave')
    .map(({ address }) => ({
      id: 'primary-is-replica',
      severity: 'error' as const,
      what: `The Sentinels name ${address} as the primary, and it says that it is a replica.`,
      why: 'No change can be stored until one of them gives way.',
      fix: 'Wait some seconds; if it stays: SENTINEL FAILOVER <group> or REPLICAOF NO ONE on the right node',
    }));
}
