import { afterEach, describe, expect, it } from 'vitest';
import type { SessionLink } from '../../lib/core/session-link.js';
import { createLabNetwork, whyNoNetwork, type LabHost, type LabNetwork } from '../../tools/redis-lab/network.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { startSentinelTopology, type SentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { linkKeeper, sentinelOptions, startWorkload, type Workload } from './redis-link.support.js';

const links = linkKeeper();
const reason = whyNoNetwork();
let network: LabNetwork | undefined;
let topology: SentinelTopology | undefined;

if (reason !== undefined) console.warn(`SKIPPED: links in a divided network: ${reason}`);

afterEach(async () => {
  network?.heal();
  await links.closeAll();
  await topology?.stop();
  network?.stop();
  network = undefined;
  topology = undefined;
});

interface Scene {
  readonly network: LabNetwork;
  readonly topology: SentinelTopology;
  readonly link: SessionLink;
  readonly workload: Workload;
  readonly primary: RedisProcess;
  readonly atPrimary: LabHost;
  readonly atReplica: LabHost;
  readonly atSentinels: readonly LabHost[];
  /** This process, as a side of a cut. */
  readonly app: LabHost;
}

async function scene(): Promise<Scene> {
  const lab = createLabNetwork();
  network = lab;
  const place = (
    kind: 'node' | 'sentinel',
    index: number,
  ): { host: string; port: number; prefix: readonly string[] } => {
    const { ip, prefix } = lab.host(`${kind}${index}`);
    return { host: ip, port: kind === 'node' ? 6379 : 26379, prefix };
  };
  topology = await startSentinelTopology({ place });
  const link = links.open(sentinelOptions(topology.redisOptions, 'replicated'));
  const workload = startWorkload(link);
  await pollUntil('the first changes', () => workload.acknowledged.length > 50);
  const primary = await topology.primary();
  const nodes = [lab.host('node0'), lab.host('node1')];
  const atPrimary = nodes.find(({ ip }) => ip === primary.host);
  const atReplica = nodes.find(({ ip }) => ip !== primary.host);
  if (!atPrimary || !atReplica) throw new Error('the primary is on no host');
  const app = { name: 'app', ip: atPrimary.ip.replace(/\d+$/, '254'), prefix: [] };
  const atSentinels = [0, 1, 2].map((index) => lab.host(`sentinel${index}`));
  return { network: lab, topology, link, workload, primary, atPrimary, atReplica, atSentinels, app };
}

async function changesGoOn({ workload }: Scene): Promise<void> {
  const before = workload.acknowledged.length;
  await pollUntil('changes to go on', () => workload.acknowledged.length > before + 100);
}

async function nothingIsLost({ workload, link, topology: { nodes } }: Scene): Promise<void> {
  await workload.stop();
  const node = nodes.find(({ address }) => address === link.status().primary);
  const stored = new Set((await node?.cli('KEYS', 'w:*')) as string[]);
  expect(workload.acknowledged.filter((key) => !stored.has(key))).toEqual([]);
  expect(workload.errors).toEqual([]);
}

describe.skipIf(reason !== undefined)('a link in a divided network', () => {
  it('leaves a primary that only it can still see', async () => {
    const now = await scene();
    now.network.cut([now.atPrimary], [now.atReplica, ...now.atSentinels]);
    await pollUntil('the link to follow', () => now.link.status().lastFailover !== null);
    await changesGoOn(now);
    now.network.heal();
    await now.topology.whenStable();
    await changesGoOn(now);
    await nothingIsLost(now);
  });

  it('acknowledges nothing while it is in a minority with the former primary', async () => {
    const now = await scene();
    const [near, ...far] = now.atSentinels as [LabHost, LabHost, LabHost];
    now.network.cut([now.atPrimary, near], [now.atReplica, ...far]);
    now.network.cutOneWay([now.app], [now.atReplica, ...far]);
    // What was under way when the cut was made may still be answered.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const count = now.workload.acknowledged.length;
    await new Promise((resolve) => setTimeout(resolve, 3500));
    expect(now.workload.acknowledged.length).toBe(count);
    now.network.heal();
    await pollUntil('the link to follow', () => now.link.status().lastFailover !== null);
    await changesGoOn(now);
    await nothingIsLost(now);
  });

  it('finds a primary whose network swallows everything gone', async () => {
    const now = await scene();
    now.network.isolate([now.atPrimary]);
    now.network.cutOneWay([now.app], [now.atPrimary]);
    await pollUntil('the link to follow', () => now.link.status().lastFailover !== null);
    await changesGoOn(now);
    await nothingIsLost(now);
  });

  it('goes on alone with the primary, degraded, when only the replication link is cut', async () => {
    const now = await scene();
    now.network.cut([now.atPrimary], [now.atReplica]);
    await pollUntil('degraded', () => now.link.status().state === 'degraded');
    await changesGoOn(now);
    now.network.heal();
    await pollUntil('recovered', () => now.link.status().state === 'ready', { timeoutMs: 20_000 });
    await nothingIsLost(now);
  });

  it('goes on without any Sentinel in reach', async () => {
    const now = await scene();
    now.network.cutOneWay([now.app], now.atSentinels);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await changesGoOn(now);
    await nothingIsLost(now);
  });

  it('waits for a primary that only it cannot reach', async () => {
    const now = await scene();
    now.network.cutOneWay([now.app], [now.atPrimary]);
    await pollUntil('the loss', () => now.link.status().state === 'lost');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    now.network.heal();
    await changesGoOn(now);
    expect(now.link.status().lastFailover).toBeNull();
    await nothingIsLost(now);
  });
});
