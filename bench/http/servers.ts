import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { spawnChild } from '../../tools/redis-lab/child-processes.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { startSentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { RedisMeter } from '../redis-meter.js';
import type { RedisTarget, Variant } from './variants.js';

/** The Redis side of the HTTP bench: one server alone, one with a replica and Sentinels, both also through a slow network. */
export interface BenchServers {
  /** Where the variant's server finds its Redis, the primary's own address, and the primary's meter. */
  placeOf(variant: Variant, isDelayed: boolean): ServerPlace;
  /** Median round trip through the proxy. @unit milliseconds */
  readonly delayedRoundTripMs: number;
  stop(): Promise<void>;
}

export interface ServerPlace {
  readonly target: RedisTarget;
  readonly primary: { readonly host: string; readonly port: number };
  readonly meter: RedisMeter;
}

interface ProxyProcess {
  readonly address: { readonly host: string; readonly port: number };
  stop(): void;
}

/** Each way; timers and the event loop add the rest of 5 ms to a round trip, which is measured and reported. */
const PROXY_DELAY_MS = 2;
const PROXY = fileURLToPath(new URL('proxy.ts', import.meta.url));

export async function startServers(): Promise<BenchServers> {
  const [alone, topology] = await Promise.all([startRedisServer(), startSentinelTopology()]);
  const primary = topology.nodes[0]!;
  const behindProxy = [alone, ...topology.nodes];
  const proxies = new Map(
    await Promise.all(behindProxy.map(async (server) => [server, await startProxy(server)] as const)),
  );
  const proxyOf = (server: RedisProcess): { host: string; port: number } => proxies.get(server)!.address;
  const meters = new Map([alone, primary].map((server) => [server, new RedisMeter(server)]));
  const natMap = Object.fromEntries(topology.nodes.map((node) => [node.address, proxyOf(node)]));
  const { sentinels, name } = topology.redisOptions;
  return {
    placeOf: ({ uses }, isDelayed) => {
      const server = uses === 'sentinel' ? primary : alone;
      const sentinel = { sentinels, name, ...(isDelayed && { natMap }) };
      const address = isDelayed ? proxyOf(server) : { host: server.host, port: server.port };
      return {
        target: { ...address, ...(uses === 'sentinel' && { sentinel }) },
        primary: { host: server.host, port: server.port },
        meter: meters.get(server)!,
      };
    },
    delayedRoundTripMs: await roundTripMs(proxyOf(alone)),
    stop: async () => {
      for (const meter of meters.values()) meter.close();
      for (const proxy of proxies.values()) proxy.stop();
      await Promise.all([alone.stop(), topology.stop()]);
    },
  };
}

/** In a process of its own: in the bench's it would wait for the load generator. */
async function startProxy(target: RedisProcess): Promise<ProxyProcess> {
  const settings = { target: { host: target.host, port: target.port }, delayMs: PROXY_DELAY_MS };
  const child = spawnChild(process.execPath, ['--import', 'tsx/esm', PROXY, JSON.stringify(settings)], { ipc: true });
  const [address] = (await once(child, 'message')) as [{ host: string; port: number }];
  return { address, stop: () => child.kill('SIGKILL') };
}

async function roundTripMs(address: { host: string; port: number }): Promise<number> {
  const client = new Redis(address);
  const samples: number[] = [];
  for (let i = 0; i < 40; i += 1) {
    const start = performance.now();
    await client.ping();
    samples.push(performance.now() - start);
  }
  client.disconnect();
  return samples.sort((a, b) => a - b)[samples.length / 2]!;
}
