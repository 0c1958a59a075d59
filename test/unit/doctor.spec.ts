import { describe, expect, it } from 'vitest';
import type { RedisNodeSurvey, RedisSurvey } from '../../lib/core/redis-survey.js';
import { examine } from '../../lib/doctor/examine.js';

/** What no server shows within a test: one that has run for minutes, an old one, Valkey, an uneven Cluster. */
describe('examine', () => {
  const node = (address: string, info: Record<string, string>): RedisNodeSurvey => ({
    address,
    error: null,
    role: 'master',
    info: new Map(Object.entries(info)),
    config: null,
    refused: [],
    dangerous: null,
    isAuthenticated: true,
    isEncrypted: true,
  });

  const idsOf = (survey: Partial<RedisSurvey>): string[] => {
    const whole: RedisSurvey = { mode: 'standalone', group: null, nodes: [], sentinels: [], cluster: null, ...survey };
    const findings = examine(whole, {
      operationTimeoutMs: 10_000,
      absoluteTimeoutMs: 1,
      durability: 'primary',
      nodeVersion: '24.0.0',
      nowMs: 0,
    });
    return findings.map(({ id }) => id).filter((id) => id !== 'nothing-reachable');
  };

  it('finds a backlog that the changes of a minute do not fit into', () => {
    const running = { master_repl_offset: '100000000', uptime_in_seconds: '600' };
    expect(idsOf({ nodes: [node('a:1', { ...running, repl_backlog_size: '1048576' })] })).toContain('backlog-small');
    expect(idsOf({ nodes: [node('a:1', { ...running, repl_backlog_size: '16777216' })] })).not.toContain(
      'backlog-small',
    );
  });

  it('finds an old server and mixed versions, and knows Valkey by its own version', () => {
    expect(idsOf({ nodes: [node('a:1', { redis_version: '6.0.16' })] })).toContain('server-too-old');
    const valkey = { server_name: 'valkey', redis_version: '7.2.4', valkey_version: '8.0.1' };
    const found = idsOf({ nodes: [node('a:1', valkey), node('b:1', { redis_version: '7.2.4' })] });
    expect(found).toContain('versions-mixed');
    expect(found).not.toContain('server-too-old');
  });

  it('finds a master with more slots than the others, and a Cluster that is down', () => {
    const master = (address: string, slotCount: number) => ({ address, slotCount, replicaCount: 1 });
    const cluster = {
      info: new Map([['cluster_state', 'fail']]),
      masters: [master('a:1', 8000), master('b:1', 4192), master('c:1', 4192)],
    };
    expect(idsOf({ mode: 'cluster', cluster })).toEqual(['cluster-down', 'cluster-uneven']);
    expect(idsOf({ mode: 'cluster', cluster: null })).toEqual(['cluster-not-visible']);
  });

  it('finds one server under two names', () => {
    expect(idsOf({ nodes: [node('a:1', { run_id: 'x' }), node('b:1', { run_id: 'x' })] })).toContain(
      'server-listed-twice',
    );
  });

  it('finds traffic in the clear, except on this machine', () => {
    expect(idsOf({ nodes: [{ ...node('10.0.0.1:6379', {}), isEncrypted: false }] })).toContain('no-tls');
    expect(idsOf({ nodes: [{ ...node('127.0.0.1:6379', {}), isEncrypted: false }] })).not.toContain('no-tls');
  });
});
