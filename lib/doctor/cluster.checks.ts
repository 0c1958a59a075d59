import { numberIn, type DoctorCheck, type SessionFinding } from './session-finding.js';

/** A master with more than this share above the mean is full first. */
const UNEVEN = 1.25;

/** The Cluster's own health and balance. @internal */
export const checkCluster: DoctorCheck = ({ survey, subject }) => {
  if (survey.mode !== 'cluster') return [];
  if (survey.cluster === null) {
    const finding: SessionFinding = {
      id: 'cluster-not-visible',
      severity: 'warning',
      what: 'No seed answered CLUSTER INFO and CLUSTER SLOTS.',
      why: 'Neither the application nor this examination finds the masters.',
      fix: 'ACL SETUSER <user> +cluster|slots +cluster|info; or correct the seeds',
    };
    return [finding];
  }
  const { info, masters } = survey.cluster;
  const findings: SessionFinding[] = [];
  if (info.get('cluster_state') !== 'ok') {
    findings.push({
      id: 'cluster-down',
      severity: 'error',
      what: `The Cluster says cluster_state:${info.get('cluster_state') ?? '?'}.`,
      why: 'Sessions of the slots that nobody serves, or all, are out of reach.',
      fix: 'redis-cli --cluster check <address>; then redis-cli --cluster fix <address>',
    });
  }
  const mean = masters.reduce((sum, { slotCount }) => sum + slotCount, 0) / Math.max(1, masters.length);
  for (const { address, slotCount, replicaCount } of masters) {
    if (slotCount > mean * UNEVEN) {
      findings.push({
        id: 'cluster-uneven',
        severity: 'info',
        what: `${address} serves ${slotCount} slots, the mean is ${Math.round(mean)}.`,
        why: 'It is full before the others are.',
        fix: `redis-cli --cluster rebalance ${address}`,
      });
    }
    if (replicaCount === 0) {
      findings.push({
        id: 'cluster-master-without-replica',
        severity: 'error',
        what: `The master ${address} has no replica.`,
        why: 'When it is lost, its share of the sessions is lost, and by default the whole Cluster refuses requests.',
        fix: `redis-cli --cluster add-node <new address> ${address} --cluster-slave`,
      });
    }
  }
  const timeoutMs = survey.nodes.flatMap(({ config }) =>
    config ? (numberIn(config, 'cluster-node-timeout') ?? []) : [],
  );
  if (timeoutMs.some((each) => each >= subject.operationTimeoutMs)) {
    findings.push({
      id: 'cluster-node-timeout-long',
      severity: 'error',
      what: `cluster-node-timeout is ${Math.max(...timeoutMs)} ms, operationTimeoutMs is ${subject.operationTimeoutMs}.`,
      why: 'Requests are answered 503 before the Cluster has promoted a replica.',
      fix: 'CONFIG SET cluster-node-timeout 3000 on each node, and the same line in redis.conf',
    });
  }
  return findings;
};
