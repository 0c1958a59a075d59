import type { RedisNodeSurvey } from '../core/redis-survey.js';
import type { DoctorCheck, SessionFinding } from './session-finding.js';

const LIST = 'docs/operations.md#acl-users';

/** Commands without which no session is stored, or no failover is survived. */
const REQUIRED: Readonly<Record<string, string>> = {
  eval: 'No session can be stored.',
  wait: "No change can be confirmed by a replica: durability 'replicated' refuses all.",
  time: "Deadlines go by this process's own clock.",
  info: 'A failover is noticed late, and this examination sees little.',
  role: 'A demoted primary is noticed late.',
};

/** Passwords, rights and encryption. @internal */
export const checkAccess: DoctorCheck = ({ survey, subject }) =>
  survey.nodes
    .filter(({ error }) => error === null)
    .flatMap((node) => [
      ...missingRights(node, subject.durability === 'primary'),
      ...tooManyRights(node),
      ...protection(node),
    ]);

function missingRights({ address, refused }: RedisNodeSurvey, isUnreplicated: boolean): SessionFinding[] {
  return refused
    .filter((name) => name in REQUIRED && !(isUnreplicated && name === 'wait'))
    .map((name) => ({
      id: 'acl-missing',
      severity: name === 'eval' || name === 'wait' ? ('error' as const) : ('warning' as const),
      what: `${address} refuses ${name.toUpperCase()} (NOPERM).`,
      why: REQUIRED[name] ?? '',
      fix: `ACL SETUSER <user> +${name}; the whole list: ${LIST}`,
    }));
}

function tooManyRights({ address, dangerous }: RedisNodeSurvey): SessionFinding[] {
  if (dangerous === null || dangerous.length === 0) return [];
  const finding: SessionFinding = {
    id: 'acl-too-wide',
    severity: 'warning',
    what: `${address} lets the application run ${dangerous.map((name) => name.toUpperCase()).join(', ')}.`,
    why: 'A fault in the application, or an attacker in it, can end every session or stop the server.',
    fix: `Give the application a user of its own with the rights of ${LIST}`,
  };
  return [finding];
}

function protection({ address, isAuthenticated, isEncrypted }: RedisNodeSurvey): SessionFinding[] {
  const findings: SessionFinding[] = [];
  if (!isAuthenticated) {
    findings.push({
      id: 'no-password',
      severity: 'warning',
      what: `${address} is used without a password.`,
      why: 'Everybody who reaches the port can read, forge and end sessions.',
      fix: `Set up ACL users (${LIST}) and give username and password`,
    });
  }
  if (!isEncrypted && !isLocal(address)) {
    findings.push({
      id: 'no-tls',
      severity: 'info',
      what: `${address} is used without TLS.`,
      why: 'Everybody on the network path can read the sessions and the password.',
      fix: 'Give tls: {} (and tls-port in redis.conf), unless the network is encrypted',
    });
  }
  return findings;
}

function isLocal(address: string): boolean {
  return /^(127\.|localhost:|::1:|\[::1\]|\/)/.test(address);
}
