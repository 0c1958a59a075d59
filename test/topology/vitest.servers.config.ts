import { defineConfig } from 'vitest/config';
import base from '../../vitest.config.js';

/** `npm run test:servers`: the short set that another server (`REDIS_SERVER`) must pass: scripts, links, failovers, churn, tracking, rights. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: [
      'test/contract/session-repository-redis.spec.ts',
      'test/contract/session-store-redis.spec.ts',
      'test/integration/near-cache.spec.ts',
      'test/integration/redis-link-client.spec.ts',
      'test/integration/redis-link-cluster.spec.ts',
      'test/integration/redis-link-durability.spec.ts',
      'test/integration/redis-link-failover.spec.ts',
      'test/integration/redis-link-gate.spec.ts',
      'test/integration/redis-link-sentinels.spec.ts',
      'test/integration/redis-link-silence.spec.ts',
      'test/integration/sentinel-churn.spec.ts',
      'test/topology/acl.spec.ts',
      'test/topology/faults.spec.ts',
    ],
  },
});
