import { describe, it } from 'vitest';
import { runScenario } from '../scenario.js';
import { MEMBER_SCENARIOS } from './member-scenarios.js';

describe('faults of replicas, and of who can be asked about them', () => {
  for (const scenario of MEMBER_SCENARIOS) it.concurrent(scenario.name, () => runScenario(scenario));
});
