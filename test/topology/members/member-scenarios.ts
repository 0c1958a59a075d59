import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startRedisServer } from '../../../tools/redis-lab/redis-server.js';
import { whyNoNetwork } from '../../../tools/redis-lab/network.js';
import type { FaultLab } from '../fault-lab.js';
import type { Scenario } from '../scenario.js';

/** `r2` is promoted first, whatever it has. */
const SECOND_FIRST = [[], ['replica-priority 10']] as const;

async function killWhileTheSecondLags(lab: FaultLab): Promise<void> {
  lab.network.cut(lab.hosts('n3'), lab.hosts('n1'));
  await lab.sleep(5_000);
  lab.network.heal();
  await lab.primary.kill();
  await lab.whenFailedOver();
  await lab.sleep(1_000);
}

/** A server that no Sentinel knows follows the primary; the replica that they know is cut off at once. */
async function joinAndCut(lab: FaultLab): Promise<void> {
  const host = lab.network.host('n9');
  const joined = await startRedisServer({
    host: host.ip,
    port: 6379,
    prefix: host.prefix,
    // Sentinel would find it soon, and promote it: it has everything.
    config: ['replica-priority 0'],
  });
  try {
    await joined.cli('REPLICAOF', lab.primary.host, String(lab.primary.port));
    while (((await joined.cli('ROLE')) as string[])[3] !== 'connected') await lab.sleep(2);
    lab.network.cut(lab.hosts('n2'), lab.hosts('n1'));
    await lab.sleep(250);
    await lab.primary.kill();
    lab.network.heal();
    await lab.whenFailedOver();
  } finally {
    await joined.stop();
  }
}

async function blockAgainAndAgain(lab: FaultLab, times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    lab.apps[0].tell({ type: 'block', ms: 500 });
    await lab.sleep(700);
  }
}

/** A directory where the snapshot is to be: as on a full disk, none can be stored. */
async function refuseSnapshots(lab: FaultLab): Promise<void> {
  const [, dir = ''] = (await lab.primary.cli('CONFIG', 'GET', 'dir')) as string[];
  const obstacle = join(dir, 'dump.rdb', 'full');
  rmSync(join(dir, 'dump.rdb'), { force: true });
  mkdirSync(obstacle, { recursive: true });
  await lab.primary.cli('CONFIG', 'SET', 'save', '3600 1000000');
  await lab.primary.cli('BGSAVE');
  await lab.sleep(1_500);
  rmSync(join(dir, 'dump.rdb'), { recursive: true });
  await lab.primary.cli('CONFIG', 'SET', 'save', '');
  await lab.primary.cli('BGSAVE');
}

async function restartAll(lab: FaultLab): Promise<void> {
  for (const server of [lab.replica, lab.primary]) {
    await server.restart();
    await lab.topology.whenStable(30_000);
    await lab.workload.whenServing();
  }
}

