import { afterEach, expect, it } from 'vitest';
import { addressKey } from '../../lib/redis/connection/node-address.js';
import { systemResolver } from '../../lib/redis/connection/host-names.js';
import { SentinelWatch } from '../../lib/redis/sentinel/sentinel-watch.js';
import type { SentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { startSentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function open(topology: SentinelTopology, onChange: () => void): SentinelWatch {
  const watch = new SentinelWatch(
    {
      seeds: topology.redisOptions.sentinels,
      name: topology.name,
      connection: { node: {}, connectTimeoutMs: 1_000, silenceTimeoutMs: 1_000 },
      subscriptionSilenceMs: 1_000,
      translate: (address) => address,
      resolve: systemResolver(0),
      isDiscovering: true,
    },
    onChange,
  );
  ends.push(() => {
    watch.close();
  });
  return watch;
}

it('knows the replicas of a new primary as soon as it knows the primary', async () => {
  const topology = await startSentinelTopology({ downAfterMs: 2_000, fast: true });
  ends.push(() => topology.stop());
  const former = (await topology.primary()).address;
  const seen: { readonly primary: string; readonly replicas: readonly string[] }[] = [];
  const watch = open(topology, () => {
    if (watch.best) seen.push({ primary: addressKey(watch.best.primary), replicas: [...watch.replicas.keys()] });
  });
  for (let time = 0; time < 3; time++) {
    await topology.failover();
    await topology.whenStable(30_000);
  }
  expect(seen.map(({ primary }) => primary)).toContain(former);
  expect(new Set(seen.map(({ primary }) => primary)).size).toBe(2);
  // A change that no replica has must never count as replicated because no replica is known.
  const bare = seen.filter(({ primary, replicas }) => !replicas.some((replica) => replica !== primary));
  expect(bare).toEqual([]);
}, 90_000);

it('asks for the quorum on connections that are still being opened', async () => {
  const topology = await startSentinelTopology({ fast: true });
  ends.push(() => topology.stop());
  const watch = open(topology, () => undefined);
  // As an inspection does: neither question may cost the other its connection.
  const [views, hasQuorum] = await Promise.all([watch.askAll(), watch.checkQuorum()]);
  expect(views).toHaveLength(3);
  expect(hasQuorum).toBe(true);
}, 30_000);
