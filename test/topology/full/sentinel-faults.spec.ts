import { describe, it } from 'vitest';
import { runScenario } from '../scenario.js';
import { SENTINEL_SCENARIOS } from './sentinel-scenarios.js';

describe('faults of the Sentinels', () => {
  for (const scenario of SENTINEL_SCENARIOS) it.concurrent(scenario.name, () => runScenario(scenario));
});
