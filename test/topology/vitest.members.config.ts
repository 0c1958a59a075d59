import { defineConfig } from 'vitest/config';
import base from './vitest.faults.config.js';

/** `npm run test:members`: several replicas, who can be asked about them, and random faults; not part of CI yet (docs/guarantees.md). */
export default defineConfig({
  ...base,
  test: { ...base.test, include: ['test/topology/members/**/*.spec.ts'] },
});
