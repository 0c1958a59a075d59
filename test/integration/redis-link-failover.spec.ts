import type { FailoverReport } from '../../lib/core/session-link-events.js';
import { afterEach, describe, expect, it } from 'vitest';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startSentinelTopology, type SentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { linkKeeper, sentinelOptions, startWorkload } from './redis-link.support.js';

const links = linkKeeper();
let topology: SentinelTopology | undefined;

afterEach(async () => {
  await links.closeAll();
  await topology?.stop();
  topology = undefined;
});

describe('a link through Sentinel', () => {
  it('survives kill -9 of the primary without an error', async () => {
    topology = await startSentinelTopology();
    const link = links.open(sentinelOptions(topology.redisOptions, 'primary'));
    const reports: FailoverReport[] = [];
    link.on('failover', (report) => reports.push(report));
    const workload = startWorkload(link);
    await pollUntil('first changes', () => workload.acknowledged.length > 50);
    const old = await topology.primary();
    await old.kill();
    await pollUntil('a new primary', () => reports.length > 0);
    const count = workload.acknowledged.length;
    await pollUntil('changes after the failover', () => workload.acknowledged.length > count + 200);
    await workload.stop();
    console.log(reports, workload.longestPauseMs);
    expect(workload.errors).toEqual([]);
    expect(reports).toHaveLength(1);
    expect(reports[0]?.from).toBe(old.address);
  });
});
