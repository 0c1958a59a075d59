import { defineConfig } from 'vitest/config';
import base from '../../vitest.config.js';

/** `npm run test:faults`: every fault there is, two at a time. */
export default defineConfig({
  ...base,
  test: {
    include: ['test/topology/full/**/*.spec.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
