import { describe, it } from 'vitest';
import { runScenario } from '../scenario.js';
import { PROCESS_SCENARIOS } from './process-scenarios.js';

describe('faults of the Redis processes', () => {
  for (const scenario of PROCESS_SCENARIOS) it.concurrent(scenario.name, () => runScenario(scenario));
});
