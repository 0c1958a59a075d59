import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import type { SessionLink } from '../../lib/core/session-link.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startRedisServer, type RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { startSentinelTopology, type SentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { startTcpProxy } from '../../tools/redis-lab/tcp-proxy.js';
import { startDeceivingServer, wireList } from '../support/lying-sentinel.js';
import { linkKeeper, PUT, sentinelOptions, startWorkload } from './redis-link.support.js';

const links = linkKeeper();
const ends: (() => unknown)[] = [];
afterEach(async () => {
  await links.closeAll();
  for (const end of ends.splice(0).reverse()) await end();
});

async function start(options: Parameters<typeof startSentinelTopology>[0] = {}): Promise<SentinelTopology> {
  const topology = await startSentinelTopology(options);
  ends.push(() => topology.stop());
  return topology;
}

function put(link: SessionLink, key: string): Promise<unknown> {
  return link.execute({ run: PUT, keys: [key], args: [key] });
}

/** A further Sentinel of a group, at an address of its own unless `port` is given. */
async function join(name: string, primary: RedisProcess, port?: number): Promise<RedisProcess> {
  const sentinel = await startRedisServer({
    sentinel: true,
    ...(port !== undefined && { port }),
    config: [
      `sentinel monitor ${name} ${primary.host} ${primary.port} 2`,
      `sentinel down-after-milliseconds ${name} 1000`,
      `sentinel failover-timeout ${name} 2500`,
    ],
  });
  ends.push(() => sentinel.stop());
  return sentinel;
}

function whenAgreed(sentinels: readonly RedisProcess[], name: string): Promise<unknown> {
  return pollUntil(
    'the Sentinels to know each other and the replicas',
    async () => {
      for (const sentinel of sentinels) {
        const fields = (await sentinel.cli('SENTINEL', 'MASTER', name)) as string[];
        const valueOf = (field: string): number => Number(fields[fields.indexOf(field) + 1]);
        if (valueOf('num-other-sentinels') !== sentinels.length - 1 || valueOf('num-slaves') < 1) return false;
      }
      return true;
    },
    { timeoutMs: 30_000 },
  );
}

const sentinelsOf = async (link: SessionLink) => (await link.inspect(1000)).sentinels;

