import { defineConfig } from 'vitest/config';

// One file after the other: each starts a portal, most start Redis and Sentinels as well.
export default defineConfig({
  test: { include: ['test/**/*.spec.ts'], fileParallelism: false, testTimeout: 90_000, hookTimeout: 90_000 },
});
