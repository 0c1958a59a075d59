import type { FaultLab } from '../fault-lab.js';
import type { Scenario } from '../scenario.js';

type NetworkFault = Omit<Scenario, 'network'>;

/** Faults of the network: `n1` is the primary, `n2` the replica, `s1` … `s3` the Sentinels, `a1` and `a2` the instances. */
const FAULTS: readonly NetworkFault[] = [
  {
    name: 'the primary isolated',
    fault: async (lab) => {
      lab.network.isolate(lab.hosts('n1'));
      await lab.whenFailedOver();
    },
    expect: { failover: true },
  },
  {
    name: 'the primary isolated and back',
    fault: async (lab) => {
      lab.network.isolate(lab.hosts('n1'));
      await lab.whenFailedOver();
      await lab.workload.whenServing();
      lab.network.heal();
      await lab.topology.whenStable();
      await lab.sleep(1_000);
    },
    expect: { failover: true },
  },
  {
    name: 'the primary isolated for 700 ms',
    fault: (lab) => cutFor(lab, 700, () => lab.network.isolate(lab.hosts('n1'))),
    expect: { failover: false },
  },
  {
    name: 'an instance in the minority with the old primary and one Sentinel',
    redis: { operationTimeoutMs: 3_000 },
    fault: async (lab) => {
      lab.network.cut(lab.hosts('n1', 's1', 'a1'), lab.hosts('n2', 's2', 's3', 'a2'));
      await lab.whenFailedOver();
      await lab.workload.whenServing([lab.apps[1]]);
      await lab.sleep(5_000);
      lab.network.heal();
      await lab.topology.whenStable();
    },
    // The old primary believes in its replica until `repl-timeout`: so long the instance in the minority reads what it has, and
    // does not know a session that began elsewhere.
    expect: { refused: 'required', failover: true, staleReads: 'allowed', failures: /^a1 .*: 401 / },
  },
  {
    name: 'the primary cut from its replica and the Sentinels only',
    fault: async (lab) => {
      lab.network.cut(lab.hosts('n1'), lab.hosts('n2', 's1', 's2', 's3'));
      await lab.whenFailedOver();
      await lab.sleep(2_000);
    },
    expect: { failover: true },
  },
  {
    name: 'the primary cut from the Sentinels only',
    fault: async (lab) => {
      lab.network.cut(lab.hosts('n1'), lab.hosts('s1', 's2', 's3'));
      await lab.whenFailedOver();
      await lab.sleep(2_000);
    },
    expect: { failover: true },
  },
  {
    name: 'the primary cut from its replica only',
    fault: (lab) => cutFor(lab, 4_000, () => lab.network.cut(lab.hosts('n1'), lab.hosts('n2'))),
    expect: { failover: false, degraded: true },
  },
  {
    name: 'one-way: what the instances send does not reach the primary',
    redis: { operationTimeoutMs: 3_000 },
    fault: (lab) => cutFor(lab, 5_000, () => lab.network.cutOneWay(lab.hosts('a1', 'a2'), lab.hosts('n1'))),
    expect: { refused: 'allowed', failover: false },
  },
  {
    name: 'one-way: what the primary sends does not reach the instances',
    redis: { operationTimeoutMs: 3_000 },
    fault: (lab) => cutFor(lab, 5_000, () => lab.network.cutOneWay(lab.hosts('n1'), lab.hosts('a1', 'a2'))),
    expect: { refused: 'allowed', failover: false },
  },
  {
    name: 'one-way: nothing of what the primary sends arrives anywhere',
    fault: async (lab) => {
      lab.network.cutOneWay(lab.hosts('n1'), lab.hosts('n2', 's1', 's2', 's3', 'a1', 'a2'));
      await lab.whenFailedOver();
      await lab.sleep(1_000);
    },
    expect: { failover: true },
  },
  {
    name: 'one-way: the primary hears nobody',
    fault: async (lab) => {
      lab.network.cutOneWay(lab.hosts('n2', 's1', 's2', 's3', 'a1', 'a2'), lab.hosts('n1'));
      await lab.whenFailedOver();
      await lab.sleep(1_000);
    },
    expect: { failover: true },
  },
  {
    name: 'an instance cut off from everything, then back',
    redis: { operationTimeoutMs: 2_000 },
    fault: (lab) => cutFor(lab, 4_000, () => lab.network.isolate(lab.hosts('a1'))),
    expect: { refused: 'required', failover: false },
  },
  {
    name: 'an instance cut from all Sentinels, then kill -9 of the primary',
    fault: async (lab) => {
      lab.network.cut(lab.hosts('a1'), lab.hosts('s1', 's2', 's3'));
      await lab.sleep(1_000);
      await lab.primary.kill();
      await lab.whenFailedOver();
      lab.network.heal();
    },
    expect: { failover: true },
  },
  {
    name: 'a Sentinel cut from the others keeps its stale view while the old primary returns',
    fault: async (lab) => {
      lab.network.cut(lab.hosts('s3'), lab.hosts('s1', 's2', 'n2'));
      await lab.primary.kill();
      await lab.whenFailedOver();
      await lab.primary.restart();
      await lab.sleep(3_000);
    },
    expect: { failover: true },
  },
  {
    name: 'a black-holed Sentinel, then the primary isolated',
    fault: async (lab) => {
      lab.network.isolate(lab.hosts('s1', 'n1'));
      await lab.whenFailedOver();
    },
    expect: { failover: true },
  },
];

/** All of them need machines of their own. */
export const NETWORK_SCENARIOS: readonly Scenario[] = FAULTS.map((fault) => ({ ...fault, network: true }));

async function cutFor(lab: FaultLab, ms: number, cut: () => void): Promise<void> {
  cut();
  await lab.sleep(ms);
  lab.network.heal();
}