describe('Sentinels that come and go', () => {
  it('are forgotten once nobody lists them: two generations are replaced one by one, then the replica dies', async () => {
    const topology = await start();
    const { name, redisOptions } = topology;
    const [seed, ...others] = topology.sentinels as [RedisProcess, RedisProcess, RedisProcess];
    const primary = await topology.primary();
    const [replica] = await topology.replicas();
    // A Service name that leads to one that stays.
    const link = links.open(sentinelOptions({ ...redisOptions, sentinels: [seed] }, 'replicated'));
    await put(link, 'before');
    await pollUntil('all to be known', async () => (await sentinelsOf(link))?.reachable === 3);
    let present = others;
    for (let generation = 0; generation < 2; generation++) {
      await Promise.all(present.map((sentinel) => sentinel.kill()));
      present = [await join(name, primary), await join(name, primary)];
      await seed.cli('SENTINEL', 'RESET', name);
      await whenAgreed([seed, ...present], name);
    }
    await pollUntil(
      'the dead ones to be forgotten',
      async () => JSON.stringify(await sentinelsOf(link)).includes('"known":3,"reachable":3'),
      { timeoutMs: 12_000 },
    );
    await replica?.kill();
    expect(await put(link, 'alone')).toBe('stored');
  }, 90_000);

  it('may all be new at once, with an id of their own, while one machine dies with its Sentinel and the replica', async () => {
    const topology = await start();
    const { name, redisOptions } = topology;
    const primary = await topology.primary();
    const [replica] = await topology.replicas();
    const link = links.open(sentinelOptions(redisOptions, 'replicated'));
    await put(link, 'before');
    await pollUntil('all to be known', async () => (await sentinelsOf(link))?.reachable === 3);
    const ports = topology.sentinels.map(({ port }) => port);
    await Promise.all([...topology.sentinels.map((sentinel) => sentinel.kill()), replica?.kill()]);
    await Promise.all(ports.slice(0, 2).map((port) => join(name, primary, port)));
    expect(await put(link, 'alone')).toBe('stored');
  }, 60_000);

  it('may all have moved before the options name them', async () => {
    const topology = await start();
    const { name, redisOptions } = topology;
    const primary = await topology.primary();
    const [replica] = await topology.replicas();
    const link = links.open(sentinelOptions(redisOptions, 'replicated'));
    await put(link, 'before');
    const moved = await Promise.all([1, 2, 3].map(() => join(name, primary)));
    await whenAgreed([...topology.sentinels, ...moved], name);
    await pollUntil('the new ones to be known', async () => (await sentinelsOf(link))?.reachable === 6);
    await Promise.all(topology.sentinels.map((sentinel) => sentinel.kill()));
    await Promise.all(moved.map((sentinel) => sentinel.cli('SENTINEL', 'RESET', name)));
    await whenAgreed(moved, name);
    await replica?.kill();
    expect(await put(link, 'alone')).toBe('stored');
    await replica?.restart();
    await whenAgreed(moved, name);
    await pollUntil('a replica', async () => (await link.inspect(1000)).replicas.length === 1);
    await primary.kill();
    expect(await put(link, 'after')).toBe('stored');
  }, 90_000);

  it('and all nodes with them may come back under other addresses, with an epoch that starts anew', async () => {
    const first = await start();
    // Stands for a Service name, which leads to another machine once the first one has gone.
    const host = await startTcpProxy({ target: first.sentinels[0] as RedisProcess });
    ends.push(() => host.stop());
    const link = links.open(sentinelOptions({ ...first.redisOptions, sentinels: [host] }, 'replicated'));
    await put(link, 'before');
    await first.failover();
    let present = first;
    for (let generation = 1; generation <= 2; generation++) {
      await Promise.all([...present.nodes, ...present.sentinels].map((server) => server.kill()));
      const next = await start({ name: first.name });
      host.retarget(next.sentinels[0] as RedisProcess);
      present = next;
      await pollUntil('all to be known', async () => (await sentinelsOf(link))?.reachable === 3);
      expect(await put(link, `generation ${generation}`)).toBe('stored');
      expect(link.status().primary).toBe((await present.primary()).address);
    }
  }, 90_000);

  it('that answer but do not know the group leave the replicas known: changes go on, and health says it', async () => {
    const topology = await start();
    const { name } = topology;
    const primary = await topology.primary();
    const link = links.open(sentinelOptions(topology.redisOptions, 'replicated'));
    await put(link, 'before');
    const unknown: (readonly string[])[] = [];
    link.on('groupUnknown', ({ sentinels }) => unknown.push([...sentinels].sort()));
    await pollUntil('all to be known', async () => (await sentinelsOf(link))?.reachable === 3);
    await Promise.all(topology.sentinels.map((sentinel) => sentinel.cli('SENTINEL', 'REMOVE', name)));
    await pollUntil('all to be unaware', async () => (await sentinelsOf(link))?.unaware.length === 3);
    const workload = startWorkload(link, 20);
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    for (const sentinel of topology.sentinels) {
      await sentinel.cli('SENTINEL', 'MONITOR', name, primary.host, String(primary.port), '2');
      await sentinel.cli('SENTINEL', 'SET', name, 'down-after-milliseconds', '1000');
    }
    await whenAgreed(topology.sentinels, name);
    await workload.stop();
    expect(workload.errors).toEqual([]);
    expect(workload.longestPauseMs).toBeLessThan(1500);
    await pollUntil('nobody to be unaware', async () => (await sentinelsOf(link))?.unaware.length === 0);
    expect(unknown).toContainEqual(topology.sentinels.map(({ address }) => address).sort());
    expect(unknown.at(-1)).toEqual([]);
    await primary.kill();
    expect(await put(link, 'after')).toBe('stored');
  }, 60_000);
});

