import { defineConfig } from 'vitest/config';
import base from '../../vitest.config.js';

/** `npm run test:faults`: every fault there is, four at a time: most of a scenario is waiting. */
export default defineConfig({
  ...base,
  test: {
    include: ['test/topology/full/**/*.spec.ts'],
    pool: 'forks',
    maxWorkers: 2,
    maxConcurrency: 2,
    testTimeout: 300_000,
    hookTimeout: 60_000,
  },
});
