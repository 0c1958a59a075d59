import type { RedisNodeSurvey } from '../core/redis-survey.js';
import { numberIn, type DoctorCheck, type DoctorView, type SessionFinding } from './session-finding.js';

/** Oldest Redis that has all commands that the scripts use. */
const OLDEST_REDIS = [6, 2] as const;

/** End of support by major version, from https://github.com/nodejs/release#release-schedule. */
const NODE_END_OF_SUPPORT: Readonly<Record<number, string>> = {
  18: '2025-04-30',
  20: '2026-04-30',
  22: '2027-04-30',
  24: '2028-04-30',
  26: '2029-04-30',
};

/** Versions of the servers and of Node, and the application's own settings. @internal */
export const checkServers: DoctorCheck = (view) => [
  ...view.survey.nodes.flatMap(versionOf),
  ...mixedVersions(view),
  ...view.survey.nodes.flatMap(clientTimeout),
  ...application(view),
];

/** Kind and version: Valkey calls itself Redis 7.2.4 in the field that Redis uses. */
function kindOf({ info }: RedisNodeSurvey): string | null {
  const valkey = info.get('valkey_version');
  if (info.get('server_name') === 'valkey' && valkey !== undefined) return `Valkey ${valkey}`;
  const redis = info.get('redis_version');
  return redis === undefined ? null : `Redis ${redis}`;
}

function versionOf(node: RedisNodeSurvey): SessionFinding[] {
  const kind = kindOf(node);
  if (kind === null) return [];
  const [major = 0, minor = 0] = (/[\d.]+$/.exec(kind)?.[0] ?? '').split('.').map(Number);
  if (major > OLDEST_REDIS[0] || (major === OLDEST_REDIS[0] && minor >= OLDEST_REDIS[1])) return [];
  const finding: SessionFinding = {
    id: 'server-too-old',
    severity: 'error',
    what: `${node.address} runs ${kind}.`,
    why: `The scripts need Redis ${OLDEST_REDIS.join('.')} or newer.`,
    fix: 'Upgrade the replicas first, then fail over, then upgrade the former primary',
  };
  return [finding];
}

function mixedVersions({ survey }: DoctorView): SessionFinding[] {
  const kinds = new Map(survey.nodes.flatMap((node) => [[kindOf(node), node.address] as const]));
  kinds.delete(null);
  if (kinds.size <= 1) return [];
  const finding: SessionFinding = {
    id: 'versions-mixed',
    severity: 'warning',
    what: `The nodes run different servers: ${[...kinds].map(([kind, address]) => `${address} ${String(kind)}`).join(', ')}.`,
    why: 'A replica that is older than its primary may not read its data.',
    fix: 'Finish the upgrade',
  };
  return [finding];
}

function clientTimeout({ address, config }: RedisNodeSurvey): SessionFinding[] {
  const seconds = config && numberIn(config, 'timeout');
  if (!seconds) return [];
  const finding: SessionFinding = {
    id: 'client-timeout',
    severity: 'info',
    what: `${address} closes connections that were idle for ${seconds} s (timeout).`,
    why: 'A quiet application opens its connections again and again.',
    fix: 'CONFIG SET timeout 0, and the same line in redis.conf',
  };
  return [finding];
}

function application({ survey, subject }: DoctorView): SessionFinding[] {
  const findings: SessionFinding[] = [];
  const end = NODE_END_OF_SUPPORT[Number(subject.nodeVersion.split('.')[0])];
  if (end !== undefined && Date.parse(end) < subject.nowMs) {
    findings.push({
      id: 'node-unsupported',
      severity: 'warning',
      what: `Node ${subject.nodeVersion} is out of support since ${end}.`,
      why: 'It gets no security fixes; and Node 20 and 22 pay for each promise once async contexts are used.',
      fix: 'Upgrade to Node 24 or newer',
    });
  }
  if (subject.absoluteTimeoutMs === null) {
    findings.push({
      id: 'no-absolute-timeout',
      severity: 'info',
      what: 'Sessions have no absolute lifetime (absoluteTimeoutMs is not set).',
      why: 'A stolen cookie that is used now and then lives for ever.',
      fix: 'absoluteTimeoutMs: 12 * 60 * 60 * 1000, or what your policy says',
    });
  }
  if (survey.mode === 'sentinel' && subject.durability === 'primary') {
    findings.push({
      id: 'durability-primary',
      severity: 'warning',
      what: "durability is 'primary' behind Sentinel.",
      why: 'A failover, a planned one included, loses changes that were acknowledged.',
      fix: "durability: 'replicated' (the default with Sentinel)",
    });
  }
  return findings;
}
