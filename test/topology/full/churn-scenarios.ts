import { pollUntil } from '../../../tools/redis-lab/poll.js';
import type { RedisProcess } from '../../../tools/redis-lab/redis-server.js';
import { toRecord } from '../../../tools/redis-lab/sentinel-topology.js';
import type { FaultLab } from '../fault-lab.js';
import type { Scenario } from '../scenario.js';

/** Makes the Sentinels that run forget all others and all replicas, and waits until they have found those that are there. */
async function resetSentinels(lab: FaultLab): Promise<void> {
  const { topology } = lab;
  // One after the other, as Redis's documentation asks for.
  for (const sentinel of topology.sentinels) {
    await sentinel.cli('SENTINEL', 'RESET', topology.name);
    await pollUntil('the others and the replicas to be found again', async () => {
      const fields = toRecord(await sentinel.cli('SENTINEL', 'MASTER', topology.name));
      const isComplete = Number(fields['num-other-sentinels']) === topology.sentinels.length - 1;
      return isComplete && Number(fields['num-slaves']) === topology.nodes.length - 1;
    });
  }
}

/** Starts as many Sentinels as there are, kills the former ones, and makes the new ones forget them. */
async function replaceAllSentinels(lab: FaultLab): Promise<void> {
  const former = [...lab.topology.sentinels];
  await Promise.all(former.map((sentinel) => lab.topology.retire(sentinel)));
  // They know nobody: the address of the primary comes from the node itself.
  const primary = await pollUntil('the primary', () => primaryOf(lab));
  await Promise.all(former.map(() => lab.topology.addSentinel(primary)));
  await lab.topology.whenStable();
}

async function primaryOf(lab: FaultLab): Promise<RedisProcess | undefined> {
  for (const node of lab.topology.nodes) {
    if (((await node.cli('ROLE')) as [string])[0] === 'master') return node;
  }
  return undefined;
}

async function killPrimary(lab: FaultLab): Promise<void> {
  await lab.topology.whenStable();
  const primary = await lab.topology.primary();
  await primary.kill();
  await lab.whenFailedOver(primary);
}

/** A planned failover once nothing is degraded any more. */
async function failOver(lab: FaultLab): Promise<void> {
  await lab.topology.whenStable();
  await pollUntil('both instances to replicate', () =>
    lab.apps.every((app) => {
      const last = app.linkEvents.filter(({ event }) => event === 'degraded' || event === 'recovered').at(-1);
      return last?.event !== 'degraded';
    }),
  );
  await lab.topology.failover();
  await lab.topology.whenStable(30_000);
}

