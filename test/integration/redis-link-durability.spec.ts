import { afterEach, describe, expect, it } from 'vitest';
import type { SessionLink } from '../../lib/core/session-link.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startSentinelTopology, type SentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { linkKeeper, PUT, sentinelOptions, startWorkload } from './redis-link.support.js';

const links = linkKeeper();
let topology: SentinelTopology | undefined;

afterEach(async () => {
  await links.closeAll();
  await topology?.stop();
  topology = undefined;
});

function put(link: SessionLink, key: string): Promise<unknown> {
  return link.execute({ run: PUT, keys: [key], args: [key] });
}

describe('a change that must be replicated', () => {
  it('is never acknowledged without a replica by a strict link', async () => {
    topology = await startSentinelTopology();
    const link = links.open(sentinelOptions(topology.redisOptions, 'replicated-strict', { operationTimeoutMs: 2500 }));
    await put(link, 'before');
    const [replica] = await topology.replicas();
    replica?.freeze();
    await expect(put(link, 'without')).rejects.toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE', reason: 'deadline' });
    replica?.thaw();
    await put(link, 'again');
    expect(await replica?.cli('GET', 'again')).toBe('again');
  });

  it('is acknowledged only after the link has said that the primary is alone', async () => {
    topology = await startSentinelTopology();
    const link = links.open(sentinelOptions(topology.redisOptions, 'replicated'));
    const order: string[] = [];
    link.on('degraded', () => order.push('degraded'));
    await put(link, 'before');
    const [replica] = await topology.replicas();
    await replica?.kill();
    await put(link, 'without').then(() => order.push('acknowledged'));
    expect(order).toEqual(['degraded', 'acknowledged']);
    await replica?.restart();
    await pollUntil('recovered', () => link.status().state === 'ready');
    await put(link, 'again');
    expect(await replica?.cli('GET', 'again')).toBe('again');
  });

  it('is made again when the failover that it was acknowledged in is undone', async () => {
    topology = await startSentinelTopology();
    const now = topology;
    const link = links.open(sentinelOptions(now.redisOptions, 'replicated'));
    const workload = startWorkload(link, 2);
    await pollUntil('the first changes', () => workload.acknowledged.length > 50);
    const [primary, [replica]] = [await now.primary(), await now.replicas()];
    const seen: (string | null)[] = [];
    link.on('ready', (event) => seen.push(event.primary));
    // The one Sentinel that knows of the promotion dies of it; the others put the replica back.
    await now.sentinels[0]?.cli('SENTINEL', 'SIMULATE-FAILURE', 'crash-after-promotion');
    await now.sentinels[0]?.cli('SENTINEL', 'FAILOVER', now.name);
    await pollUntil(
      'the link to follow and to return',
      () => seen.includes(replica?.address ?? '') && seen.at(-1) === primary.address,
    );
    const count = workload.acknowledged.length;
    await pollUntil('changes to go on', () => workload.acknowledged.length > count + 100);
    await workload.stop();
    const stored = new Set((await primary.cli('KEYS', 'w:*')) as string[]);
    expect(workload.acknowledged.filter((key) => !stored.has(key))).toEqual([]);
    expect(workload.errors).toEqual([]);
  });
});
