import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import type { SessionLink } from '../../lib/core/session-link.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startRedisServer, type RedisProcess, type RedisServerOptions } from '../../tools/redis-lab/redis-server.js';
import { startTcpProxy, type TcpProxy } from '../../tools/redis-lab/tcp-proxy.js';
import { GET, PUT, isMore, linkKeeper, script, standaloneOptions } from './redis-link.support.js';

const links = linkKeeper();
const servers: RedisProcess[] = [];
const proxies: TcpProxy[] = [];

afterEach(async () => {
  for (const server of servers) server.thaw();
  await links.closeAll();
  await Promise.all(proxies.splice(0).map((proxy) => proxy.stop()));
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function startServer(options?: RedisServerOptions): Promise<RedisProcess> {
  const server = await startRedisServer(options);
  servers.push(server);
  return server;
}

async function startProxy(target: RedisProcess, delayMs = 0): Promise<TcpProxy> {
  const proxy = await startTcpProxy({ target, delayMs });
  proxies.push(proxy);
  return proxy;
}

function put(link: SessionLink, key: string, value = key): Promise<unknown> {
  return link.execute({ run: PUT, keys: [key], args: [value] });
}

function get(link: SessionLink, key: string): Promise<unknown> {
  return link.execute({ run: GET, keys: [key], args: [] });
}

const reasonOf = (error: unknown): string => (error as { reason: string }).reason;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('a link to one server', () => {
  it('runs scripts and commands and gives their replies', async () => {
    const server = await startServer();
    const link = links.open(standaloneOptions(server.port));
    expect(await put(link, 'k', 'v')).toBe('stored');
    expect(await get(link, 'k')).toBe('v');
    expect(await get(link, 'none')).toBeNull();
    await server.cli('HSET', 'h', 'field', 'ä', '__proto__', 'x');
    const hash = await link.execute({ run: 'hgetall', keys: ['h'], args: [] });
    expect(hash).toEqual(['field', 'ä', '__proto__', 'x']);
    const binary = Buffer.from([0, 255, 13, 10]);
    await link.execute({ run: PUT, keys: ['b'], args: [binary] });
    expect(await server.cli('STRLEN', 'b')).toBe(4);
  });

  it('brings a script again after SCRIPT FLUSH, whatever is in flight', async () => {
    const server = await startServer();
    const link = links.open(standaloneOptions(server.port));
    await put(link, 'k');
    await server.cli('SCRIPT', 'FLUSH');
    await Promise.all(Array.from({ length: 200 }, (_, i) => put(link, `k${i}`)));
    expect(await server.cli('KEYS', 'k*')).toHaveLength(201);
  });

  it('waits for a server that is not there yet, and tells why when the deadline comes', async () => {
    const server = await startServer();
    await server.kill();
    const link = links.open(standaloneOptions(server.port, { operationTimeoutMs: 500 }));
    const error = await put(link, 'k').catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      reason: 'deadline',
      cause: { message: expect.stringContaining('ECONNREFUSED') as string },
    });
    const patient = links.open(standaloneOptions(server.port));
    const pending = put(patient, 'k');
    await server.restart();
    expect(await pending).toBe('stored');
  });

  it('notices a frozen server while idle and uses it again when it thaws', async () => {
    const server = await startServer();
    const link = links.open(standaloneOptions(server.port));
    await put(link, 'k');
    server.freeze();
    await pollUntil('the loss to be noticed', () => link.status().state === 'lost', { timeoutMs: 3000 });
    const pending = put(link, 'k2');
    server.thaw();
    expect(await pending).toBe('stored');
  });

  it('never executes an operation after it was given up', async () => {
    const server = await startServer();
    const link = links.open(standaloneOptions(server.port, { operationTimeoutMs: 1500 }));
    await put(link, 'before');
    server.freeze();
    const outcomes = await Promise.allSettled(Array.from({ length: 100 }, (_, i) => put(link, `ghost${i}`)));
    expect(outcomes.every((outcome) => outcome.status === 'rejected')).toBe(true);
    await sleep(50);
    server.thaw();
    await put(link, 'after');
    await sleep(200);
    expect(await server.cli('KEYS', 'ghost*')).toEqual([]);
  });

  it('leaves nothing behind in the network that is delivered after it was given up', async () => {
    const server = await startServer();
    const proxy = await startProxy(server);
    const link = links.open(standaloneOptions(proxy.port, { operationTimeoutMs: 1200 }));
    await put(link, 'before');
    proxy.freeze('toServer');
    await expect(put(link, 'ghost')).rejects.toMatchObject({ reason: 'deadline' });
    proxy.thaw();
    await put(link, 'after');
    await sleep(200);
    expect(await server.cli('EXISTS', 'ghost')).toBe(0);
  });

  it('executes a change once when its answer is lost', async () => {
    const server = await startServer();
    const proxy = await startProxy(server);
    const link = links.open(standaloneOptions(proxy.port));
    await put(link, 'before');
    proxy.freeze('toClient');
    const pending = put(link, 'k');
    await pollUntil('the change to be executed', async () => (await server.cli('EXISTS', 'k')) === 1);
    proxy.cut();
    proxy.thaw();
    proxy.heal();
    expect(await pending).toBe('stored');
  });

  it('does not take a slow network for a dead one', async () => {
    const server = await startServer();
    const proxy = await startProxy(server, 150);
    const link = links.open(standaloneOptions(proxy.port));
    const events: string[] = [];
    link.on('lost', ({ reason }) => events.push(reason));
    await put(link, 'k');
    await Promise.all(Array.from({ length: 20 }, (_, i) => put(link, `k${i}`)));
    await sleep(1500);
    expect(events).toEqual([]);
  });

  it('does not take its own standstill for that of the server', async () => {
    const server = await startServer();
    const link = links.open(standaloneOptions(server.port));
    await put(link, 'k');
    const events: string[] = [];
    link.on('lost', ({ reason }) => events.push(reason));
    const sent = put(link, 'a');
    await new Promise(setImmediate);
    const unsent = get(link, 'k');
    const until = Date.now() + 2500;
    while (Date.now() < until);
    await Promise.all([sent, unsent]);
    await sleep(300);
    expect(events).toEqual([]);
  });

  it('refuses at once what is too much', async () => {
    const server = await startServer();
    await server.kill();
    const link = links.open(
      standaloneOptions(server.port, { operationTimeoutMs: 400, maxWaitingCount: 50, maxWaitingBytes: 1000 }),
    );
    const outcomes = await Promise.all(Array.from({ length: 60 }, () => put(link, 'k', 'x').catch(reasonOf)));
    expect(outcomes.filter((reason) => reason === 'overload')).toHaveLength(10);
    expect(outcomes.filter((reason) => reason === 'deadline')).toHaveLength(50);
    await expect(put(link, 'k', 'x'.repeat(1001))).rejects.toMatchObject({ reason: 'overload' });
  });

  it('stops waiting for a caller that has gone, and does not send its operation', async () => {
    const server = await startServer();
    await server.kill();
    const link = links.open(standaloneOptions(server.port));
    const controller = new AbortController();
    const pending = link.execute({ run: PUT, keys: ['gone'], args: ['x'] }, { signal: () => controller.signal });
    controller.abort();
    await expect(pending).rejects.toMatchObject({ reason: 'aborted' });
    await expect(
      link.execute({ run: PUT, keys: ['gone'], args: ['x'] }, { signal: () => controller.signal }),
    ).rejects.toMatchObject({
      reason: 'aborted',
    });
    await server.restart();
    await put(link, 'after');
    expect(await server.cli('EXISTS', 'gone')).toBe(0);
  });

  it('rejects with the error of the server when no retry mends it', async () => {
    const server = await startServer();
    const link = links.open(standaloneOptions(server.port));
    await server.cli('LPUSH', 'list', 'x');
    await expect(get(link, 'list')).rejects.toThrow(/WRONGTYPE/);
    await server.cli('CONFIG', 'SET', 'maxmemory', '1');
    const startedAt = performance.now();
    await expect(put(link, 'k')).rejects.toThrow(/OOM/);
    expect(performance.now() - startedAt).toBeLessThan(1000);
    expect(link.status().state).toBe('ready');
  });

  it('waits while the server has too few replicas, or is a replica itself', async () => {
    const server = await startServer();
    const link = links.open(standaloneOptions(server.port));
    await put(link, 'k');
    await server.cli('CONFIG', 'SET', 'min-replicas-to-write', '1');
    const few = put(link, 'few');
    await sleep(300);
    await server.cli('CONFIG', 'SET', 'min-replicas-to-write', '0');
    expect(await few).toBe('stored');
    await server.cli('REPLICAOF', '127.0.0.1', '1');
    const demoted = Promise.all(Array.from({ length: 100 }, (_, i) => put(link, `demoted${i}`)));
    await pollUntil('the demotion to be noticed', () => link.status().state === 'lost');
    await server.cli('REPLICAOF', 'NO', 'ONE');
    await demoted;
  });

  it('waits while the server is loading its data set', async () => {
    const args = [
      '--appendonly',
      'yes',
      '--appendfsync',
      'always',
      '--aof-use-rdb-preamble',
      'no',
      '--key-load-delay',
      '1000',
    ];
    const server = await startServer({ args });
    const link = links.open(standaloneOptions(server.port));
    // While it loads, a server answers once in 1,024 commands; each of these is four.
    await Promise.all(Array.from({ length: 1_000 }, (_, i) => put(link, `k${i}`)));
    await server.restart({ awaitReady: false });
    await pollUntil(
      'the server to be loading',
      async () => String(await server.cli('INFO', 'persistence')).includes('loading:1'),
      {
        intervalMs: 5,
      },
    );
    expect(await get(link, 'k999')).toBe('k999');
  });

  it('notices a demotion even when nobody writes', async () => {
    const server = await startServer();
    const link = links.open(standaloneOptions(server.port));
    await get(link, 'k');
    await server.cli('REPLICAOF', '127.0.0.1', '1');
    await pollUntil('the demotion to be noticed', () => link.status().state === 'lost', { timeoutMs: 2000 });
  });

  it('reconnects once for a hundred concurrent READONLYs', async () => {
    const server = await startServer();
    const link = links.open(standaloneOptions(server.port));
    await put(link, 'k');
    const lost: string[] = [];
    link.on('lost', ({ reason }) => lost.push(reason));
    await server.cli('REPLICAOF', '127.0.0.1', '1');
    const changes = Promise.all(Array.from({ length: 100 }, (_, i) => put(link, `k${i}`)));
    await pollUntil('the loss', () => lost.length > 0);
    await server.cli('REPLICAOF', 'NO', 'ONE');
    await changes;
    expect(lost).toHaveLength(1);
  });

  it('learns the new time when the clock of the server was misjudged', async () => {
    const server = await startServer();
    const link = links.open(standaloneOptions(server.port));
    const late = script(
      'late',
      true,
      `if redis.call('INCR', 'n') < 3 then return redis.error_reply('LATE 1') end return 'done'`,
    );
    expect(await link.execute({ run: late, keys: ['n'], args: [] })).toBe('done');
    const [seconds] = (await server.cli('TIME')) as [string];
    expect(Math.abs(link.nowMs() - Number(seconds) * 1000)).toBeLessThan(2000);
  });

  it('starts slowly with those who waited', async () => {
    const server = await startServer();
    const link = links.open(standaloneOptions(server.port));
    await put(link, 'k');
    await server.kill();
    await pollUntil('the loss', () => link.status().state === 'lost');
    const changes = Array.from({ length: 2000 }, (_, i) => put(link, `k${i}`));
    expect(link.status().waiting).toBe(2000);
    await server.restart();
    await Promise.all(changes);
    expect(await server.cli('EXISTS', 'k1999')).toBe(1);
    expect(link.status().waiting).toBe(0);
  });

  it('shows neither arguments, keys, replies, passwords nor scripts to tracing and in errors', async () => {
    const server = await startServer({ config: ['requirepass SESAME'], access: { password: 'SESAME' } });
    const topology = {
      kind: 'standalone',
      host: '127.0.0.1',
      port: server.port,
      node: { password: 'SESAME' },
    } as const;
    const seen: unknown[] = [];
    const listener = (message: unknown): void => void seen.push(message);
    for (const phase of ['start', 'end', 'asyncStart', 'asyncEnd', 'error'])
      subscribe(`tracing:ioredis:command:${phase}`, listener);
    try {
      const link = links.open({ ...standaloneOptions(server.port), topology });
      await put(link, 'key-name', 'TOP-SECRET');
      expect(await get(link, 'key-name')).toBe('TOP-SECRET');
      await server.cli('HSET', 'key-name-2', 'field', 'TOP-SECRET');
      expect(await link.execute({ run: 'hgetall', keys: ['key-name-2'], args: [] })).toEqual(['field', 'TOP-SECRET']);
      seen.splice(0, seen.length, ...seen.filter((message) => (message as { command: string }).command !== 'HSET'));
      await server.cli('SCRIPT', 'FLUSH');
      await put(link, 'key-name', 'TOP-SECRET');
      await server.cli('LPUSH', 'list', 'x');
      const failing = script('failing', true, `return redis.call('SET', KEYS[1], ARGV[2], ARGV[3])`);
      const error = await link
        .execute({ run: failing, keys: ['k'], args: ['TOP-SECRET', 'x'] })
        .catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Error);
      expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/TOP-SECRET|key-name/);
      expect(inspect(link, { depth: 20, showHidden: true })).not.toContain('SESAME');
    } finally {
      for (const phase of ['start', 'end', 'asyncStart', 'asyncEnd', 'error'])
        unsubscribe(`tracing:ioredis:command:${phase}`, listener);
    }
    const text = inspect(seen, { depth: 10, showHidden: true, maxStringLength: null, maxArrayLength: null });
    expect(text).toContain('evalsha');
    expect(text).not.toMatch(/TOP-SECRET|key-name|SESAME/);
    expect(text).not.toContain("redis.call('SET'");
  });

  it('inspects the server on the connection of the sessions, and not longer than allowed', async () => {
    const server = await startServer();
    const link = links.open(standaloneOptions(server.port));
    await put(link, 'k');
    expect(await link.inspect(1000)).toMatchObject({
      role: 'master',
      replicas: [],
      sentinels: null,
      maxMemoryBytes: null,
    });
    server.freeze();
    const startedAt = performance.now();
    await expect(link.inspect(300)).rejects.toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE', reason: 'deadline' });
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });

  it('lets what is in flight finish when it closes, refuses what comes later, and leaves nothing open', async () => {
    const server = await startServer();
    const before = process.getActiveResourcesInfo();
    const link = links.open(standaloneOptions(server.port));
    await put(link, 'k');
    const pending = put(link, 'last');
    const closing = link.close();
    await expect(put(link, 'late')).rejects.toMatchObject({ reason: 'closed' });
    expect(await pending).toBe('stored');
    await closing;
    expect(link.status().state).toBe('closed');
    await pollUntil('all handles to be closed', () => !isMore(process.getActiveResourcesInfo(), before), {
      timeoutMs: 10_000,
    });
  });

  it('closes in the middle of an outage by the deadline', async () => {
    const server = await startServer();
    const link = links.open(standaloneOptions(server.port, { operationTimeoutMs: 600 }));
    await put(link, 'k');
    server.freeze();
    const pending = put(link, 'last').catch(reasonOf);
    await link.close();
    expect(await pending).toBe('deadline');
  });
});
