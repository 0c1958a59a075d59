import { describe, expect, it } from 'vitest';
import { FaultLab } from './fault-lab.js';
import { observe, runScenario, type Scenario } from './scenario.js';
import { SHORT_SCENARIOS } from './short-scenarios.js';

describe('nothing acknowledged is lost, nobody sees an error', () => {
  for (const scenario of SHORT_SCENARIOS) it(scenario.name, { timeout: 60_000 }, () => runScenario(scenario));
});

describe('the lab itself', () => {
  it('finds what express-session with connect-redis over plain ioredis loses', { timeout: 60_000 }, async () => {
    const scenario: Scenario = {
      name: 'the peer: frozen, failed over and thawed',
      store: 'connect-redis',
      fault: async (lab) => {
        lab.primary.freeze();
        await lab.whenFailedOver();
        lab.primary.thaw();
        await lab.sleep(2_000);
      },
    };
    const lab = await FaultLab.start(scenario);
    try {
      const outcome = await observe(lab, scenario);
      expect(outcome.changesLost).toBeGreaterThan(0);
      expect(outcome.examples).not.toEqual([]);
    } finally {
      await lab.stop();
    }
  });
});
