import { describe, it } from 'vitest';
import { whyNoNetwork } from '../../../tools/redis-lab/network.js';
import { runScenario } from '../scenario.js';
import { NETWORK_SCENARIOS } from './network-scenarios.js';

const noNetwork = whyNoNetwork();
if (noNetwork !== undefined) console.warn(`SKIPPED: ${NETWORK_SCENARIOS.length} faults of the network: ${noNetwork}`);

describe.skipIf(noNetwork !== undefined)('faults of the network', () => {
  for (const scenario of NETWORK_SCENARIOS) it.concurrent(scenario.name, () => runScenario(scenario));
});