/** Nodes and Sentinels that come and go while users are there. Those with `network` need root. */
export const CHURN_SCENARIOS: readonly Scenario[] = [
  {
    name: 'churn: all Sentinels replaced one by one, then kill -9 of the primary',
    fault: async (lab) => {
      for (const sentinel of [...lab.topology.sentinels]) {
        await lab.topology.addSentinel();
        await lab.topology.retire(sentinel);
        await resetSentinels(lab);
      }
      await killPrimary(lab);
    },
    expect: { failover: true },
  },
  {
    name: 'churn: all Sentinels replaced at once, twice, behind one name: their epochs start anew; then kill -9 of the primary',
    network: true,
    names: { 'sentinels.lab': ['s1', 's2', 's3'] },
    redis: { sentinels: [{ host: 'sentinels.lab', port: 26379 }] },
    fault: async (lab) => {
      await failOver(lab);
      for (const names of [
        ['s4', 's5', 's6'],
        ['s7', 's8', 's9'],
      ]) {
        lab.network.setName('sentinels.lab', lab.hosts(...names));
        await replaceAllSentinels(lab);
      }
      await killPrimary(lab);
    },
    expect: {},
  },
  {
    name: 'churn: two Sentinels replaced twice beside one that stays, then the replica dies',
    fault: async (lab) => {
      for (let generation = 0; generation < 2; generation++) {
        for (const sentinel of lab.topology.sentinels.slice(1)) await lab.topology.retire(sentinel);
        await lab.topology.addSentinel();
        await lab.topology.addSentinel();
        await resetSentinels(lab);
      }
      await lab.replica.kill();
      await lab.sleep(4_000);
      await lab.workload.whenServing();
    },
    expect: { failover: false, degraded: true },
  },
  {
    name: 'churn: SENTINEL REMOVE, MONITOR and SET on all Sentinels, then on one after the other',
    fault: async (lab) => {
      const { topology, primary } = lab;
      const monitor = async (sentinel: RedisProcess): Promise<void> => {
        await sentinel.cli('SENTINEL', 'MONITOR', topology.name, primary.host, String(primary.port), '2');
        await sentinel.cli('SENTINEL', 'SET', topology.name, 'down-after-milliseconds', '12000');
        await sentinel.cli('SENTINEL', 'SET', topology.name, 'failover-timeout', '2500');
      };
      await Promise.all(topology.sentinels.map((sentinel) => sentinel.cli('SENTINEL', 'REMOVE', topology.name)));
      await lab.sleep(3_000);
      await Promise.all(topology.sentinels.map(monitor));
      await topology.whenStable();
      for (const sentinel of topology.sentinels) {
        await sentinel.cli('SENTINEL', 'REMOVE', topology.name);
        await lab.sleep(700);
        await monitor(sentinel);
      }
      await topology.whenStable();
      await lab.sleep(1_000);
    },
    expect: { failover: false, degraded: false },
  },
  {
    name: 'churn: a replica added, the former one retired and forgotten by SENTINEL RESET, then kill -9 of the primary',
    fault: async (lab) => {
      await lab.topology.addReplica();
      await lab.topology.whenStable(30_000);
      await lab.topology.retire(lab.replica);
      await resetSentinels(lab);
      await killPrimary(lab);
    },
    expect: { failover: true },
  },
  {
    name: 'churn: a replica retired without SENTINEL RESET: degraded until it is forgotten',
    topology: { replicas: 2 },
    fault: async (lab) => {
      await lab.topology.retire(lab.topology.nodes[2] as RedisProcess);
      await lab.sleep(4_000);
      await lab.workload.whenServing();
      await resetSentinels(lab);
      await lab.sleep(1_000);
    },
    expect: { failover: false },
  },
  {
    name: 'churn: every node moves to another address, one after the other',
    fault: async (lab) => {
      await lab.topology.retire(lab.replica);
      await lab.topology.addReplica();
      await resetSentinels(lab);
      await failOver(lab);
      await lab.topology.retire(lab.primary);
      await lab.topology.addReplica();
      await resetSentinels(lab);
      await lab.topology.whenStable(30_000);
    },
    expect: { failover: true },
  },
  {
    name: 'churn: all by host names that Sentinels resolve and announce: failover there and back, kill -9',
    network: true,
    hostNames: true,
    fault: async (lab) => {
      await failOver(lab);
      await failOver(lab);
      await killPrimary(lab);
    },
    expect: { failover: true },
  },
  {
    name: 'churn: one server under two names, then all Sentinels dead',
    topology: {
      monitorHost: 'localhost',
      sentinelConfig: ['sentinel resolve-hostnames yes', 'sentinel announce-hostnames yes'],
    },
    fault: async (lab) => {
      // Once: at a second one Redis's Sentinel makes such a node a replica of itself.
      await failOver(lab);
      await lab.sleep(3_000);
      const dead = [...lab.topology.sentinels];
      await Promise.all(dead.map((sentinel) => sentinel.kill()));
      await lab.sleep(3_000);
      await lab.workload.whenServing();
      await Promise.all(dead.map((sentinel) => sentinel.restart()));
    },
    expect: {},
  },
  {
    name: 'churn: a password rotated by two passwords of one ACL user, with a failover before the old one goes',
    topology: { nodeAuth: { username: 'nodes', password: 'the-old-password' } },
    fault: async (lab) => {
      const { topology } = lab;
      for (const node of topology.nodes) await node.cli('ACL', 'SETUSER', 'nodes', '>the-new-password');
      for (const node of topology.nodes) await node.cli('CONFIG', 'SET', 'masterauth', 'the-new-password');
      for (const sentinel of topology.sentinels)
        await sentinel.cli('SENTINEL', 'SET', topology.name, 'auth-pass', 'the-new-password');
      await failOver(lab);
    },
    expect: { failover: true },
  },
  {
    name: 'churn: all nodes restarted one after the other for an upgrade, with persistence',
    topology: { persistence: true, downAfterMs: 3_000 },
    fault: async (lab) => {
      await lab.replica.restart();
      await lab.topology.whenStable(30_000);
      await failOver(lab);
      await lab.primary.restart();
      await lab.topology.whenStable(30_000);
    },
    expect: { failover: true },
  },
];
