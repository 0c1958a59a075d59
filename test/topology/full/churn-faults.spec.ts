import { describe, it } from 'vitest';
import { whyNoNetwork } from '../../../tools/redis-lab/network.js';
import { runScenario } from '../scenario.js';
import { CHURN_SCENARIOS } from './churn-scenarios.js';

const noNetwork = whyNoNetwork();
if (noNetwork !== undefined) console.warn(`SKIPPED: churn with names and addresses of its own: ${noNetwork}`);

const scenarios = CHURN_SCENARIOS.filter(({ network }) => network !== true || noNetwork === undefined);

describe('nodes and Sentinels that come and go', () => {
  for (const scenario of scenarios) it.concurrent(scenario.name, () => runScenario(scenario));
});
