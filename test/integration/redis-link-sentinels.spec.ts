import { afterEach, describe, expect, it } from 'vitest';
import type { SessionLink } from '../../lib/core/session-link.js';
import type { ResolvedRedisOptions } from '../../lib/options/redis.options.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startRedisServer, type RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { startSentinelTopology, type SentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { startTcpProxy, type TcpProxy } from '../../tools/redis-lab/tcp-proxy.js';
import { GET, PUT, isMore, linkKeeper, sentinelOptions } from './redis-link.support.js';

const links = linkKeeper();
const proxies: TcpProxy[] = [];
const servers: RedisProcess[] = [];
let topology: SentinelTopology | undefined;

afterEach(async () => {
  await links.closeAll();
  await Promise.all(proxies.splice(0).map((proxy) => proxy.stop()));
  await topology?.stop();
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  topology = undefined;
});

function put(link: SessionLink, key: string): Promise<unknown> {
  return link.execute({ run: PUT, keys: [key], args: [key] });
}

async function survivesKill(now: SentinelTopology, link: SessionLink): Promise<void> {
  await put(link, 'before');
  const primary = await now.primary();
  await primary.kill();
  expect(await put(link, 'after')).toBe('stored');
  expect(link.status().lastFailover?.from).toBe(primary.address);
}

