import { afterEach, describe, expect, it } from 'vitest';
import type { SessionLink } from '../../lib/core/session-link.js';
import type { FailoverReport } from '../../lib/core/session-link-events.js';
import type { SessionDurability } from '../../lib/options/redis.options.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import {
  startSentinelTopology,
  type SentinelTopology,
  type SentinelTopologyOptions,
} from '../../tools/redis-lab/sentinel-topology.js';
import { linkKeeper, sentinelOptions, startWorkload, type Workload } from './redis-link.support.js';

const links = linkKeeper();
let topology: SentinelTopology | undefined;

afterEach(async () => {
  await links.closeAll();
  await topology?.stop();
  topology = undefined;
});

/** A topology under load, and what a test looks at. */
interface Scene {
  readonly topology: SentinelTopology;
  readonly link: SessionLink;
  readonly workload: Workload;
  readonly primary: RedisProcess;
  readonly replica: RedisProcess;
  readonly reports: FailoverReport[];
  readonly events: string[];
}

async function scene(
  durability: SessionDurability = 'replicated',
  options: SentinelTopologyOptions = {},
): Promise<Scene> {
  topology = await startSentinelTopology(options);
  const link = links.open(sentinelOptions(topology.redisOptions, durability));
  const reports: FailoverReport[] = [];
  const events: string[] = [];
  link.on('failover', (report) => reports.push(report));
  for (const event of ['ready', 'lost', 'failover', 'degraded', 'recovered'] as const) {
    link.on(event, () => events.push(event));
  }
  const workload = startWorkload(link);
  await pollUntil('the first changes', () => workload.acknowledged.length > 50);
  const primary = await topology.primary();
  const [replica] = await topology.replicas();
  if (!replica) throw new Error('no replica');
  return { topology, link, workload, primary, replica, reports, events };
}

async function changesGoOn({ workload }: Scene, count = 100): Promise<void> {
  const before = workload.acknowledged.length;
  await pollUntil('changes to go on', () => workload.acknowledged.length > before + count);
}

/** Nothing acknowledged is missing on the node in use, nobody saw an error, and no replay took effect twice. */
async function nothingIsLost({ workload, link, topology: { nodes } }: Scene): Promise<void> {
  await workload.stop();
  const node = nodes.find(({ address }) => address === link.status().primary);
  const stored = new Set((await node?.cli('KEYS', 'w:*')) as string[]);
  expect(workload.acknowledged.filter((key) => !stored.has(key))).toEqual([]);
  expect(workload.errors).toEqual([]);
}

async function promoted({ reports, replica }: Scene): Promise<void> {
  await pollUntil('the link to follow', () => reports.some((report) => report.to === replica.address));
}

describe.each(['primary', 'replicated'] as const)('a link through Sentinel with durability %s', (durability) => {
  it('survives kill -9 of the primary', async () => {
    const now = await scene(durability);
    await now.primary.kill();
    await promoted(now);
    await changesGoOn(now);
    await now.workload.stop();
    expect(now.workload.errors).toEqual([]);
    expect(now.reports).toHaveLength(1);
    expect(now.reports[0]).toMatchObject({ from: now.primary.address, to: now.replica.address });
    expect(now.link.status().lastFailover?.degraded).toBe(durability === 'replicated');
    if (durability === 'replicated') await nothingIsLost(now);
  });

  it('survives a primary that freezes for good', async () => {
    const now = await scene(durability);
    now.primary.freeze();
    await promoted(now);
    await changesGoOn(now);
    if (durability === 'replicated') await nothingIsLost(now);
  });
});

