import { describe, it } from 'vitest';
import { whyNoNetwork } from '../../../tools/redis-lab/network.js';
import type { FaultLab } from '../fault-lab.js';
import { runScenario } from '../scenario.js';

/** `npm run test:members -- --random N [--seed S]` */
const COUNT = Number(process.env['RANDOM_FAULTS'] ?? 1);
const SEED = Number(process.env['TEST_SEED'] ?? Date.now() % 1_000_000);

/** A number from 0 up to but not including 1, the same for the same seed. */
function randomBy(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x80000000;
  };
}

const NODES = ['n1', 'n2', 'n3'] as const;
const ALL = [...NODES, 's1', 's2', 's3', 'a1', 'a2'] as const;

type Fault = (lab: FaultLab, pick: <T>(list: readonly T[]) => T) => Promise<void> | void;

const FAULTS: Record<string, Fault> = {
  kill: async (lab, pick) => pick(lab.topology.nodes).kill(),
  freeze: (lab, pick) => {
    pick(lab.topology.nodes).freeze();
  },
  thaw: (lab) => {
    for (const node of lab.topology.nodes) if (node.frozen) node.thaw();
  },
  restart: async (lab) => {
    for (const node of lab.topology.nodes) if (!node.running) await node.restart();
  },
  cut: (lab, pick) => {
    const one = pick(ALL);
    lab.network.cut(lab.hosts(one), lab.hosts(...ALL.filter((other) => other !== one && pick([true, false]))));
  },
  heal: (lab) => {
    lab.network.heal();
  },
  block: (lab, pick) => {
    pick(lab.apps).tell({ type: 'block', ms: pick([200, 700, 1_500]) });
  },
  'kill a Sentinel': async (lab, pick) => pick(lab.topology.sentinels).kill(),
};

const noNetwork = whyNoNetwork();
if (noNetwork !== undefined) console.warn(`SKIPPED: ${COUNT} random sequences of faults: ${noNetwork}`);

describe.skipIf(noNetwork !== undefined)('random sequences of faults', () => {
  it.each(Array.from({ length: COUNT }, (_, index) => SEED + index))(
    'lose nothing that was acknowledged as replicated: seed %i',
    async (seed) => {
      const random = randomBy(seed);
      const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
      const steps = Array.from({ length: 2 + Math.floor(random() * 3) }, () => ({
        name: pick(Object.keys(FAULTS)),
        pauseMs: pick([0, 200, 1_000, 3_000]),
      }));
      await runScenario({
        name: `${steps.map(({ name, pauseMs }) => `${name}, ${pauseMs} ms`).join(', ')} (seed ${seed})`,
        network: true,
        topology: { replicas: 2, persistence: true },
        redis: { operationTimeoutMs: 4_000 },
        fault: async (lab) => {
          for (const { name, pauseMs } of steps) {
            await FAULTS[name]?.(lab, pick);
            await lab.sleep(pauseMs);
          }
          await lab.repair();
        },
        expect: { refused: 'allowed', lost: 'degraded', failures: /: 401 / },
      });
    },
  );
});
