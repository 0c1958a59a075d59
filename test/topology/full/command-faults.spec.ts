import { describe, it } from 'vitest';
import { runScenario } from '../scenario.js';
import { COMMAND_SCENARIOS } from './command-scenarios.js';

describe('commands of operators, answers of servers in trouble', () => {
  for (const scenario of COMMAND_SCENARIOS) it.concurrent(scenario.name, () => runScenario(scenario));
});