describe('a group whose Sentinels know nodes by host names', () => {
  it('has each server once: after a failover it has a replica, also when the Sentinels die', async () => {
    const topology = await start({
      monitorHost: 'localhost',
      sentinelConfig: ['sentinel resolve-hostnames yes', 'sentinel announce-hostnames yes'],
    });
    const link = links.open(sentinelOptions(topology.redisOptions, 'replicated'));
    await put(link, 'before');
    await topology.failover();
    expect(await put(link, 'after')).toBe('stored');
    const former = topology.nodes[0] as RedisProcess;
    await pollUntil(
      'the former primary to be listed twice',
      async () => {
        const list = JSON.stringify(await topology.sentinels[0]?.cli('SENTINEL', 'REPLICAS', topology.name));
        return list.includes(`localhost:${former.port}`) && list.includes(former.address);
      },
      { timeoutMs: 30_000 },
    );
    await pollUntil('the former primary to be the replica', async () => {
      const { replicas } = await link.inspect(1000);
      return replicas.length === 1 && replicas[0]?.lagBytes === 0;
    });
    await pollUntil('changes to be replicated', () => link.status().state === 'ready');
    expect((await sentinelsOf(link))?.unconnected).toEqual([]);
    await Promise.all(topology.sentinels.map((sentinel) => sentinel.kill()));
    for (let i = 0; i < 20; i++) {
      await put(link, `without Sentinels ${i}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(link.status().state).toBe('ready');
  }, 90_000);
});

describe('a replica that was retired without SENTINEL RESET', () => {
  it('is named by the inspection at once', async () => {
    const topology = await start({ replicas: 2 });
    const link = links.open(sentinelOptions(topology.redisOptions, 'replicated'));
    await put(link, 'before');
    await pollUntil('all to be well', async () => (await sentinelsOf(link))?.unconnected.length === 0);
    const retired = topology.nodes[2] as RedisProcess;
    await retired.kill();
    const seen = await pollUntil('it to be named', async () => {
      const unconnected = (await sentinelsOf(link))?.unconnected ?? [];
      return unconnected.length > 0 && unconnected;
    });
    expect(seen).toEqual([retired.address]);
    await Promise.all(topology.sentinels.map((sentinel) => sentinel.cli('SENTINEL', 'RESET', topology.name)));
    await pollUntil('it to be forgotten', async () => (await sentinelsOf(link))?.unconnected.length === 0);
  }, 60_000);
});

describe('a Sentinel that lies', () => {
  it('is asked and not followed, and its node gets no password', async () => {
    const password = 'the-password-of-the-data-nodes';
    const topology = await start({ nodeAuth: { password } });
    const { name } = topology;
    const primary = await topology.primary();
    const thief = await startDeceivingServer(([command]) =>
      command === 'role' ? `*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n` : '+OK\r\n',
    );
    ends.push(() => thief.stop());
    const id = randomBytes(20).toString('hex');
    const liar = await startDeceivingServer(([command, what]) => {
      if (command?.toLowerCase() !== 'sentinel') return '+PONG\r\n';
      switch (what?.toUpperCase()) {
        case 'MASTER':
          return wireList(
            ...['name', name, 'ip', thief.host, 'port', String(thief.port), 'runid', id, 'flags', 'master'],
            ...[
              'last-ok-ping-reply',
              '1',
              'config-epoch',
              '999999',
              'num-slaves',
              '0',
              'num-other-sentinels',
              '0',
              'quorum',
              '1',
            ],
          );
        case 'MYID':
          return `$40\r\n${id}\r\n`;
        default:
          return '*0\r\n';
      }
    });
    ends.push(() => liar.stop());
    const link = links.open(sentinelOptions(topology.redisOptions, 'replicated'));
    await put(link, 'before');
    await primary.cli(
      'PUBLISH',
      '__sentinel__:hello',
      [liar.host, liar.port, id, 1, name, primary.host, primary.port, 0].join(),
    );
    await pollUntil('the liar to be asked', () => liar.commands.some((words) => words[1]?.toUpperCase() === 'MASTER'), {
      timeoutMs: 20_000,
    });
    for (let i = 0; i < 40; i++) {
      await put(link, `beside ${i}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(link.status().primary).toBe(primary.address);
    expect(thief.commands).toEqual([]);
    await primary.kill();
    expect(await put(link, 'after')).toBe('stored');
    expect(thief.commands).toEqual([]);
  }, 60_000);

  it('is not even asked where the options say so', async () => {
    const topology = await start();
    const liar = await startDeceivingServer(() => '*0\r\n');
    ends.push(() => liar.stop());
    const primary = await topology.primary();
    const options = sentinelOptions(topology.redisOptions, 'replicated');
    if (options.topology.kind !== 'sentinel') throw new Error('unreachable');
    const link = links.open({ ...options, topology: { ...options.topology, discoverSentinels: false } });
    await put(link, 'before');
    const hello = [liar.host, liar.port, 'f'.repeat(40), 1, topology.name, primary.host, primary.port, 0].join();
    await primary.cli('PUBLISH', '__sentinel__:hello', hello);
    await pollUntil('the Sentinels to ask it', () => liar.commands.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    // The Sentinels themselves ask for nothing about a group.
    expect(liar.commands.filter(([, what]) => /^(MASTER|MYID|get-master)/i.test(what ?? ''))).toEqual([]);
    expect(await sentinelsOf(link)).toMatchObject({ known: 3, reachable: 3 });
  }, 60_000);
});

describe('a replica that was promoted by mistake (REPLICAOF NO ONE)', () => {
  it('stops nothing for long while the primary has another replica', async () => {
    const topology = await start({ replicas: 2, fast: false, downAfterMs: 3_000 });
    const link = links.open(sentinelOptions(topology.redisOptions, 'replicated'));
    await put(link, 'before');
    const primary = await topology.primary();
    const [stray] = await topology.replicas();
    const workload = startWorkload(link, 20);
    await stray?.cli('REPLICAOF', 'NO', 'ONE');
    await new Promise((resolve) => setTimeout(resolve, 9_000));
    await workload.stop();
    expect(workload.errors).toEqual([]);
    expect(workload.longestPauseMs).toBeLessThan(6_000);
    expect(link.status().primary).toBe(primary.address);
  }, 90_000);
});

describe('a replica that can never be promoted (priority 0)', () => {
  it('makes nobody say "recovered" after a switch, while Sentinel lists it with priority 100', async () => {
    const topology = await start({ replicas: 2 });
    const last = topology.nodes[2] as RedisProcess;
    await last.cli('CONFIG', 'SET', 'replica-priority', '0');
    await pollUntil('the Sentinels to know', async () => {
      const lists = await Promise.all(
        topology.sentinels.map(async (sentinel) =>
          JSON.stringify(await sentinel.cli('SENTINEL', 'REPLICAS', topology.name)),
        ),
      );
      return lists.every((list) => list.includes('"slave-priority","0"'));
    });
    const link = links.open(sentinelOptions(topology.redisOptions, 'replicated'));
    const events: string[] = [];
    for (const event of ['degraded', 'recovered'] as const) link.on(event, () => events.push(event));
    await put(link, 'before');
    const workload = startWorkload(link, 10);
    await (await topology.primary()).kill();
    await pollUntil('the failover', () => link.status().lastFailover !== null);
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    await workload.stop();
    expect(workload.errors).toEqual([]);
    expect(events).toEqual(['degraded']);
  }, 60_000);
});
