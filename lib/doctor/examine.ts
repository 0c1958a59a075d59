import type { RedisSurvey } from '../core/redis-survey.js';
import { checkAccess } from './access.checks.js';
import { checkCluster } from './cluster.checks.js';
import { checkMemory } from './memory.checks.js';
import { checkPersistence } from './persistence.checks.js';
import { checkReplication } from './replication.checks.js';
import { checkSentinels } from './sentinel.checks.js';
import { checkServers } from './server.checks.js';
import type { DoctorCheck, SessionDoctorSubject, SessionFinding } from './session-finding.js';
import { checkVisibility } from './visibility.checks.js';

const CHECKS: readonly DoctorCheck[] = [
  checkReplication,
  checkSentinels,
  checkCluster,
  checkMemory,
  checkPersistence,
  checkAccess,
  checkServers,
  checkVisibility,
];

const WEIGHT = { error: 0, warning: 1, info: 2 } as const;

/** All findings about an installation, the gravest first. Pure. @internal */
export function examine(survey: RedisSurvey, subject: SessionDoctorSubject): readonly SessionFinding[] {
  const findings = CHECKS.flatMap((check) => check({ survey, subject }));
  return findings.sort((a, b) => WEIGHT[a.severity] - WEIGHT[b.severity]);
}