describe('a link through Sentinel that waits for replicas', () => {
  it('does not believe a former primary that thaws after the failover', async () => {
    const now = await scene();
    now.primary.freeze();
    await promoted(now);
    await changesGoOn(now);
    now.primary.thaw();
    await pollUntil(
      'the former primary to be demoted',
      async () => ((await now.primary.cli('ROLE')) as string[])[0] === 'slave',
    );
    await changesGoOn(now);
    expect(now.reports).toHaveLength(1);
    await nothingIsLost(now);
  });

  it('rides out a freeze shorter than down-after without a failover', async () => {
    const now = await scene();
    now.primary.freeze();
    await new Promise((resolve) => setTimeout(resolve, 600));
    now.primary.thaw();
    await changesGoOn(now);
    expect(now.reports).toEqual([]);
    await nothingIsLost(now);
  });

  it('loses nothing in a planned failover and follows the promoted replica before Sentinel announces it', async () => {
    const now = await scene('replicated', { fast: false });
    now.workload.longestPauseMs = 0;
    await now.topology.sentinels[0]?.cli('SENTINEL', 'FAILOVER', now.topology.name);
    await promoted(now);
    await changesGoOn(now);
    await nothingIsLost(now);
    expect(now.reports).toHaveLength(1);
  });

  it('loses nothing in two planned failovers in a row', async () => {
    const now = await scene();
    await now.topology.failover();
    await now.topology.whenStable();
    await now.topology.failover();
    await pollUntil('two reports', () => now.reports.length >= 2);
    await changesGoOn(now);
    await nothingIsLost(now);
    expect(now.link.status().primary).toBe(now.primary.address);
  });

  it('follows a FAILOVER by hand although Sentinel still names the former primary', async () => {
    const now = await scene('replicated', { fast: false });
    await now.primary.cli('FAILOVER');
    await promoted(now);
    await changesGoOn(now);
    await nothingIsLost(now);
  });

  it('follows a REPLICAOF by hand', async () => {
    const now = await scene('replicated', { fast: false });
    await now.replica.cli('REPLICAOF', 'NO', 'ONE');
    await now.primary.cli('REPLICAOF', now.replica.host, String(now.replica.port));
    await promoted(now);
    await changesGoOn(now);
    await nothingIsLost(now);
  });

  it('acknowledges degraded when the only replica dies, and replicated again when it is back', async () => {
    const now = await scene();
    await now.replica.kill();
    await pollUntil('degraded', () => now.link.status().state === 'degraded');
    await changesGoOn(now);
    await now.replica.restart();
    await pollUntil('recovered', () => now.link.status().state === 'ready');
    await changesGoOn(now);
    expect(now.reports).toEqual([]);
    await nothingIsLost(now);
  });

  it('acknowledges degraded when the only replica freezes', async () => {
    const now = await scene();
    now.replica.freeze();
    await pollUntil('degraded', () => now.link.status().state === 'degraded');
    await changesGoOn(now);
    await nothingIsLost(now);
  });

  it('is degraded when one of two replicas that could be promoted has died, and goes on', async () => {
    const now = await scene('replicated', { replicas: 2 });
    await now.replica.kill();
    await changesGoOn(now, 300);
    expect(now.events).toContain('degraded');
    await now.primary.kill();
    await pollUntil('the link to follow', () => now.reports.length > 0);
    await changesGoOn(now);
    await nothingIsLost(now);
  });

  it('asks the other Sentinels when one is frozen', async () => {
    const now = await scene();
    now.topology.sentinels[0]?.freeze();
    await now.primary.kill();
    await promoted(now);
    await changesGoOn(now);
    await nothingIsLost(now);
  });

  it('waits out a CLIENT PAUSE of writes', async () => {
    const now = await scene('replicated', { fast: false, downAfterMs: 10_000 });
    await now.primary.cli('CLIENT', 'PAUSE', '2500', 'WRITE');
    await changesGoOn(now);
    await nothingIsLost(now);
  });

  it('goes on while its connections are killed every 50 ms', async () => {
    const now = await scene();
    for (let i = 0; i < 20; i++) {
      await now.primary.cli('CLIENT', 'KILL', 'TYPE', 'normal').catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await changesGoOn(now);
    await nothingIsLost(now);
  });

  it('takes no notice of the failover of another group on the same Sentinels', async () => {
    const other = await startSentinelTopology({ sentinels: 1, name: 'other' });
    try {
      const now = await scene();
      const foreign = await other.primary();
      for (const sentinel of now.topology.sentinels) {
        await sentinel.cli('SENTINEL', 'MONITOR', 'other', foreign.host, String(foreign.port), '2');
        await sentinel.cli('SENTINEL', 'SET', 'other', 'down-after-milliseconds', '1000');
      }
      const foreignPrimary = async (): Promise<string> =>
        ((await now.topology.sentinels[1]?.cli('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'other')) as string[]).join(':');
      await pollUntil('the other group to be known', async () => {
        const replicas = await now.topology.sentinels[0]?.cli('SENTINEL', 'REPLICAS', 'other');
        return Array.isArray(replicas) && replicas.length > 0;
      });
      await pollUntil('the other failover to start', async () => {
        await now.topology.sentinels[0]?.cli('SENTINEL', 'FAILOVER', 'other');
        return true;
      });
      await pollUntil('the other failover to end', async () => (await foreignPrimary()) !== foreign.address);
      await changesGoOn(now);
      expect(now.events.filter((event) => event === 'lost')).toEqual([]);
      await nothingIsLost(now);
    } finally {
      await other.stop();
    }
  });
});
