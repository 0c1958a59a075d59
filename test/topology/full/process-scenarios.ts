import type { FaultLab } from '../fault-lab.js';
import type { Scenario } from '../scenario.js';

/** Faults of the Redis processes, by signals alone. */
export const PROCESS_SCENARIOS: readonly Scenario[] = [
  {
    name: 'kill -9 with Sentinels at their usual pace',
    topology: { fast: false },
    fault: async (lab) => {
      await lab.primary.kill();
      await lab.whenFailedOver();
    },
    expect: { failover: true },
  },
  {
    name: 'kill -9, and the old primary returns under load',
    fault: async (lab) => {
      await lab.primary.kill();
      await lab.whenFailedOver();
      await lab.primary.restart();
      await lab.topology.whenStable();
      await lab.sleep(1_000);
    },
    expect: { failover: true },
  },
  {
    name: 'restart before down-after, with persistence',
    topology: { persistence: true },
    fault: (lab) => lab.primary.restart(),
    expect: { failover: false },
  },
  {
    name: 'restart before down-after, without persistence (cannot be saved)',
    fault: async (lab) => {
      await lab.primary.restart();
      await lab.sleep(1_000);
    },
    expect: { lost: 'documented', failover: false },
    // Users are signed out, and nothing worse: no 503 for ever, no crash, and the operator is told.
    also: (lab) => {
      for (const app of lab.apps) {
        if (
          !app.linkEvents.some(({ event, payload }) => event === 'ready' && 'restarted' in payload && payload.restarted)
        )
          throw new Error(`${app.name} did not say that the primary was restarted`);
      }
    },
  },
  {
    name: 'a blip of 1.2 s',
    fault: (lab) => freezeFor(lab, 1_200),
    expect: { failover: false },
  },
  {
    name: 'five blips of 300 ms',
    fault: async (lab) => {
      for (let blip = 0; blip < 5; blip++) {
        await freezeFor(lab, 300);
        await lab.sleep(300);
      }
    },
    expect: { failover: false },
  },
  {
    name: 'a CLIENT KILL storm',
    fault: async (lab) => {
      for (let strike = 0; strike < 40; strike++) {
        await lab.primary.cli('CLIENT', 'KILL', 'TYPE', 'normal');
        await lab.sleep(50);
      }
    },
    expect: { failover: false },
  },
  {
    name: 'the replica frozen and thawed',
    fault: async (lab) => {
      lab.replica.freeze();
      await lab.sleep(3_000);
      lab.replica.thaw();
      await lab.topology.whenStable();
    },
    expect: { failover: false, degraded: true },
  },
  {
    name: 'one of two replicas dies and returns',
    topology: { replicas: 2 },
    fault: async (lab) => {
      await lab.replica.kill();
      await lab.sleep(2_000);
      await lab.replica.restart();
      await lab.topology.whenStable();
    },
    expect: { failover: false },
  },
  {
    name: 'kill -9 of the primary of two replicas',
    topology: { replicas: 2 },
    fault: async (lab) => {
      await lab.primary.kill();
      await lab.whenFailedOver();
      await lab.sleep(1_000);
    },
    expect: { failover: true },
  },
  {
    name: 'failover twice in 20 s',
    // There and back again: nobody has moved in the end, but not for lack of failovers.
    topology: { downAfterMs: 1_000 },
    fault: async (lab) => {
      await lab.primary.kill();
      await lab.whenFailedOver();
      await lab.primary.restart();
      await lab.topology.whenStable();
      await lab.workload.whenServing();
      await lab.replica.kill();
      await lab.whenFailedOver(lab.replica);
    },
    expect: { failover: false },
  },
  {
    name: 'kill -9 during logins and logouts',
    workload: { steps: 1, pauseMs: 25 },
    fault: async (lab) => {
      await lab.primary.kill();
      await lab.whenFailedOver();
    },
    expect: { failover: true },
  },
  {
    name: 'frozen, failed over and thawed during logins and logouts',
    workload: { steps: 1, pauseMs: 25 },
    fault: async (lab) => {
      lab.primary.freeze();
      await lab.whenFailedOver();
      lab.primary.thaw();
      await lab.sleep(2_000);
    },
    expect: { failover: true },
  },
  {
    name: 'replicated-strict: the replica is away for longer than an operation may take',
    durability: 'replicated-strict',
    redis: { operationTimeoutMs: 2_000 },
    fault: async (lab) => {
      await lab.replica.kill();
      await lab.sleep(4_000);
      await lab.replica.restart();
      await lab.topology.whenStable();
    },
    expect: { refused: 'required', failover: false },
  },
  {
    name: 'replicated-strict: kill -9, and the old primary returns as the replica',
    durability: 'replicated-strict',
    fault: async (lab) => {
      await lab.primary.kill();
      await lab.whenFailedOver();
      await lab.primary.restart();
      await lab.topology.whenStable();
    },
    expect: { failover: true, degraded: false },
  },
  {
    name: 'the event loop of one instance blocked for 3 s',
    fault: async (lab) => {
      lab.apps[0].tell({ type: 'block', ms: 3_000 });
      await lab.sleep(3_500);
    },
    expect: { failover: false },
  },
  {
    name: 'the event loop of one instance blocked for 3 s during a failover',
    fault: async (lab) => {
      await lab.primary.kill();
      lab.apps[0].tell({ type: 'block', ms: 3_000 });
      await lab.whenFailedOver();
      await lab.sleep(2_500);
    },
    expect: { failover: true },
  },
];

async function freezeFor(lab: FaultLab, ms: number): Promise<void> {
  lab.primary.freeze();
  await lab.sleep(ms);
  lab.primary.thaw();
}
