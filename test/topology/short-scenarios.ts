import type { Scenario } from './scenario.js';

/** The faults that every `npm test` causes; signals and commands, no root needed. */
export const SHORT_SCENARIOS: readonly Scenario[] = [
  {
    name: 'kill -9 of the primary',
    fault: async (lab) => {
      await lab.primary.kill();
      await lab.whenFailedOver();
    },
    expect: { failover: true },
  },
  {
    name: 'the primary frozen for good',
    fault: async (lab) => {
      lab.primary.freeze();
      await lab.whenFailedOver();
    },
    expect: { failover: true },
  },
  {
    name: 'the primary frozen, failed over and thawed',
    fault: async (lab) => {
      lab.primary.freeze();
      await lab.whenFailedOver();
      await lab.workload.whenServing();
      lab.primary.thaw();
      await lab.sleep(2_000);
    },
    expect: { failover: true },
  },
  {
    name: 'SENTINEL FAILOVER under load',
    fault: async (lab) => {
      await lab.topology.failover();
      await lab.sleep(2_000);
    },
    expect: { failover: true },
  },
  {
    name: 'FAILOVER by hand',
    fault: async (lab) => {
      await lab.primary.cli('FAILOVER', 'TO', lab.replica.host, String(lab.replica.port), 'TIMEOUT', '5000');
      await lab.whenFailedOver();
    },
    expect: { failover: true },
  },
  {
    name: 'the replica dies and returns',
    fault: async (lab) => {
      await lab.replica.kill();
      await lab.sleep(2_500);
      await lab.replica.restart();
      await lab.topology.whenStable();
      await lab.sleep(500);
    },
    expect: { failover: false, degraded: true },
  },
  {
    name: 'the first Sentinel frozen, then kill -9 of the primary',
    fault: async (lab) => {
      lab.sentinel(0).freeze();
      await lab.primary.kill();
      await lab.whenFailedOver();
    },
    expect: { failover: true },
  },
];
