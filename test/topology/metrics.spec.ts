import { readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { Controller, Get, Header, Module } from '@nestjs/common';
import { Registry } from 'prom-client';
import { expect, it, onTestFinished } from 'vitest';
import { SESSION_OBSERVERS, SESSION_REPOSITORY } from '../../lib/core/session.tokens.js';
import type { SessionChange } from '../../lib/core/session-record.js';
import { SessionLockTimeoutError } from '../../lib/errors/session-lock.error.js';
import { SessionMetricsModule } from '../../lib/metrics/index.js';
import { SessionModule, SessionStats } from '../../lib/index.js';
import { resolveStoreOptions } from '../../lib/options/resolve-session-options.js';
import { createSessionLink } from '../../lib/redis/link/redis-link.factory.js';
import { SessionLocks } from '../../lib/store/session-locks.js';
import { createRedisProbe, createRedisRepository } from '../../lib/store/session-repository.factory.js';
import type { SessionRepository } from '../../lib/store/session-repository.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startSentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { SECRET, startHttpApp } from '../support/http-app.js';
import { startPrometheus } from '../support/prometheus-server.js';

const HOUR_MS = 3_600_000;
const read = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

/** What a forecast of three days needs no test can wait for. */
const NEVER_HERE = ['session_memory_full_timestamp_seconds'];

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets?: readonly { readonly expr: string }[] }[];
}

/** The dashboard's queries, with its variables as a user would have them. */
function dashboardQueries(): { title: string; expr: string }[] {
  const { panels } = JSON.parse(read('grafana-dashboard.json')) as Dashboard;
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      title,
      expr: expr.replaceAll('$application', '.*').replaceAll('$__rate_interval', '10s'),
    })),
  );
}

const change = (userId: string | null): SessionChange => ({
  set: new Map([['a', '1']]),
  remove: [],
  cookie: undefined,
  userId,
  length: 10,
  idleTimeoutMs: HOUR_MS,
  isSignIn: userId !== null,
  keepsUser: false,
});

