import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { SessionDoctorSubject, SessionFinding } from '../../lib/doctor/session-finding.js';
import { startClusterTopology } from '../../tools/redis-lab/cluster-topology.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startSentinelTopology, type SentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { examined, idsOf } from './doctor.support.js';

const HEALTHY = ['appendonly yes', 'maxmemory 100mb'];

describe('the doctor behind Sentinel', () => {
  let topology: SentinelTopology;

  beforeAll(async () => {
    topology = await startSentinelTopology({ nodeConfig: HEALTHY, nodeAuth: { password: 'secret' } });
  });

  afterAll(() => topology.stop());

  const look = (overrides: Partial<SessionDoctorSubject> = {}): Promise<readonly SessionFinding[]> =>
    examined(topology.redisOptions, overrides);

  const onAll = async (...args: string[]): Promise<void> => {
    for (const sentinel of topology.sentinels) await sentinel.cli('SENTINEL', ...args);
  };

  /** What one setting of all Sentinels makes of the findings. */
  const withSetting = async (name: string, value: string, former: string): Promise<string[]> => {
    await onAll('SET', topology.name, name, value);
    onTestFinished(() => onAll('SET', topology.name, name, former));
    return idsOf(await look());
  };

  it('finds in a healthy group only that the lab runs on one machine, as its administrator', async () => {
    expect(idsOf(await look())).toEqual([
      'warning acl-too-wide',
      'warning acl-too-wide',
      'warning sentinels-on-one-host',
    ]);
  });

  it.each([
    ['down-after-milliseconds', '30000', '1000', 'error down-after-long'],
    ['down-after-milliseconds', '500', '1000', 'warning down-after-short'],
    ['failover-timeout', '180000', '2500', 'warning failover-timeout-long'],
    ['quorum', '1', '2', 'warning quorum-of-one'],
  ])('finds %s %s', async (name, value, former, found) => {
    expect(await withSetting(name, value, former)).toContain(found);
  });

  it('finds Sentinels that disagree', async () => {
    await topology.sentinels[0]?.cli('SENTINEL', 'SET', topology.name, 'quorum', '3');
    onTestFinished(() => onAll('SET', topology.name, 'quorum', '2'));
    expect(idsOf(await look())).toContain('warning sentinels-disagree');
  });

  it('finds changes that no replica has to confirm', async () => {
    expect(idsOf(await look({ durability: 'primary' }))).toContain('warning durability-primary');
  });

  it('finds a replica that cannot be promoted', async () => {
    const [replica] = await topology.replicas();
    await replica?.cli('CONFIG', 'SET', 'replica-priority', '0');
    onTestFinished(async () => {
      await replica?.cli('CONFIG', 'SET', 'replica-priority', '100');
    });
    expect(idsOf(await look())).toContain('error replica-priority-zero');
  });

  it('finds a replica that has lost its primary', async () => {
    const [replica] = await topology.replicas();
    await replica?.cli('CONFIG', 'SET', 'masterauth', 'wrong');
    await (await topology.primary()).cli('CLIENT', 'KILL', 'TYPE', 'replica');
    await pollUntil('a replica without a primary', async () =>
      String(await replica?.cli('INFO', 'replication')).includes('master_link_status:down'),
    );
    expect(idsOf(await look())).toContain('error replica-disconnected');
    await replica?.cli('CONFIG', 'SET', 'masterauth', 'secret');
    await topology.whenStable();
  });

  it('finds a group that a Sentinel does not know, and all the more one that none knows', async () => {
    const found = idsOf(await examined({ ...topology.redisOptions, name: 'potral' }));
    expect(found.filter((id) => id === 'error sentinel-unknown-group')).toHaveLength(3);
  });

  it('finds a retired replica and a dead Sentinel that are still listed', async () => {
    const [replica] = await topology.replicas();
    await replica?.kill();
    await topology.sentinels[2]?.kill();
    const wanted = [
      'warning replica-stale',
      'warning sentinel-stale',
      'warning sentinel-unreachable',
      'error no-replica',
    ];
    await pollUntil('all four findings', async () => {
      const found = idsOf(await look());
      return wanted.every((id) => found.includes(id));
    });
    await topology.sentinels[1]?.kill();
    await pollUntil('the lost quorum', async () => idsOf(await look()).includes('error quorum-unreachable'));
  });
});

describe('the doctor on few Sentinels and on names', () => {
  it('finds two Sentinels too few', async () => {
    const topology = await startSentinelTopology({ sentinels: 2, nodeConfig: HEALTHY });
    onTestFinished(() => topology.stop());
    expect(idsOf(await examined(topology.redisOptions))).toContain('warning sentinels-few');
  });

  it('sends nothing to a node that a single Sentinel names', async () => {
    const topology = await startSentinelTopology({ nodeConfig: HEALTHY });
    onTestFinished(() => topology.stop());
    const liar = topology.sentinels[0];
    await liar?.cli('SENTINEL', 'REMOVE', topology.name);
    await liar?.cli('SENTINEL', 'MONITOR', topology.name, '127.0.0.1', '1', '2');
    const findings = await examined(topology.redisOptions);
    expect(idsOf(findings)).toContain('error sentinels-disagree');
    expect(findings.map(({ what }) => what).join('\n')).not.toContain('127.0.0.1:1 does not answer');
  });
});

describe('the doctor on a Cluster', () => {
  it('finds a master without a replica and a long node timeout', async () => {
    const cluster = await startClusterTopology({ masters: 3, replicasPerMaster: 1, nodeTimeoutMs: 1000 });
    onTestFinished(() => cluster.stop());
    const redis = { cluster: [...cluster.seeds] };
    // A node learns of the others' replicas by gossip.
    await pollUntil('a Cluster without a finding', async () =>
      idsOf(await examined(redis)).every((id) => !id.includes('cluster')),
    );

    const [first] = await cluster.masters();
    const [replica] = first ? await cluster.replicasOf(first) : [];
    await replica?.kill();
    await pollUntil('a master without a replica', async () =>
      idsOf(await examined(redis)).includes('error cluster-master-without-replica'),
    );
    for (const node of cluster.nodes) {
      if (node.running) await node.cli('CONFIG', 'SET', 'cluster-node-timeout', '15000');
    }
    expect(idsOf(await examined(redis))).toContain('error cluster-node-timeout-long');
  });
});
