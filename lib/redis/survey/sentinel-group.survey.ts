import type { RedisSentinelSurvey } from '../../core/redis-survey.js';
import type { RedisNodeOptions, ResolvedRedisTopology } from '../../options/redis.options.js';
import { addressKey, type NodeAddress } from '../connection/node-address.js';
import { surveySentinel } from './sentinel-survey.js';
import type { Visit } from './server-question.js';

type SentinelTopology = Extract<ResolvedRedisTopology, { kind: 'sentinel' }>;

/** The seeds, and those that they list; a bound on what a lying Sentinel could make this process ask. */
const MOST_SENTINELS = 32;

/**
 * Asks the configured Sentinels, then those that they list.
 *
 * @internal
 */
export async function surveySentinels(
  topology: SentinelTopology,
  visit: Visit,
): Promise<readonly RedisSentinelSurvey[]> {
  const survey = (address: NodeAddress): Promise<RedisSentinelSurvey> => surveyAt(address, topology, visit);
  const seeds = await Promise.all(topology.sentinels.map(survey));
  const known = new Set(topology.sentinels.map(addressKey));
  const listed = new Map(
    seeds.flatMap(({ peers }) => peers.flatMap(addressIn).map((address) => [addressKey(address), address] as const)),
  );
  const more = [...listed].filter(([key]) => !known.has(key)).slice(0, MOST_SENTINELS - seeds.length);
  return [...seeds, ...(await Promise.all(more.map(([, address]) => survey(address))))];
}

/**
 * The data nodes that more than half of the answering Sentinels name. Nothing is sent to the others: a single Sentinel could
 * lead this process, with its password, anywhere.
 *
 * @internal
 */
export function confirmedNodes(sentinels: readonly RedisSentinelSurvey[]): readonly NodeAddress[] {
  const answering = sentinels.filter(({ knowsGroup }) => knowsGroup);
  const votes = new Map<string, { address: NodeAddress; count: number }>();
  for (const { settings, primary, replicas } of answering) {
    const named = [...addressIn(settings), ...replicas.flatMap(addressIn)];
    const own = named.length > 0 || primary === null ? named : [addressOfText(primary)];
    for (const address of new Map(own.map((each) => [addressKey(each), each] as const)).values()) {
      const key = addressKey(address);
      votes.set(key, { address, count: (votes.get(key)?.count ?? 0) + 1 });
    }
  }
  return [...votes.values()].filter(({ count }) => count * 2 > answering.length).map(({ address }) => address);
}

/** How a Sentinel lets this process in. @internal */
export function sentinelAccess(topology: SentinelTopology): RedisNodeOptions {
  const { sentinelUsername, sentinelPassword, sentinelTLS, node } = topology;
  return {
    username: sentinelUsername,
    password: sentinelPassword,
    tls: sentinelTLS,
    family: node.family,
    connectionName: node.connectionName,
  };
}

async function surveyAt(address: NodeAddress, topology: SentinelTopology, visit: Visit): Promise<RedisSentinelSurvey> {
  const key = addressKey(address);
  try {
    return await visit(address, sentinelAccess(topology), (send) => surveySentinel(key, send, topology.name));
  } catch (error) {
    return {
      address: key,
      error: error instanceof Error ? error.message : String(error),
      knowsGroup: false,
      primary: null,
      settings: new Map(),
      replicas: [],
      peers: [],
      quorumFault: undefined,
    };
  }
}

function addressIn(fields: ReadonlyMap<string, string>): NodeAddress[] {
  const host = fields.get('ip');
  const port = Number(fields.get('port'));
  return host && port > 0 ? [{ host, port }] : [];
}

function addressOfText(text: string): NodeAddress {
  const at = text.lastIndexOf(':');
  return { host: text.slice(0, at), port: Number(text.slice(at + 1)) };
}
