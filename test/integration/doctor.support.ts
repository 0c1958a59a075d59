import { onTestFinished } from 'vitest';
import { examine } from '../../lib/doctor/examine.js';
import type { SessionDoctorSubject, SessionFinding } from '../../lib/doctor/session-finding.js';
import { resolveSessionOptions } from '../../lib/options/resolve-session-options.js';
import type { SessionModuleOptions } from '../../lib/options/session.options.js';
import { surveyRedis } from '../../lib/redis/survey/redis-survey.js';
import { startRedisServer, type RedisProcess, type RedisServerOptions } from '../../tools/redis-lab/redis-server.js';

/** Starts a server that ends with the test. */
export async function server(options: RedisServerOptions = {}): Promise<RedisProcess> {
  const started = await startRedisServer(options);
  onTestFinished(() => started.stop());
  return started;
}

/** Settings under which one of our own servers gives nothing to find but its missing replica. */
export const WELL = ['appendonly yes', 'maxmemory 100mb', 'maxmemory-policy noeviction', 'requirepass secret'];

/** Examines as an administrator would, with everything asked for. */
export async function examined(
  redis: SessionModuleOptions['redis'],
  overrides: Partial<SessionDoctorSubject> & { readonly isThorough?: boolean } = {},
): Promise<readonly SessionFinding[]> {
  const { isThorough = true, ...subject } = overrides;
  const options = resolveSessionOptions(
    { application: 'doctor', secret: 'a-secret-of-the-doctor-tests-0123456789', redis },
    { isProduction: false },
  );
  if (!options.redis) throw new Error('unreachable: redis was given');
  return examine(await surveyRedis(options.redis, { timeoutMs: 3000, isThorough }), {
    operationTimeoutMs: options.redis.operationTimeoutMs,
    durability: options.redis.durability,
    absoluteTimeoutMs: 3_600_000,
    nodeVersion: '24.0.0',
    nowMs: Date.parse('2026-11-27'),
    ...subject,
  });
}

/** Ids of findings with their severity. */
export function idsOf(findings: readonly SessionFinding[]): string[] {
  return findings.map(({ id, severity }) => `${severity} ${id}`).sort();
}
