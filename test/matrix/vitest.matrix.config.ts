import { defineConfig } from 'vitest/config';
import base from '../../vitest.config.js';

/** `npm run test:matrix`: every combination, one after the other; records the run in results.json and in the README. */
export default defineConfig({
  ...base,
  test: { ...base.test, include: ['test/matrix/matrix.spec.ts'], env: { MATRIX: 'full' } },
});
