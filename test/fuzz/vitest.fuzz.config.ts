import { defineConfig } from 'vitest/config';
import base from '../../vitest.config.js';

/** `npm run test:fuzz`: 100,000 cookie headers and 1,000 request life cycles on each platform; `npm test` runs a slice of them. */
export default defineConfig({
  ...base,
  test: {
    include: ['test/fuzz/*.spec.ts'],
    env: { SESSION_FUZZ: 'long' },
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 1_800_000,
    hookTimeout: 60_000,
  },
});
