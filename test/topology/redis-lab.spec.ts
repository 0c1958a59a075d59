import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { isAlive, makeTemporaryDirectory, spawnChild } from '../../tools/redis-lab/child-processes.js';
import { startClusterTopology } from '../../tools/redis-lab/cluster-topology.js';
import { createLabNetwork, whyNoNetwork, type LabHost } from '../../tools/redis-lab/network.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import { startSentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { startTcpProxy } from '../../tools/redis-lab/tcp-proxy.js';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** Stops it after the test, also when the test fails. */
async function started<T extends { stop(): Promise<unknown> }>(starting: Promise<T>): Promise<T> {
  const it = await starting;
  stops.push(() => it.stop());
  return it;
}

describe('a Redis server of the lab', () => {
  it('comes back on its port with its data when it persists, and empty when it does not', async () => {
    const keeping = await started(startRedisServer({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] }));
    const losing = await started(startRedisServer());
    for (const server of [keeping, losing]) {
      await server.cli('SET', 'a', '1');
      const { address } = server;
      await server.kill();
      expect(server.running).toBe(false);
      await server.restart();
      expect(server.address).toBe(address);
    }
    expect(await keeping.cli('GET', 'a')).toBe('1');
    expect(await losing.cli('GET', 'a')).toBeNull();
  });

  it('does not answer while it is frozen', async () => {
    const server = await started(startRedisServer());
    server.freeze();
    await expect(server.cli('PING')).rejects.toThrow();
    server.thaw();
    expect(await server.cli('PING')).toBe('PONG');
  });

  it('does not outlive the process that started it, even when that is killed', async () => {
    const program = `import { startRedisServer } from './tools/redis-lab/redis-server.ts';
      const server = await startRedisServer(); console.log(server.pid); setInterval(() => {}, 1000);`;
    // A killed process cannot remove its directory; ours does it.
    const directory = makeTemporaryDirectory('test');
    stops.push(() => directory.remove());
    const env = { ...process.env, TMPDIR: directory.path };
    const parent = spawnChild(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], { env });
    const pid = await new Promise<number>((resolve) => parent.stdout?.once('data', (text) => resolve(Number(text))));
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await pollUntil('the server to be gone', () => !isAlive(pid));
  });

  it('says in the error why it did not start', async () => {
    await expect(startRedisServer({ config: ['nonsense yes'] })).rejects.toThrow(/nonsense/);
  });
});

describe('a Sentinel topology of the lab', () => {
  it('promotes the replica when the primary is killed, and demotes the old primary when it returns', async () => {
    const topology = await started(startSentinelTopology());
    const old = await topology.primary();
    await old.kill();
    const promoted = await pollUntil('a failover', async () => {
      const now = await topology.primary();
      return now !== old && now;
    });
    await old.restart();
    await topology.whenStable();
    expect(await topology.primary()).toBe(promoted);
    expect(await topology.replicas()).toEqual([old]);
  });

  it('fails over as planned', async () => {
    const topology = await started(startSentinelTopology());
    const old = await topology.primary();
    await topology.failover();
    expect(await topology.primary()).not.toBe(old);
    await topology.whenStable();
  });

  it('lets in only those who come with TLS and the right user', async () => {
    const topology = await started(
      startSentinelTopology({
        tls: true,
        nodeAuth: { username: 'app', password: 'node-secret' },
        sentinelAuth: { password: 'sentinel-secret' },
      }),
    );
    const client = new Redis({ ...topology.redisOptions, enableTLSForSentinelMode: true, lazyConnect: true });
    client.on('error', () => undefined);
    stops.push(() => client.disconnect());
    expect(await client.set('a', '1')).toBe('OK');
    const primary = await topology.primary();
    const stranger = new Redis({
      host: primary.host,
      port: primary.port,
      lazyConnect: true,
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
    });
    stranger.on('error', () => undefined);
    await expect(stranger.ping()).rejects.toThrow();
    await expect((topology.sentinels[0] as typeof primary).cli('PING')).resolves.toBe('PONG');
  });
});

const noNetwork = whyNoNetwork();
if (noNetwork !== undefined) console.warn(`SKIPPED: all tests on network namespaces: ${noNetwork}`);

describe.skipIf(noNetwork !== undefined)('a network of the lab', () => {
  it('cuts machines off in both directions or in one, and this process from none', async () => {
    const network = createLabNetwork();
    stops.push(() => network.stop());
    const [a, b] = [network.host('a'), network.host('b')];
    const server = await started(startRedisServer({ host: a.ip, port: 6379, prefix: a.prefix }));
    const reach = (from: LabHost) =>
      new Promise<boolean>((resolve) => {
        const child = spawnChild('redis-cli', ['-h', a.ip, 'ping'], { prefix: ['timeout', '1', ...from.prefix] });
        child.once('exit', (code) => resolve(code === 0));
      });
    expect(await reach(b)).toBe(true);
    for (const cut of [
      () => network.isolate([a]),
      () => network.cutOneWay([a], [b]),
      () => network.cutOneWay([b], [a]),
    ]) {
      cut();
      expect(await reach(b)).toBe(false);
      expect(await server.cli('PING')).toBe('PONG');
      network.heal();
      expect(await reach(b)).toBe(true);
    }
  });
});

describe('a cluster of the lab', () => {
  it('serves all slots, fails over and moves slots', async () => {
    const cluster = await started(startClusterTopology());
    expect(await cluster.masters()).toHaveLength(3);
    const owner = await cluster.masterOf('a');
    await owner.cli('SET', 'a', '1');
    const [replica] = await cluster.replicasOf(owner);
    await cluster.failover(replica as typeof owner);
    await cluster.whenStable();
    const other = (await cluster.masters()).find((master) => master !== replica) as typeof owner;
    await cluster.reshard([15495], other);
    await cluster.whenStable();
    expect(await cluster.masterOf('a')).toBe(other);
    expect(await other.cli('GET', 'a')).toBe('1');
  });
});

describe('a TCP proxy of the lab', () => {
  it('silences, cuts and heals', async () => {
    const server = await started(startRedisServer());
    const proxy = await started(startTcpProxy({ target: server, delayMs: 20 }));
    const client = new Redis({
      host: proxy.host,
      port: proxy.port,
      retryStrategy: () => 20,
      maxRetriesPerRequest: null,
    });
    client.on('error', () => undefined);
    stops.push(() => client.disconnect());
    const before = performance.now();
    expect(await client.ping()).toBe('PONG');
    expect(performance.now() - before).toBeGreaterThanOrEqual(40);

    proxy.freeze('toClient');
    const answer = client.incr('a');
    await pollUntil('the server to have executed it', async () => (await server.cli('GET', 'a')) === '1');
    expect(await Promise.race([answer, Promise.resolve('silent')])).toBe('silent');
    proxy.thaw();
    expect(await answer).toBe(1);

    proxy.cut();
    await pollUntil('the client to notice', () => client.status !== 'ready');
    proxy.heal();
    expect(await client.ping()).toBe('PONG');
  });
});