/** Faults of several replicas, of one that hangs, and of who can be asked. Where `network` is set, they need machines of their own. */
const ALL: readonly Scenario[] = [
  {
    name: 'the replica that is promoted first was cut off for 5 s, then kill -9 of the primary',
    network: true,
    topology: { replicas: 2, replicaConfigs: SECOND_FIRST },
    fault: killWhileTheSecondLags,
    // It may take what was acknowledged while degraded.
    expect: { failover: true, degraded: true, lost: 'degraded', staleReads: 'allowed', failures: /: 401 / },
  },
  {
    name: 'the same with replicated-strict: nothing is acknowledged that could be lost',
    network: true,
    durability: 'replicated-strict',
    topology: { replicas: 2, replicaConfigs: SECOND_FIRST },
    fault: async (lab) => {
      await killWhileTheSecondLags(lab);
      // Nothing is stored before the former primary is back: it could be promoted.
      await lab.repair();
    },
    expect: { failover: true, refused: 'allowed' },
  },
  {
    name: 'a replica joins, the one that Sentinel knows is cut off at once, then kill -9 of the primary',
    network: true,
    fault: joinAndCut,
    expect: { failover: true, lost: 'degraded', failures: /: 401 / },
  },
  {
    name: 'the event loop of one instance blocked again and again while the primary is cut from its replica and the Sentinels',
    network: true,
    fault: async (lab) => {
      lab.network.cut(lab.hosts('n1'), lab.hosts('n2', 's1', 's2', 's3'));
      await blockAgainAndAgain(lab, 8);
      await lab.whenFailedOver();
    },
    expect: { failover: true },
  },
  {
    name: 'an instance cut from the Sentinels only, then the primary from its replica and the Sentinels',
    network: true,
    redis: { operationTimeoutMs: 4_000 },
    fault: async (lab) => {
      lab.network.cut(lab.hosts('a1'), lab.hosts('s1', 's2', 's3'));
      await lab.sleep(1_000);
      lab.network.cut(lab.hosts('n1'), lab.hosts('n2', 's1', 's2', 's3'));
      await lab.whenFailedOver();
      await lab.sleep(4_000);
      lab.network.heal();
      await lab.topology.whenStable(30_000);
    },
    expect: { failover: true, refused: 'allowed' },
  },
  {
    name: 'one of two replicas frozen for a minute',
    topology: { replicas: 2, nodeConfig: ['repl-timeout 60'] },
    fault: async (lab) => {
      lab.replica.freeze();
      await lab.sleep(60_000);
      lab.replica.thaw();
      await lab.topology.whenStable(30_000);
    },
    expect: { failover: false, degraded: true, slowestMs: 4_000 },
  },
  {
    name: 'the only replica frozen for 20 s, and connected all the time',
    topology: { nodeConfig: ['repl-timeout 60'] },
    fault: async (lab) => {
      lab.replica.freeze();
      await lab.sleep(20_000);
      lab.replica.thaw();
      await lab.topology.whenStable(30_000);
    },
    expect: { failover: false, degraded: true, slowestMs: 4_000 },
  },
  {
    name: 'one of three Sentinels loses the primary while degraded',
    network: true,
    // Long enough that no other Sentinel finds it down for a busy machine's sake.
    topology: { downAfterMs: 3_000 },
    fault: async (lab) => {
      await lab.replica.kill();
      await lab.sleep(3_000);
      lab.network.cut(lab.hosts('s1'), lab.hosts('n1'));
      await lab.sleep(14_000);
      lab.network.heal();
      await lab.replica.restart();
      await lab.topology.whenStable(30_000);
    },
    expect: { failover: false, degraded: true, slowestMs: 6_000 },
  },
  {
    name: 'two of three Sentinels dead while the primary is cut from its replica only',
    network: true,
    // Long enough that no other Sentinel finds it down for a busy machine's sake.
    topology: { downAfterMs: 3_000 },
    fault: async (lab) => {
      await Promise.all([lab.sentinel(0).kill(), lab.sentinel(1).kill()]);
      lab.network.cut(lab.hosts('n1'), lab.hosts('n2'));
      await lab.sleep(12_000);
      lab.network.heal();
      await Promise.all([lab.sentinel(0).restart(), lab.sentinel(1).restart()]);
      await lab.topology.whenStable(30_000);
    },
    expect: { failover: false, degraded: true },
  },
  {
    name: 'two of three Sentinels dead while the replica is dead',
    redis: { operationTimeoutMs: 2_000 },
    fault: async (lab) => {
      await lab.replica.kill();
      await lab.sleep(2_000);
      await Promise.all([lab.sentinel(0).kill(), lab.sentinel(1).kill()]);
      await lab.sleep(6_000);
      await Promise.all([lab.sentinel(0).restart(), lab.sentinel(1).restart()]);
      await lab.replica.restart();
      await lab.topology.whenStable(30_000);
    },
    // Whether the replica is dead or elsewhere with two Sentinels, nobody can tell.
    expect: { failover: false, refused: 'required' },
  },
  {
    name: 'REPLICAOF NO ONE by mistake on one of two replicas',
    topology: { replicas: 2 },
    fault: async (lab) => {
      await lab.replica.cli('REPLICAOF', 'NO', 'ONE');
      await lab.sleep(10_000);
      await lab.topology.whenStable(40_000);
    },
    expect: { failover: false, degraded: true, slowestMs: 8_000 },
  },
  {
    name: 'a replica with priority 0 returns, the other is cut off at once, then kill -9 of the primary',
    network: true,
    topology: { replicas: 2, replicaConfigs: [[], ['replica-priority 0']] },
    fault: async (lab) => {
      const { ip } = lab.network.host('n3');
      const observer = lab.topology.nodes.find(({ host }) => host === ip) as typeof lab.primary;
      await observer.kill();
      await lab.sleep(2_000);
      await observer.restart();
      while (((await observer.cli('ROLE')) as string[])[3] !== 'connected') await lab.sleep(2);
      lab.network.cut(lab.hosts('n2'), lab.hosts('n1'));
      await lab.sleep(250);
      await lab.primary.kill();
      lab.network.heal();
      await lab.whenFailedOver();
    },
    expect: { failover: true, lost: 'degraded', failures: /: 401 / },
  },
  {
    name: 'disk full (MISCONF)',
    fault: refuseSnapshots,
    expect: { failover: false, failures: /: 500 / },
  },
  {
    name: 'a fifth of the packets between the primary and all others lost for 8 s',
    network: true,
    redis: { operationTimeoutMs: 20_000 },
    fault: async (lab) => {
      lab.network.disturb(lab.hosts('n1'), lab.hosts('n2', 's1', 's2', 's3', 'a1', 'a2'));
      await lab.sleep(8_000);
      lab.network.heal();
      await lab.topology.whenStable(40_000);
    },
    expect: { refused: 'allowed' },
  },
  {
    name: 'rolling restart of the replica and the primary, with persistence',
    topology: { persistence: true },
    fault: restartAll,
    expect: { failover: false },
  },
];

const noNetwork = whyNoNetwork();

/** Those that this machine can run. */
export const MEMBER_SCENARIOS: readonly Scenario[] = ALL.filter(({ network }) => !network || noNetwork === undefined);
if (noNetwork !== undefined)
  console.warn(`SKIPPED: ${ALL.length - MEMBER_SCENARIOS.length} faults of replicas that need a network: ${noNetwork}`);
