import { afterEach, describe, expect, it } from 'vitest';
import type { SessionLink } from '../../lib/core/session-link.js';
import type { SessionDurability } from '../../lib/options/redis.options.js';
import { startClusterTopology, type ClusterTopology } from '../../tools/redis-lab/cluster-topology.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { LIMITS, linkKeeper, PUT_ONE, startWorkload, type Workload } from './redis-link.support.js';

const links = linkKeeper();
let topology: ClusterTopology | undefined;

afterEach(async () => {
  await links.closeAll();
  await topology?.stop();
  topology = undefined;
});

interface Scene {
  readonly topology: ClusterTopology;
  readonly link: SessionLink;
  readonly workload: Workload;
  readonly master: RedisProcess;
}

function openLink(seeds: ClusterTopology['seeds'], durability: SessionDurability): SessionLink {
  const kind = { kind: 'cluster', seeds: [...seeds], options: {}, buckets: 64 } as const;
  return links.open({ ...LIMITS, durability, topology: kind });
}

async function scene(durability: SessionDurability): Promise<Scene> {
  topology = await startClusterTopology();
  const link = openLink(topology.seeds, durability);
  // Spread over all slots by their whole name.
  const workload = startWorkload(link, 5, PUT_ONE);
  await pollUntil('the first changes', () => workload.acknowledged.length > 50);
  const [master] = await topology.masters();
  if (!master) throw new Error('no master');
  return { topology, link, workload, master };
}

async function changesGoOn({ workload }: Scene, count = 200): Promise<void> {
  const before = workload.acknowledged.length;
  await pollUntil('changes to go on', () => workload.acknowledged.length > before + count);
}

async function nothingIsLost({ workload, topology: { nodes } }: Scene): Promise<void> {
  await workload.stop();
  const stored = new Set<string>();
  for (const node of nodes.filter(({ running, frozen }) => running && !frozen)) {
    if (((await node.cli('ROLE')) as string[])[0] !== 'master') continue;
    for (const key of (await node.cli('KEYS', 'w:*')) as string[]) stored.add(key);
  }
  expect(workload.errors).toEqual([]);
  expect(workload.acknowledged.filter((key) => !stored.has(key))).toEqual([]);
}

describe.each(['primary', 'replicated'] as const)('a link to a Cluster with durability %s', (durability) => {
  it('survives kill -9 of a master', async () => {
    const now = await scene(durability);
    await now.master.kill();
    await now.topology.whenStable();
    await changesGoOn(now);
    await now.workload.stop();
    expect(now.workload.errors).toEqual([]);
    if (durability === 'replicated') await nothingIsLost(now);
  });

  it('survives a planned failover of a master', async () => {
    const now = await scene(durability);
    const [replica] = await now.topology.replicasOf(now.master);
    if (!replica) throw new Error('no replica');
    await now.topology.failover(replica);
    await changesGoOn(now);
    await nothingIsLost(now);
  });
});

describe('a link to a Cluster', () => {
  it('survives a master that freezes', async () => {
    const now = await scene('replicated');
    now.master.freeze();
    await pollUntil('the failover', async () =>
      (await now.topology.masters()).every(({ address }) => address !== now.master.address),
    );
    await changesGoOn(now);
    await nothingIsLost(now);
  });

  it('goes on while slots move', async () => {
    const now = await scene('primary');
    const [, target] = await now.topology.masters();
    if (!target) throw new Error('no second master');
    await now.topology.reshard(
      Array.from({ length: 100 }, (_, slot) => slot),
      target,
    );
    await changesGoOn(now);
    await nothingIsLost(now);
  });

  it('acknowledges without a replica only once the Cluster agrees that it failed, and never when it must not', async () => {
    const now = await scene('replicated');
    await now.workload.stop();
    const strict = openLink(now.topology.seeds, 'replicated-strict');
    const key = 'one';
    const master = await now.topology.masterOf(key);
    await strict.execute({ run: PUT_ONE, keys: [key], args: ['1'] });
    for (const replica of await now.topology.replicasOf(master)) await replica.kill();
    const events: string[] = [];
    now.link.on('degraded', () => events.push('degraded'));
    await now.link.execute({ run: PUT_ONE, keys: [key], args: ['2'] }).then(() => events.push('acknowledged'));
    expect(events).toEqual(['degraded', 'acknowledged']);
    await expect(strict.execute({ run: PUT_ONE, keys: [key], args: ['3'] })).rejects.toMatchObject({
      reason: 'deadline',
    });
  });

  it('leaves no handle behind', async () => {
    topology = await startClusterTopology();
    const link = openLink(topology.seeds, 'primary');
    await link.execute({ run: PUT_ONE, keys: ['k'], args: ['1'] });
    expect(await link.inspect(1000)).toMatchObject({ role: 'master' });
    await link.close();
    await pollUntil('all sockets to be closed', () => !process.getActiveResourcesInfo().includes('TCPSocketWrap'), {
      timeoutMs: 3000,
    });
  });
});
