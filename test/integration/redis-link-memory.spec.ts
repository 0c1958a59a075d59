import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SessionLink } from '../../lib/core/session-link.js';
import { SessionUnavailableError } from '../../lib/errors/session-unavailable.error.js';
import type { ResolvedRedisOptions } from '../../lib/options/redis.options.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startRedisServer, type RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { LIMITS, linkKeeper, PUT, standaloneOptions } from './redis-link.support.js';

const MIB = 1_048_576;
const BOUND_BYTES = 16 * MIB;
/** Three times as much as there is room for. */
const COUNT = 48;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Memory that this process needs: texts, objects and buffers, without what could be given back. */
function neededBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const links = linkKeeper();
let server: RedisProcess;
let client: Redis;

beforeEach(async () => {
  server = await startRedisServer();
  client = new Redis({ port: server.port, host: server.host });
  client.on('error', () => undefined);
});

afterEach(async () => {
  client.disconnect();
  await server.stop();
  await links.closeAll();
});

/** Begins changes of a megabyte each, and says what became of them; nothing here keeps their texts. */
function begin(link: SessionLink, last: string): Promise<string>[] {
  return Array.from({ length: COUNT }, (_, index) => {
    const text = String.fromCharCode(97 + (index % 26)).repeat(MIB) + last;
    return link.execute({ run: PUT, keys: [`k${index}`], args: [text] }).then(
      () => 'done',
      (error: unknown) => (error instanceof SessionUnavailableError ? error.reason : String(error)),
    );
  });
}

const CLIENT: Omit<ResolvedRedisOptions, 'topology' | 'operationTimeoutMs'> = {
  ...LIMITS,
  durability: 'primary',
  attemptTimeoutMs: 100,
  maxWaitingBytes: BOUND_BYTES,
};

describe('changes that wait for Redis hold no more memory than maxWaitingBytes', () => {
  it.each<[what: string, options: () => ResolvedRedisOptions, spoil: (link: SessionLink) => Promise<void> | void]>([
    [
      'while no server is there',
      () => standaloneOptions(server.port, { maxWaitingBytes: BOUND_BYTES, operationTimeoutMs: 1000 }),
      async (link) => {
        await server.kill();
        await pollUntil('the loss', () => link.status().state === 'lost');
      },
    ],
    [
      'while the server is frozen',
      () => standaloneOptions(server.port, { maxWaitingBytes: BOUND_BYTES, operationTimeoutMs: 1000 }),
      () => server.freeze(),
    ],
    [
      "while the server of the application's own client is frozen, over many attempts",
      () => ({ ...CLIENT, operationTimeoutMs: 1500, topology: { kind: 'client', client } }),
      () => server.freeze(),
    ],
    [
      'in the client of the application, also when their time is over and others come',
      () => ({ ...CLIENT, operationTimeoutMs: 500, topology: { kind: 'client', client } }),
      () => server.freeze(),
    ],
  ])('%s', async (_what, options, spoil) => {
    const link = links.open(options());
    await link.ready();
    const before = neededBytes();
    await spoil(link);
    for (const last of ['', '\u20ac']) {
      const outcomes = begin(link, last);
      const grown: number[] = [];
      const isOver = Promise.all(outcomes).then(() => true);
      const nap = (): Promise<boolean> => new Promise((resolve) => setTimeout(resolve, 20, false));
      do grown.push(neededBytes() - before);
      while (!(await Promise.race([isOver, nap()])));
      // What is at hand of a command beside its text, and what the test itself needs.
      expect(Math.max(...grown) / MIB).toBeLessThan((1.25 * BOUND_BYTES) / MIB);
      const reasons = new Set(await Promise.all(outcomes));
      expect([...reasons].filter((reason) => reason !== 'deadline')).toEqual(['overload']);
    }
  });

  it('and are stored when the server is back, as far as there was room', async () => {
    const link = links.open(standaloneOptions(server.port, { maxWaitingBytes: BOUND_BYTES }));
    await link.ready();
    server.freeze();
    const outcomes = begin(link, '');
    server.thaw();
    const done = (await Promise.all(outcomes)).filter((reason) => reason === 'done');
    expect(done.length).toBeGreaterThan(4);
    // And there is room again for as many.
    const again = (await Promise.all(begin(link, ''))).filter((reason) => reason === 'done');
    expect(again).toHaveLength(done.length);
  });
});
