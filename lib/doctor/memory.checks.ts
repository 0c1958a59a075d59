import type { RedisNodeSurvey } from '../core/redis-survey.js';
import { numberIn, type DoctorCheck, type SessionFinding } from './session-finding.js';

/** Shares of `maxmemory` from which on memory is short, and nearly full. */
const MEMORY_SHORT = 0.8;
const MEMORY_FULL = 0.95;

/** Memory and eviction of each data node. @internal */
export const checkMemory: DoctorCheck = ({ survey }) => survey.nodes.flatMap(findingsOf);

function findingsOf({ address, info }: RedisNodeSurvey): SessionFinding[] {
  const limit = numberIn(info, 'maxmemory');
  const used = numberIn(info, 'used_memory');
  const policy = info.get('maxmemory_policy');
  const findings: SessionFinding[] = [];
  if (policy !== undefined && policy !== 'noeviction') {
    findings.push({
      id: 'eviction-policy',
      severity: limit === 0 ? 'warning' : 'error',
      what: `${address} evicts keys when its memory is full (maxmemory-policy ${policy}).`,
      why: 'Users are signed out, and changes that were acknowledged vanish, without an error.',
      fix: 'CONFIG SET maxmemory-policy noeviction, and the same line in redis.conf',
    });
  }
  if (limit === 0) {
    findings.push({
      id: 'memory-unlimited',
      severity: 'warning',
      what: `${address} has no memory limit (maxmemory 0).`,
      why: 'The system ends the process when its memory is used up, instead of Redis refusing a change.',
      fix: 'CONFIG SET maxmemory <bytes>, and the same line in redis.conf; sizes: docs/operations.md#capacity',
    });
  }
  if (limit !== null && limit > 0 && used !== null && used >= limit * MEMORY_SHORT) {
    findings.push({
      id: 'memory-short',
      severity: used >= limit * MEMORY_FULL ? 'error' : 'warning',
      what: `${address} uses ${Math.round((used / limit) * 100)} % of its memory limit.`,
      why: 'A full Redis refuses every change, sign-ins included.',
      fix: 'CONFIG SET maxmemory <bytes>, or a shorter idleTimeoutMs',
    });
  }
  return findings;
}
