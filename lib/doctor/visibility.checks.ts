import type { DoctorCheck, SessionFinding } from './session-finding.js';

/** The limits of this examination: a fact that it may not see is never a good one. @internal */
export const checkVisibility: DoctorCheck = ({ survey }) => {
  const blind = survey.nodes.filter(({ error, info }) => error === null && info.size === 0);
  const unset = survey.nodes.filter(({ error, config, info }) => error === null && config === null && info.size > 0);
  const findings: SessionFinding[] = [];
  if (![...survey.nodes, ...survey.sentinels].some(({ error }) => error === null)) {
    findings.push({
      id: 'nothing-reachable',
      severity: 'error',
      what: 'No server of the installation answers.',
      why: 'Every request waits until its deadline, and is answered 503.',
      fix: 'See to the servers, or correct the option `redis`',
    });
  }
  if (blind.length > 0) {
    findings.push({
      id: 'not-visible',
      severity: 'info',
      what: `INFO of ${blind.map(({ address }) => address).join(', ')} may not be asked: memory, disk, replicas and version are unknown.`,
      why: 'Nothing is known of them, neither good nor bad.',
      fix: 'ACL SETUSER <user> +info',
    });
  }
  if (unset.length > 0) {
    findings.push({
      id: 'settings-not-visible',
      severity: 'info',
      what: `Settings of ${unset.map(({ address }) => address).join(', ')} were not asked for, or may not be: timeout, save, rights.`,
      why: 'These are not examined.',
      fix: 'Run `npx nestjs-ha-session doctor` with an administrator in --redis',
    });
  }
  return findings;
};
