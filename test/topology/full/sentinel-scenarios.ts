import { pollUntil } from '../../../tools/redis-lab/poll.js';
import { startRedisServer } from '../../../tools/redis-lab/redis-server.js';
import { aclLines, PASSWORD } from '../../support/acl-lists.js';
import type { FaultLab } from '../fault-lab.js';
import type { Scenario } from '../scenario.js';

/** A second group of servers that the same Sentinels watch, and one failover of it. */
async function failOverAnotherGroup(lab: FaultLab): Promise<void> {
  const primary = await startRedisServer();
  const replica = await startRedisServer({
    config: [`replicaof ${primary.host} ${primary.port}`, 'repl-ping-replica-period 1'],
  });
  const isSwitched = async (): Promise<boolean> => {
    const [host, port] = (await lab.sentinel(0).cli('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'another')) as string[];
    return `${host}:${port}` === replica.address;
  };
  try {
    for (const sentinel of lab.topology.sentinels) {
      await sentinel.cli('SENTINEL', 'MONITOR', 'another', primary.host, String(primary.port), '2');
      await sentinel.cli('SENTINEL', 'SET', 'another', 'down-after-milliseconds', '1000');
      // Three Sentinels that notice at the same moment vote each for itself, and try again after twice this time: not six minutes.
      await sentinel.cli('SENTINEL', 'SET', 'another', 'failover-timeout', '2500');
    }
    await lab.sleep(2_000);
    await primary.kill();
    await pollUntil('the failover of the other group', isSwitched, { timeoutMs: 30_000 });
    await lab.sleep(1_000);
    for (const sentinel of lab.topology.sentinels) await sentinel.cli('SENTINEL', 'REMOVE', 'another');
  } finally {
    await Promise.all([primary.stop(), replica.stop()]);
  }
}

/** Faults of the Sentinels, by signals and commands. */
export const SENTINEL_SCENARIOS: readonly Scenario[] = [
  {
    name: 'all Sentinels dead, then kill -9 of the primary, and they return',
    redis: { operationTimeoutMs: 2_000 },
    fault: async (lab) => {
      await Promise.all(lab.topology.sentinels.map((sentinel) => sentinel.kill()));
      await lab.sleep(500);
      await lab.primary.kill();
      await lab.sleep(4_000);
      await Promise.all(lab.topology.sentinels.map((sentinel) => sentinel.restart()));
      await lab.whenFailedOver();
    },
    expect: { refused: 'required', failover: true },
  },
  {
    name: 'all Sentinels dead while the primary lives',
    fault: async (lab) => {
      await Promise.all(lab.topology.sentinels.map((sentinel) => sentinel.kill()));
      await lab.sleep(3_000);
      await lab.workload.whenServing();
      await Promise.all(lab.topology.sentinels.map((sentinel) => sentinel.restart()));
      await lab.topology.whenStable();
    },
    expect: { failover: false, degraded: false },
  },
  {
    name: 'two of three Sentinels dead, then the primary frozen, and they return',
    redis: { operationTimeoutMs: 2_000 },
    fault: async (lab) => {
      await Promise.all([lab.sentinel(0).kill(), lab.sentinel(1).kill()]);
      lab.primary.freeze();
      await lab.sleep(4_000);
      await Promise.all([lab.sentinel(0).restart(), lab.sentinel(1).restart()]);
      await lab.whenFailedOver();
    },
    expect: { refused: 'required', failover: true },
  },
  {
    name: 'a Sentinel that slept through the failover wakes with a stale view',
    fault: async (lab) => {
      lab.sentinel(2).freeze();
      await lab.primary.kill();
      await lab.whenFailedOver();
      await lab.primary.restart();
      lab.sentinel(2).thaw();
      await lab.topology.whenStable();
    },
    expect: { failover: true },
  },
  {
    name: "another group's failover on the same Sentinels",
    fault: failOverAnotherGroup,
    expect: { failover: false },
    also: (lab) => {
      const lost = lab.apps.flatMap((app) => app.linkEvents.filter(({ event }) => event === 'lost'));
      if (lost.length > 0) throw new Error('The link left a primary that was none of the other group');
    },
  },
  {
    name: 'a missed +switch-master',
    fault: async (lab) => {
      await lab.primary.kill();
      const switched = lab.whenFailedOver();
      let isOver = false;
      void switched.finally(() => (isOver = true));
      while (!isOver) {
        await Promise.all(lab.topology.sentinels.map((sentinel) => sentinel.cli('CLIENT', 'KILL', 'TYPE', 'pubsub')));
        await lab.sleep(20);
      }
      await switched;
    },
    expect: { failover: true },
  },
  {
    name: 'the Sentinels restart one after the other',
    fault: async (lab) => {
      for (const sentinel of lab.topology.sentinels) {
        await sentinel.restart();
        await lab.sleep(700);
      }
      await lab.topology.whenStable();
      await lab.primary.kill();
      await lab.whenFailedOver();
    },
    expect: { failover: true },
  },
  {
    name: 'TLS and ACL users on data nodes and Sentinels: kill -9',
    topology: {
      tls: true,
      nodeAuth: { username: 'nodes', password: 'secret-of-the-nodes' },
      sentinelAuth: { username: 'watchers', password: 'secret-of-the-sentinels' },
    },
    fault: async (lab) => {
      await lab.primary.kill();
      await lab.whenFailedOver();
    },
    expect: { failover: true },
  },
  {
    name: "an application's user with the least rights: SENTINEL FAILOVER",
    topology: {
      nodeConfig: aclLines('application', 'fault-lab'),
      sentinelConfig: [
        // No subscriptions and no old spelling of REPLICAS: what Sentinel's documentation suggests for clients.
        'user viewer on >password -@all +auth +client|getname +client|id +client|setname +command +hello +ping +role +sentinel|get-master-addr-by-name +sentinel|master +sentinel|myid +sentinel|replicas +sentinel|sentinels',
      ],
    },
    redis: { username: 'portal', password: PASSWORD, sentinelUsername: 'viewer', sentinelPassword: 'password' },
    fault: async (lab) => {
      await lab.topology.failover();
      await lab.sleep(2_000);
    },
    expect: { failover: true },
  },
  {
    name: 'a user who may ask the data nodes neither INFO nor ROLE: kill -9',
    topology: {
      nodeConfig: ['user portal on >password ~{fault-lab:* &* +@all -info -role -@dangerous'],
    },
    redis: { username: 'portal', password: 'password' },
    fault: async (lab) => {
      await lab.primary.kill();
      await lab.whenFailedOver();
    },
    expect: { failover: true },
  },
];
