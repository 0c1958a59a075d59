import type { Cluster, Redis } from 'ioredis';
import type { RedisClusterSurvey, RedisNodeSurvey, RedisSurvey, RedisSurveyOptions } from '../../core/redis-survey.js';
import { within } from '../../core/within.js';
import type { RedisNodeOptions, ResolvedRedisOptions, ResolvedRedisTopology } from '../../options/redis.options.js';
import { addressKey, translateAddress, type NodeAddress } from '../connection/node-address.js';
import { parseInfo } from '../connection/node-report.js';
import { confirmedNodes, surveySentinels } from './sentinel-group.survey.js';
import { surveyNode } from './node-survey.js';
import type { SendCommand, Visit } from './server-question.js';
import { visitor } from './server-visit.js';

type Topology<K extends ResolvedRedisTopology['kind']> = Extract<ResolvedRedisTopology, { kind: K }>;

/**
 * Asks all servers of an installation what they are and how they are set, over connections of its own. A server that does not
 * answer is part of the result, not an error.
 *
 * @internal
 */
export async function surveyRedis(options: ResolvedRedisOptions, settings: RedisSurveyOptions): Promise<RedisSurvey> {
  const { topology } = options;
  const visit = visitor(options, settings);
  const surveyAt = (address: NodeAddress, node: RedisNodeOptions): Promise<RedisNodeSurvey> =>
    orAbsent(addressKey(address), (key) =>
      visit(address, node, (send) => surveyNode({ address: key, send, ...protectionOf(node) }, settings)),
    );
  switch (topology.kind) {
    case 'standalone': {
      const nodes = [await surveyAt(topology, topology.node)];
      return { mode: 'standalone', group: null, nodes, sentinels: [], cluster: null };
    }
    case 'sentinel': {
      const sentinels = await surveySentinels(topology, visit);
      const { natMap, node, name } = topology;
      const addresses = confirmedNodes(sentinels).map((address) => translateAddress(address, natMap));
      const nodes = await Promise.all(addresses.map((address) => surveyAt(address, node)));
      return { mode: 'sentinel', group: name, nodes, sentinels, cluster: null };
    }
    case 'cluster': {
      const { cluster, addresses } = await surveyCluster(topology, visit);
      const node = clusterNode(topology);
      const nodes = await Promise.all(addresses.map((address) => surveyAt(address, node)));
      return { mode: 'cluster', group: null, nodes, sentinels: [], cluster };
    }
    case 'client':
      return {
        mode: 'client',
        group: null,
        nodes: await surveyClient(topology, settings),
        sentinels: [],
        cluster: null,
      };
  }
}

/** The server's answers, or its absence with the cause. */
async function orAbsent(
  address: string,
  survey: (address: string) => Promise<RedisNodeSurvey>,
): Promise<RedisNodeSurvey> {
  try {
    return await survey(address);
  } catch (error) {
    return { ...ABSENT, address, error: error instanceof Error ? error.message : String(error) };
  }
}

const ABSENT: Omit<RedisNodeSurvey, 'address' | 'error'> = {
  role: null,
  info: new Map(),
  config: null,
  refused: [],
  dangerous: null,
  isAuthenticated: true,
  isEncrypted: true,
};

function protectionOf({ password, tls }: RedisNodeOptions): Pick<RedisNodeSurvey, 'isAuthenticated' | 'isEncrypted'> {
  return { isAuthenticated: password !== undefined, isEncrypted: tls !== undefined };
}

function clusterNode({ options }: Topology<'cluster'>): RedisNodeOptions {
  const { username, password, tls, family, connectionName } = options.redisOptions ?? {};
  return { username, password, tls, family, connectionName };
}

/** Asks one seed after the other for the Cluster's slots; the first answer counts. */
async function surveyCluster(
  topology: Topology<'cluster'>,
  visit: Visit,
): Promise<{ cluster: RedisClusterSurvey | null; addresses: readonly NodeAddress[] }> {
  for (const seed of topology.seeds) {
    try {
      return await visit(seed, clusterNode(topology), async (send) => {
        const [info, slots] = await Promise.all([send('cluster', 'info'), send('cluster', 'slots')]);
        const ranges = slots as SlotRange[];
        const addresses = new Map(
          ranges.flatMap(([, , ...nodes]) => nodes.map(addressOfSlot).map((at) => [addressKey(at), at] as const)),
        );
        return { cluster: { info: parseInfo(info), masters: mastersOf(ranges) }, addresses: [...addresses.values()] };
      });
    } catch {
      // The next seed may answer; when none does, each is reported as a node that does not.
    }
  }
  return { cluster: null, addresses: topology.seeds };
}

/** A row of `CLUSTER SLOTS`: first and last slot, then the master and its replicas. */
type SlotRange = readonly [number, number, ...(readonly [string, number, ...unknown[]])[]];

function addressOfSlot([host, port]: readonly [string, number, ...unknown[]]): NodeAddress {
  return { host, port };
}

function mastersOf(ranges: readonly SlotRange[]): RedisClusterSurvey['masters'] {
  const masters = new Map<string, { address: string; slotCount: number; replicaCount: number }>();
  for (const [first, last, master, ...replicas] of ranges) {
    if (!master) continue;
    const address = addressKey(addressOfSlot(master));
    const slotCount = (masters.get(address)?.slotCount ?? 0) + last - first + 1;
    masters.set(address, { address, slotCount, replicaCount: replicas.length });
  }
  return [...masters.values()];
}

/** An own client is used as it is: no connection of ours is opened beside it. */
async function surveyClient(
  { client }: Topology<'client'>,
  settings: RedisSurveyOptions,
): Promise<readonly RedisNodeSurvey[]> {
  return Promise.all(
    nodesOf(client).map((redis) => {
      const { host, port, path, password, tls } = redis.options;
      const address = addressKey({ host: host ?? '127.0.0.1', port: port ?? 6379, path });
      const protection = { isAuthenticated: Boolean(password), isEncrypted: tls !== undefined };
      const send: SendCommand = (name, ...args) => redis.call(name, ...args);
      return orAbsent(address, (key) =>
        within(settings.timeoutMs, surveyNode({ address: key, send, ...protection }, settings)),
      );
    }),
  );
}

function nodesOf(client: Redis | Cluster): readonly Redis[] {
  return 'nodes' in client ? client.nodes() : [client];
}
