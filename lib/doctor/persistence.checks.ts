import type { RedisNodeSurvey } from '../core/redis-survey.js';
import { numberIn, type DoctorCheck, type SessionFinding } from './session-finding.js';

/** The disk of each data node. @internal */
export const checkPersistence: DoctorCheck = ({ survey }) => survey.nodes.flatMap(findingsOf);

function findingsOf({ address, info, config }: RedisNodeSurvey): SessionFinding[] {
  const findings: SessionFinding[] = [];
  const hasAppendOnlyFile = info.get('aof_enabled');
  if (hasAppendOnlyFile === '0') {
    const hasSnapshots = config?.get('save') !== undefined && config.get('save') !== '';
    findings.push({
      id: 'no-append-only-file',
      severity: 'warning',
      what: `${address} has no append-only file${hasSnapshots ? ', only snapshots' : ''}.`,
      why: 'A primary that restarts before the Sentinels notice comes back empty or old, and its replicas copy that.',
      fix: 'CONFIG SET appendonly yes, and the same line in redis.conf; or no restart within down-after-milliseconds',
    });
  }
  const isFailing = info.get('aof_last_write_status') === 'err' || info.get('rdb_last_bgsave_status') === 'err';
  if (isFailing) {
    findings.push({
      id: 'disk-failing',
      severity: 'error',
      what: `${address} could not write to its disk (aof_last_write_status or rdb_last_bgsave_status: err).`,
      why: 'Redis refuses every change until its disk takes them again (MISCONF).',
      fix: 'Free the disk or mend its rights; then BGSAVE',
    });
  }
  if (info.get('loading') === '1') {
    const seconds = numberIn(info, 'loading_eta_seconds');
    findings.push({
      id: 'loading',
      severity: 'warning',
      what: `${address} is loading its data${seconds === null ? '' : ` for another ${seconds} s`}.`,
      why: 'It answers nothing until that is done.',
      fix: 'Wait',
    });
  }
  return findings;
}