describe('Sentinels', () => {
  it('are used with passwords and TLS of their own, beside those of the data nodes', async () => {
    topology = await startSentinelTopology({
      tls: true,
      nodeAuth: { username: 'sessions', password: 'node-secret' },
      sentinelAuth: { username: 'watcher', password: 'sentinel-secret' },
    });
    const link = links.open(sentinelOptions(topology.redisOptions, 'replicated'));
    await survivesKill(topology, link);
  });

  it('tell in the refusal what is wrong with their password or with the name of the group', async () => {
    topology = await startSentinelTopology({ sentinelAuth: { password: 'sentinel-secret' } });
    const limits = { operationTimeoutMs: 700 };
    const wrongPassword = links.open(
      sentinelOptions({ ...topology.redisOptions, sentinelPassword: 'wrong' }, 'replicated', limits),
    );
    await expect(put(wrongPassword, 'k')).rejects.toMatchObject({
      cause: { message: expect.stringContaining('WRONGPASS') as string },
    });
    const wrongName = links.open(sentinelOptions({ ...topology.redisOptions, name: 'nobody' }, 'replicated', limits));
    await expect(put(wrongName, 'k')).rejects.toMatchObject({
      cause: { message: expect.stringMatching(/"nobody".*no master "nobody"/) as string },
    });
  });

  it('that allow no subscription and few commands are polled', async () => {
    topology = await startSentinelTopology({
      sentinelConfig: ['user limited on >limited -@all +sentinel|master +sentinel|replicas +sentinel|sentinels +ping'],
    });
    const client = { ...topology.redisOptions, sentinelUsername: 'limited', sentinelPassword: 'limited' };
    await survivesKill(topology, links.open(sentinelOptions(client, 'replicated')));
  });

  it('that tell nothing but the address are believed', async () => {
    topology = await startSentinelTopology({
      sentinelConfig: ['user limited on >limited -@all +sentinel|get-master-addr-by-name'],
    });
    const client = { ...topology.redisOptions, sentinelUsername: 'limited', sentinelPassword: 'limited' };
    await survivesKill(topology, links.open(sentinelOptions(client, 'primary')));
  });

  it('are found through the one that is configured', async () => {
    topology = await startSentinelTopology();
    const [seed, ...others] = topology.redisOptions.sentinels;
    const link = links.open(
      sentinelOptions({ ...topology.redisOptions, sentinels: [seed ?? { host: '', port: 0 }] }, 'replicated'),
    );
    await put(link, 'k');
    await pollUntil('all Sentinels to be known', async () => (await link.inspect(1000)).sentinels?.reachable === 3);
    await topology.sentinels[0]?.kill();
    await survivesKill(topology, link);
    expect(others).toHaveLength(2);
  });

  it('may all be gone while the primary lives, and are found again', async () => {
    topology = await startSentinelTopology();
    const link = links.open(sentinelOptions(topology.redisOptions, 'replicated'));
    await put(link, 'before');
    await Promise.all(topology.sentinels.map((sentinel) => sentinel.kill()));
    await put(link, 'without');
    await Promise.all(topology.sentinels.map((sentinel) => sentinel.restart()));
    await pollUntil(
      'all Sentinels to be heard again',
      async () => (await link.inspect(1000)).sentinels?.reachable === 3,
    );
    await put(link, 'after');
    expect(link.status().state).toBe('ready');
  });

  it('that come back with other addresses are found by the names that were given, which are never forgotten', async () => {
    topology = await startSentinelTopology();
    const { name, sentinels, redisOptions } = topology;
    const primary = await topology.primary();
    // Each stands for a host name, which leads to another machine once its Sentinel has moved.
    const hosts = await Promise.all(sentinels.map((target) => startTcpProxy({ target })));
    proxies.push(...hosts);
    const link = links.open(sentinelOptions({ ...redisOptions, sentinels: hosts }, 'replicated'));
    await put(link, 'before');
    const whenReachable = (count: number) =>
      pollUntil(`${count} Sentinels to answer`, async () => (await link.inspect(1000)).sentinels?.reachable === count);
    // While one is left nobody knows anything of the others but the names; then it goes, too, and stays away.
    await Promise.all([sentinels[0]?.kill(), sentinels[1]?.kill()]);
    await whenReachable(1);
    await sentinels[2]?.kill();
    for (const host of hosts.slice(0, 2)) {
      const moved = await startRedisServer({
        sentinel: true,
        config: [
          `sentinel monitor ${name} ${primary.host} ${primary.port} 2`,
          `sentinel down-after-milliseconds ${name} 1000`,
        ],
      });
      servers.push(moved);
      host.retarget(moved);
    }
    await whenReachable(2);
    await pollUntil('the Sentinels to know each other', () => servers[0]?.cli('SENTINEL', 'CKQUORUM', name));
    await primary.kill();
    expect(await put(link, 'after')).toBe('stored');
    expect(link.status().lastFailover?.from).toBe(primary.address);
  });

  it('that are all gone when the primary dies cost a refusal by the deadline, until they are back', async () => {
    topology = await startSentinelTopology();
    const link = links.open(sentinelOptions(topology.redisOptions, 'replicated', { operationTimeoutMs: 1500 }));
    await put(link, 'before');
    const primary = await topology.primary();
    await Promise.all(topology.sentinels.map((sentinel) => sentinel.kill()));
    await primary.kill();
    await expect(put(link, 'without')).rejects.toMatchObject({ reason: 'deadline' });
    await Promise.all(topology.sentinels.map((sentinel) => sentinel.restart()));
    await pollUntil('changes to be stored again', async () => (await put(link, 'after')) === 'stored', {
      timeoutMs: 20_000,
    });
  });

  it('with a view from before the failover do not lead back to the former primary', async () => {
    topology = await startSentinelTopology();
    const stale = topology.sentinels[2];
    const primary = await topology.primary();
    stale?.freeze();
    const link = links.open(sentinelOptions(topology.redisOptions, 'replicated'));
    await put(link, 'before');
    primary.freeze();
    await put(link, 'after');
    const used = link.status().primary;
    expect(used).not.toBe(primary.address);
    // Both tell the old story now.
    primary.thaw();
    stale?.thaw();
    for (let i = 0; i < 20; i++) {
      await put(link, `later${i}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(link.status().primary).toBe(used);
  });

  it('are asked again after the announcement of a failover was missed', async () => {
    topology = await startSentinelTopology();
    const through = await Promise.all(topology.redisOptions.sentinels.map((target) => startTcpProxy({ target })));
    proxies.push(...through);
    const sentinels = through.map(({ host, port }) => ({ host, port }));
    const link = links.open(sentinelOptions({ ...topology.redisOptions, sentinels }, 'primary'));
    await put(link, 'before');
    const former = await topology.primary();
    for (const proxy of through) proxy.cut();
    await topology.failover();
    for (const proxy of through) proxy.heal();
    await pollUntil(
      'the link to follow',
      () => link.status().primary !== former.address && link.status().state === 'ready',
    );
    expect(await put(link, 'after')).toBe('stored');
  });
});

describe('a link through Sentinel', () => {
  it('reaches nodes and Sentinels by translated addresses', async () => {
    topology = await startSentinelTopology();
    const behind = await Promise.all(topology.nodes.map((target) => startTcpProxy({ target })));
    proxies.push(...behind);
    const natMap = Object.fromEntries(
      topology.nodes.map(({ address }, i) => [address, { host: '127.0.0.1', port: behind[i]?.port ?? 0 }]),
    );
    const options = sentinelOptions(topology.redisOptions, 'replicated') as ResolvedRedisOptions & {
      topology: { kind: 'sentinel' };
    };
    const link = links.open({ ...options, topology: { ...options.topology, natMap } });
    await put(link, 'before');
    expect(behind.map(({ port }) => `127.0.0.1:${port}`)).toContain(link.status().primary);
    const [replica] = await topology.replicas();
    expect(await replica?.cli('GET', 'before')).toBe('before');
    await (await topology.primary()).kill();
    expect(await put(link, 'after')).toBe('stored');
    expect(behind.map(({ port }) => `127.0.0.1:${port}`)).toContain(link.status().primary);
  });

  it('works for a user who may ask the nodes for nothing about themselves', async () => {
    const user = 'user limited on >limited ~* -@all +eval +evalsha +get +set +hincrby +time +ping +wait';
    topology = await startSentinelTopology({ nodeConfig: [user] });
    const link = links.open(
      sentinelOptions({ ...topology.redisOptions, username: 'limited', password: 'limited' }, 'replicated'),
    );
    await put(link, 'before');
    expect(await link.execute({ run: GET, keys: ['before'], args: [] })).toBe('before');
    await (await topology.primary()).kill();
    expect(await put(link, 'after')).toBe('stored');
  });

  it('inspects the nodes and the Sentinels', async () => {
    topology = await startSentinelTopology();
    const link = links.open(sentinelOptions(topology.redisOptions, 'replicated'));
    await put(link, 'k');
    const [replica] = await topology.replicas();
    const inspection = await pollUntil('all Sentinels to be known', async () => {
      const seen = await link.inspect(1000);
      return seen.sentinels?.reachable === 3 && seen;
    });
    expect(inspection).toMatchObject({ role: 'master', sentinels: { known: 3, reachable: 3, quorum: true } });
    expect(inspection.replicas.map(({ address }) => address)).toEqual([replica?.address]);
    await Promise.all(topology.sentinels.slice(1).map((sentinel) => sentinel.kill()));
    await pollUntil('the lost quorum to be seen', async () => (await link.inspect(1000)).sentinels?.quorum === false, {
      timeoutMs: 10_000,
    });
  });

  it('leaves no handle behind, in peace or in the middle of a failover', async () => {
    topology = await startSentinelTopology();
    const primary = await topology.primary();
    const before = process.getActiveResourcesInfo();
    const isSettled = (): boolean => !isMore(process.getActiveResourcesInfo(), before);
    const calm = links.open(sentinelOptions(topology.redisOptions, 'replicated'));
    await put(calm, 'k');
    await calm.close();
    await pollUntil('all handles to be closed', isSettled, { timeoutMs: 10_000 });
    const hurried = links.open(sentinelOptions(topology.redisOptions, 'replicated', { operationTimeoutMs: 500 }));
    await put(hurried, 'k');
    primary.freeze();
    const pending = put(hurried, 'last').catch(() => undefined);
    await hurried.close();
    await pending;
    await pollUntil('all handles to be closed', isSettled, { timeoutMs: 10_000 });
  });
});
