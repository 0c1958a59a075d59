import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ensurePrometheus } from '../../tools/machine.mjs';
import { ROOT } from './markdown.js';

const run = promisify(execFile);
const RULES = join(ROOT, 'docs/prometheus-alerts.yml');

/** A fault as the metrics show it, every five seconds, and the time after which its alert must fire and not before. */
interface Alarm {
  readonly alert: string;
  readonly series: Readonly<Record<string, string>>;
  readonly firesAfterSeconds: number;
}

const OF = 'application="portal"';
const HOURS = 1500;
const ALARMS: readonly Alarm[] = [
  {
    alert: 'SessionRedisLost',
    series: { [`session_redis_state{${OF},instance="a",state="lost"}`]: '1x100' },
    firesAfterSeconds: 15,
  },
  {
    alert: 'SessionOperationsFail',
    series: { [`session_operation_duration_seconds_count{${OF},outcome="deadline"}`]: '0+1x100' },
    firesAfterSeconds: 60,
  },
  {
    alert: 'SessionNoReplica',
    series: {
      [`session_redis_replicas{${OF}}`]: '0x100',
      [`session_redis_sentinels{${OF},state="known"}`]: '3x100',
    },
    firesAfterSeconds: 60,
  },
  {
    alert: 'SessionReplicaLags',
    series: { [`session_redis_replica_lag_bytes{${OF}}`]: '20000000x100' },
    firesAfterSeconds: 60,
  },
  { alert: 'SessionNoQuorum', series: { [`session_redis_sentinel_quorum{${OF}}`]: '0x100' }, firesAfterSeconds: 30 },
  {
    alert: 'SessionSentinelMissing',
    series: {
      [`session_redis_sentinels{${OF},state="known"}`]: '3x100',
      [`session_redis_sentinels{${OF},state="reachable"}`]: '2x100',
    },
    firesAfterSeconds: 120,
  },
  {
    alert: 'SessionMemoryFull',
    series: {
      [`session_redis_memory_used_bytes{${OF}}`]: '95x200',
      [`session_redis_memory_max_bytes{${OF}}`]: '100x200',
    },
    firesAfterSeconds: 300,
  },
  {
    alert: 'SessionMemoryFullSoon',
    // The clock of such a test begins at 1970.
    series: { [`session_memory_full_timestamp_seconds{${OF}}`]: `86400x${HOURS}` },
    firesAfterSeconds: 3600,
  },
  {
    alert: 'SessionLockTimeouts',
    series: { [`session_lock_wait_seconds_count{${OF},outcome="timeout"}`]: '0+1x200' },
    firesAfterSeconds: 300,
  },
];

/** When an alert fires and when it does not, as Prometheus's own rule tester evaluates the rules; resolves with its complaints. */
async function complaintsOf(
  { alert, series }: Omit<Alarm, 'firesAfterSeconds'>,
  firingAt: Readonly<Record<number, boolean>>,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ha-session-alerts-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const firing = `count(ALERTS{alertname="${alert}",alertstate="firing"}) or vector(0)`;
  const test = {
    rule_files: [RULES],
    evaluation_interval: '5s',
    tests: [
      {
        interval: '5s',
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        promql_expr_test: Object.entries(firingAt).map(([seconds, isFiring]) => ({
          expr: firing,
          eval_time: `${seconds}s`,
          exp_samples: [{ labels: '{}', value: isFiring ? 1 : 0 }],
        })),
      },
    ],
  };
  // JSON is YAML.
  await writeFile(join(folder, 'test.yml'), JSON.stringify(test));
  return run('promtool', ['test', 'rules', join(folder, 'test.yml')]).then(
    () => '',
    (error: unknown) => (error as { stdout: string }).stdout,
  );
}

beforeAll(async () => {
  const found = await ensurePrometheus();
  if (!found.found) throw new Error(found.hint);
});

describe('the alert rules, with their durations', () => {
  it.each(ALARMS)('wake nobody before $alert has lasted $firesAfterSeconds s, and somebody then', async (alarm) => {
    const { firesAfterSeconds } = alarm;
    // A rate needs two samples before it is one.
    const complaints = await complaintsOf(alarm, { [firesAfterSeconds - 5]: false, [firesAfterSeconds + 15]: true });
    expect(complaints).toBe('');
  });

  it('let a failover of a few seconds pass', async () => {
    const failover = {
      alert: 'SessionRedisLost',
      series: { [`session_redis_state{${OF},instance="a",state="lost"}`]: '0 1 1 0x20' },
    };
    expect(await complaintsOf(failover, { 10: false, 15: false, 20: false, 30: false })).toBe('');
  });
});
