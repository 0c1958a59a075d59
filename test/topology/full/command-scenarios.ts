import type { RedisProcess } from '../../../tools/redis-lab/redis-server.js';
import type { Scenario } from '../scenario.js';

/** What an operator, or a server in trouble, does by commands and answers. */
export const COMMAND_SCENARIOS: readonly Scenario[] = [
  {
    name: 'FAILOVER by hand with Sentinels at their usual pace',
    topology: { fast: false, downAfterMs: 3_000 },
    fault: async (lab) => {
      await lab.primary.cli('FAILOVER', 'TO', lab.replica.host, String(lab.replica.port), 'TIMEOUT', '5000');
      await lab.workload.whenServing();
      await lab.sleep(1_000);
    },
  },
  {
    name: 'SENTINEL FAILOVER with Sentinels at their usual pace',
    topology: { fast: false },
    fault: async (lab) => {
      await lab.topology.failover();
      // The old primary is demoted at the next INFO, up to ten seconds later.
      await lab.sleep(11_000);
    },
    expect: { failover: true },
  },
  {
    name: 'SENTINEL FAILOVER five times',
    fault: async (lab) => {
      for (let time = 0; time < 5; time++) {
        await lab.topology.failover();
        await lab.topology.whenStable(30_000);
      }
    },
    expect: { failover: true },
  },
  {
    name: 'SENTINEL FAILOVER during logins and logouts',
    workload: { steps: 1, pauseMs: 25 },
    fault: async (lab) => {
      await lab.topology.failover();
      await lab.sleep(2_000);
    },
    expect: { failover: true },
  },
  {
    name: 'REPLICAOF by hand',
    fault: async (lab) => {
      await lab.replica.cli('REPLICAOF', 'NO', 'ONE');
      await lab.primary.cli('REPLICAOF', lab.replica.host, String(lab.replica.port));
      await lab.workload.whenServing();
      await lab.sleep(1_000);
    },
  },
  {
    name: 'CLIENT PAUSE WRITE for 3 s',
    fault: async (lab) => {
      await lab.primary.cli('CLIENT', 'PAUSE', '3000', 'WRITE');
      await lab.sleep(4_000);
    },
  },
  {
    name: 'CLIENT PAUSE ALL for 700 ms',
    fault: async (lab) => {
      await lab.primary.cli('CLIENT', 'PAUSE', '700', 'ALL');
      await lab.sleep(1_500);
    },
    expect: { failover: false },
  },
  {
    name: 'LOADING for 3 s after a restart',
    topology: {
      persistence: true,
      downAfterMs: 8_000,
      // 1,000 keys, 3 ms each; the server answers LOADING in between.
      nodeConfig: ['loading-process-events-interval-bytes 1024'],
    },
    fault: async (lab) => {
      await lab.primary.cli('DEBUG', 'POPULATE', '1000', 'filler').catch(() => fill(lab.primary, 1_000));
      await lab.primary.cli('CONFIG', 'SET', 'key-load-delay', '3000');
      await lab.primary.cli('CONFIG', 'REWRITE');
      await lab.primary.cli('BGREWRITEAOF');
      await lab.sleep(1_000);
      await lab.primary.restart({ awaitReady: false });
      await lab.sleep(200);
      await lab.primary.cli('PING').then(
        () => Promise.reject(new Error('The server should be loading')),
        (error: unknown) => {
          if (!(error as Error).message.startsWith('LOADING')) throw error;
        },
      );
      await lab.sleep(4_000);
    },
    expect: { failover: false },
  },
  {
    name: 'NOREPLICAS while the replica is away for 3 s',
    topology: { nodeConfig: ['min-replicas-to-write 1', 'min-replicas-max-lag 1'] },
    fault: async (lab) => {
      await lab.replica.kill();
      await lab.sleep(3_000);
      await lab.replica.restart();
      await lab.topology.whenStable();
    },
    expect: { failover: false },
  },
  {
    name: 'OOM for a second',
    fault: async (lab) => {
      await lab.primary.cli('CONFIG', 'RESETSTAT');
      await lab.primary.cli('CONFIG', 'SET', 'maxmemory', '1');
      await lab.sleep(1_000);
      const calls = String(await lab.primary.cli('INFO', 'errorstats'));
      await lab.primary.cli('CONFIG', 'SET', 'maxmemory', '0');
      const errors = Number(/errorstat_OOM:count=(\d+)/.exec(calls)?.[1] ?? 0);
      // The users make some 300 requests in this second; a retry storm would be thousands.
      if (errors === 0 || errors > 1_000) throw new Error(`${errors} commands were answered OOM`);
    },
    expect: { failover: false, failures: /: 500 / },
  },
  {
    name: 'SCRIPT FLUSH every 50 ms',
    fault: async (lab) => {
      for (let flush = 0; flush < 40; flush++) {
        await lab.primary.cli('SCRIPT', 'FLUSH');
        await lab.sleep(50);
      }
    },
    expect: { failover: false },
  },
];

async function fill(server: RedisProcess, count: number): Promise<void> {
  const client = server.connect();
  try {
    const pipeline = client.pipeline();
    for (let key = 0; key < count; key++) pipeline.set(`filler:${key}`, 'x');
    await pipeline.exec();
  } finally {
    client.disconnect();
  }
}
