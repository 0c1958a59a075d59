import { setTimeout as delay } from 'node:timers/promises';
import { Cluster } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { startClusterTopology, type ClusterTopology } from '../../../tools/redis-lab/cluster-topology.js';
import { pollUntil } from '../../../tools/redis-lab/poll.js';
import type { RedisProcess } from '../../../tools/redis-lab/redis-server.js';
import { startApp, type AppProcess } from '../app-process.js';
import { check, countDifferences } from '../checker.js';
import type { FaultAppOptions } from '../fault-app.protocol.js';
import { readClusterTruth, type Truth } from '../truth.js';
import { Workload } from '../workload.js';

/** Three masters with a replica each, two instances and their users. */
interface ClusterLab {
  readonly cluster: ClusterTopology;
  readonly workload: Workload;
  readonly victim: RedisProcess;
  readonly replica: RedisProcess;
}

interface ClusterScenario {
  readonly name: string;
  readonly fault: (lab: ClusterLab) => Promise<void>;
}

async function whenPromoted({ cluster, victim }: ClusterLab): Promise<void> {
  await pollUntil('the replica to take over', async () => {
    const masters = await cluster.masters();
    return masters.length === 3 && !masters.includes(victim);
  });
}

const SCENARIOS: readonly ClusterScenario[] = [
  {
    name: 'kill -9 of a master',
    fault: async (lab) => {
      await lab.victim.kill();
      await whenPromoted(lab);
    },
  },
  {
    name: 'a master frozen for good',
    fault: async (lab) => {
      lab.victim.freeze();
      await whenPromoted(lab);
    },
  },
  {
    name: 'a master frozen, failed over and thawed',
    fault: async (lab) => {
      lab.victim.freeze();
      await whenPromoted(lab);
      lab.victim.thaw();
      await delay(2_000);
    },
  },
  {
    name: 'CLUSTER FAILOVER by hand',
    fault: async (lab) => {
      await lab.cluster.failover(lab.replica);
      await delay(1_000);
    },
  },
  {
    name: 'slots moved under load',
    fault: async ({ cluster, victim }) => {
      const to = (await cluster.masters()).find((master) => master !== victim) as RedisProcess;
      // All slots that sessions of this installation live in, wherever they are.
      const slots = await Promise.all(
        Array.from({ length: 64 }, async (_, bucket) =>
          Number(await to.cli('CLUSTER', 'KEYSLOT', `{fault-lab:${bucket}}:`)),
        ),
      );
      await cluster.reshard([...new Set(slots)].slice(0, 24), to);
      await cluster.whenStable();
    },
  },
];

describe('faults of a Redis Cluster, with replicated changes', () => {
  for (const { name, fault } of SCENARIOS) {
    it.concurrent(name, async () => {
      const cluster = await startClusterTopology();
      const apps: AppProcess[] = [];
      let workload: Workload | undefined;
      try {
        const redis = { cluster: [...cluster.seeds] };
        const options: FaultAppOptions = { store: 'ours', host: '127.0.0.1', redis, durability: 'replicated' };
        apps.push(...(await Promise.all([startApp('a1', options), startApp('a2', options)])));
        workload = new Workload(apps as [AppProcess, AppProcess] & AppProcess[]);
        await workload.whenServing();
        await workload.whenInFullSwing();
        const victim = await cluster.masterOf('{fault-lab:0}:');
        const [replica] = await cluster.replicasOf(victim);
        const since = performance.now();
        await fault({ cluster, workload, victim, replica: replica as RedisProcess });
        await workload.whenServing();
        const pauseMs = workload.pauseMs(since);
        await workload.stop();

        const { sessions, acknowledged, refused, failed } = workload;
        const rightAfter = await truthOf(cluster, workload);
        for (const node of cluster.nodes) if (node.frozen) node.thaw();
        // Long enough for anything that still sits in a buffer, a queue or a thawed process.
        await delay(1_000);
        const atLast = await truthOf(cluster, workload);
        const verdict = check(sessions, atLast);
        console.info(
          `Cluster, ${name}: pause ${pauseMs.toFixed(0)} ms, slowest ${workload.slowestMs.toFixed(0)} ms; acknowledged ${acknowledged.changes} changes ` +
            `${acknowledged.logins} logins ${acknowledged.logouts} logouts; lost ${verdict.changesLost}, undone ${verdict.logoutsUndone}, ` +
            `ghosts ${verdict.ghosts}, failed ${failed.length}, 503 ${refused.length}, stale reads ${workload.staleReads}`,
        );
        expect(apps.flatMap((app) => app.unhandled)).toEqual([]);
        expect(failed, apps.map((app) => app.log).join('\n')).toEqual([]);
        expect(refused).toEqual([]);
        expect(verdict).toEqual({ changesLost: 0, logoutsUndone: 0, degradedLost: 0, ghosts: 0, examples: [] });
        expect(countDifferences(sessions, rightAfter, atLast), 'sessions that changed afterwards').toBe(0);
      } finally {
        workload?.leave();
        await Promise.all(apps.map((app) => app.stop()));
        await cluster.stop();
      }
    });
  }
});

async function truthOf(cluster: ClusterTopology, workload: Workload): Promise<Truth> {
  const nodes = cluster.nodes.filter((node) => node.running && !node.frozen);
  const client = new Cluster(nodes.map(({ host, port }) => ({ host, port })));
  client.on('error', () => undefined);
  try {
    return await readClusterTruth(client, workload.sessions);
  } finally {
    client.disconnect();
  }
}