/** Begins and ends sessions until it is stopped, and counts for itself what was acknowledged. */
function startLoad(repository: SessionRepository, before: readonly string[]) {
  const tally = { created: before.length, logout: 0, revoked: 0, errors: [] as unknown[] };
  const live = new Set(before);
  let isStopped = false;
  const run = async (worker: number): Promise<void> => {
    for (let round = 0; !isStopped; round++) {
      const sid = randomUUID();
      try {
        const created = await repository.records.create(sid, change(round % 2 === 0 ? `user-${worker}` : null));
        if (created.outcome === 'created') tally.created++;
        live.add(sid);
        await repository.records.commit(sid, { ...change(round % 2 === 0 ? `user-${worker}` : null), isSignIn: false });
        if (round % 3 === 0) {
          if ((await repository.records.destroy(sid)) === 'destroyed') tally.logout++;
          live.delete(sid);
        } else if (round % 3 === 1) {
          const stored = await repository.records.load(sid);
          if (stored && (await repository.endings.destroyStored(stored.id)) === 'destroyed') tally.revoked++;
          live.delete(sid);
        }
      } catch (error) {
        tally.errors.push(error);
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const workers = Array.from({ length: 8 }, (_, worker) => run(worker));
  return {
    tally,
    live,
    async stop() {
      isStopped = true;
      await Promise.all(workers);
    },
  };
}

it(
  'numbers agree to the session with an independent count through a failover, and each alert and each query of the dashboard sees it',
  { timeout: 120_000 },
  async () => {
    const topology = await startSentinelTopology({ replicas: 1, nodeConfig: ['maxmemory 256mb'] });
    onTestFinished(() => topology.stop());
    await topology.whenStable();
    // The first sample of the elected instance shall have something to measure.
    const { redis } = resolveStoreOptions({ application: 'metrics', redis: topology.redisOptions });
    const link = createSessionLink(redis, createRedisProbe({ application: 'metrics', redis }));
    onTestFinished(() => link.close());
    const earlier = createRedisRepository(link, {
      application: 'metrics',
      absoluteTimeoutMs: null,
      userLimit: null,
      nearCache: null,
      hashUserIds: null,
      redis,
    });
    const before = Array.from({ length: 20 }, () => randomUUID());
    for (const sid of before) await earlier.records.create(sid, change(null));
    const registry = new Registry();

    @Controller()
    class MetricsController {
      @Get('metrics')
      @Header('Content-Type', registry.contentType)
      metrics(): Promise<string> {
        return registry.metrics();
      }
    }

    const sessions = SessionModule.forRoot({
      application: 'metrics',
      secret: SECRET,
      redis: topology.redisOptions,
      nearCache: true,
      exclude: ['metrics'],
    });
    const metrics = SessionMetricsModule.forRoot({ prometheus: { registry } });
    @Module({ imports: [sessions, metrics] })
    class Observed {}
    const { app, url } = await startHttpApp({
      modules: [{ module: Observed }],
      controllers: [MetricsController],
    });
    const prometheus = await startPrometheus(
      [new URL(url).host],
      read('prometheus-alerts.yml').replaceAll(/^ +for: .*\n/gm, ''),
    );
    onTestFinished(() => prometheus.stop());

    const stats = app.get(SessionStats);
    const repository = app.get<SessionRepository>(SESSION_REPOSITORY);
    const startedAt = Date.now();
    const load = startLoad(repository, before);
    onTestFinished(() => load.stop());
    await pollUntil('the first sample', async () => (await stats.snapshot()).users !== null, { timeoutMs: 15_000 });
    /** Waits until Prometheus has seen this. */
    const scraped = (expression: string) =>
      pollUntil(
        expression,
        async () => (await prometheus.query(expression, Date.now() - 3000, Date.now())).length > 0,
        { timeoutMs: 30_000 },
      );
    await scraped('session_redis_replica_lag_bytes >= 0 and session_bytes > 0');
    // A lock that somebody has, and one who waits for it in vain.
    const locks = new SessionLocks(repository.locks, 200, 0, app.get(SESSION_OBSERVERS));
    const { release } = await locks.acquire('locked');
    await expect(locks.acquire('locked')).rejects.toThrow(SessionLockTimeoutError);
    await release();
    await scraped('session_lock_wait_seconds_count{outcome="timeout"} == 1');
    const former = await topology.primary();
    const seen = load.tally.created;
    const killedAt = Date.now();
    await former.kill();
    await pollUntil('work after the failover', () => load.tally.created > seen + 100, { timeoutMs: 30_000 });
    await scraped('session_redis_failovers_total == 1 and session_redis_replicas == 0');
    await load.stop();

    // The checker's own count, what the server holds, the statistics and the metrics.
    expect(load.tally.errors).toEqual([]);
    const { live, authenticated, total } = await stats.snapshot();
    const { ended } = total;
    expect({ live, created: total.created, logout: ended.logout, revoked: ended.revoked }).toEqual({
      live: load.live.size,
      created: load.tally.created,
      logout: load.tally.logout,
      revoked: load.tally.revoked,
    });
    const primary = await topology.primary();
    const keys = (await primary.cli('keys', '{metrics:0}:s:*')) as string[];
    expect(keys).toHaveLength(live);
    const withUser = await Promise.all([...load.live].map(async (sid) => (await repository.records.load(sid))?.userId));
    expect(withUser.filter((userId) => userId).length).toBe(authenticated);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const text = await registry.metrics();
    const valueOf = (name: string): number => Number(new RegExp(`^${name}\\{[^}]*\\} (.+)$`, 'm').exec(text)?.[1]);
    expect(valueOf('session_created_total')).toBe(load.tally.created);
    expect(valueOf('session_redis_failovers_total')).toBe(1);
    expect(valueOf('session_redis_acknowledged_alone_total')).toBeGreaterThan(0);
    expect(valueOf('session_redis_degraded_seconds_total')).toBeGreaterThan(0);
    expect(valueOf('session_redis_lost_seconds_total')).toBeGreaterThan(0);
    // No id, no user: what labels hold is known beforehand.
    expect(text).not.toMatch(/user-\d/);
    expect(text.split('\n').length).toBeLessThan(1500);

    await scraped(`session_created_total == ${load.tally.created}`);
    const endedAt = Date.now();
    const empty: string[] = [];
    for (const { title, expr } of dashboardQueries()) {
      const series = await prometheus.query(expr, startedAt, endedAt);
      const isNumber = series.some(({ values }) => values.some(([, value]) => value !== 'NaN'));
      if (!isNumber && !NEVER_HERE.some((name) => expr.includes(name))) empty.push(`${title}: ${expr}`);
    }
    expect(empty).toEqual([]);

    const rules = await prometheus.rules();
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    const alerts = await prometheus.query('ALERTS{alertstate="firing"}', startedAt, endedAt);
    const firing = new Set(alerts.map(({ metric }) => metric['alertname']));
    expect([...firing].sort()).toEqual(
      expect.arrayContaining([
        'SessionAcknowledgedAlone',
        'SessionFailover',
        'SessionLockTimeouts',
        'SessionNoReplica',
        'SessionRedisLost',
      ]),
    );
    for (const quiet of ['SessionMemoryFull', 'SessionWritesLost', 'SessionUndecodable', 'SessionOperationsFail']) {
      expect(firing).not.toContain(quiet);
    }
    const early = await prometheus.query('ALERTS{alertstate="firing"}', startedAt, killedAt);
    // The lock that was waited for in vain is all that was wrong until then.
    const names = early.map(({ metric }) => metric['alertname']);
    expect(names.filter((name) => name !== 'SessionLockTimeouts')).toEqual([]);
  },
);
