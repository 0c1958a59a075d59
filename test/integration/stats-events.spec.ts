import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SessionLink } from '../../lib/core/session-link.js';
import type { SessionChange } from '../../lib/core/session-record.js';
import { RedisEventSource } from '../../lib/stats/event-source.js';
import type { SessionInstallationEvent } from '../../lib/stats/installation-event.js';
import { SessionCounter } from '../../lib/stats/session-counts.js';
import type { SessionInstallationSubscription } from '../../lib/stats/session-installation-events.js';
import { RedisKeyLayout } from '../../lib/store/redis-key-layout.js';
import { RedisSessionRepository } from '../../lib/store/redis-session.repository.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { linkKeeper, standaloneOptions } from './redis-link.support.js';

const HOUR_MS = 3_600_000;
const links = linkKeeper();
let server: RedisProcess;
let link: SessionLink;
let redis: Redis;

beforeAll(async () => {
  server = await startRedisServer();
  link = links.open(standaloneOptions(server.port));
  redis = new Redis(server.port, server.host);
});

afterAll(async () => {
  redis.disconnect();
  await links.closeAll();
  await server.stop();
});

const change = (values: Partial<SessionChange> = {}): SessionChange => ({
  set: new Map([['a', '1']]),
  remove: [],
  cookie: undefined,
  userId: null,
  length: 10,
  idleTimeoutMs: HOUR_MS,
  isSignIn: false,
  keepsUser: false,
  ...values,
});

describe.each([1, 7])('an installation of %i buckets', (buckets) => {
  const layout = new RedisKeyLayout('events', buckets);
  const open: SessionInstallationSubscription[] = [];
  let repository: RedisSessionRepository;
  let counter: SessionCounter;

  const follow = async (options: { group?: string; next?: (event: SessionInstallationEvent) => unknown } = {}) => {
    const events: SessionInstallationEvent[] = [];
    const state = { events, losses: 0 };
    const subscription = new RedisEventSource(link, layout).subscribe({
      group: options.group,
      next: (event) => {
        events.push(event);
        return options.next?.(event);
      },
      lost: () => (state.losses += 1),
    });
    open.push(subscription);
    await subscription.ready;
    return { ...state, events, subscription, losses: () => state.losses };
  };

  const shown = (events: readonly SessionInstallationEvent[]) =>
    events.map((event) => {
      const rest = event.type === 'ended' ? [event.reason] : event.type === 'userChanged' ? [event.formerUserId] : [];
      return [event.type, event.userId, ...rest].join(' ');
    });

  beforeEach(async () => {
    await redis.flushall();
    repository = new RedisSessionRepository(link, layout, {
      absoluteTimeoutMs: null,
      tombstoneMs: 60_000,
      userLimit: { max: 2, evict: 'oldest' },
    });
    counter = new SessionCounter(link, layout, HOUR_MS);
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((subscription) => subscription.close()));
  });

  it('counts every beginning and end by its reason, and reports each once in the order of its session', async () => {
    const follower = await follow();
    const { records, endings } = repository;
    const sid = randomUUID();
    await records.create(sid, change());
    await records.commit(sid, change({ userId: 'ada', isSignIn: true }));
    await records.commit(sid, change({ userId: 'ada' }));
    await records.touch(sid, 2 * HOUR_MS, 'ada');
    await records.commit(sid, change({ userId: null }));
    await records.destroy(sid);
    await records.destroy(sid);
    await pollUntil('the events', () => follower.events.length >= 4);
    expect(shown(follower.events)).toEqual(['created ', 'userChanged ada ', 'userChanged  ada', 'ended  logout']);
    const revoked = randomUUID();
    await records.create(revoked, change({ userId: 'bob' }));
    const id = (await records.load(revoked))?.id ?? '';
    expect(await counter.read()).toMatchObject({ live: 1, authenticated: 1, anonymous: 0, active: 1 });
    await endings.destroyStored(id);
    await pollUntil('the events', () => follower.events.length >= 6);
    expect(shown(follower.events.slice(4))).toEqual(['created bob', 'ended bob revoked']);
    expect(follower.events.at(-1)).toMatchObject({ id });
    expect(await counter.read()).toMatchObject({
      live: 0,
      authenticated: 0,
      total: { created: 2, ended: { logout: 1, revoked: 1, expired: 0, limit: 0, rotated: 0 } },
    });
    expect(follower.losses()).toBe(0);
  });

  it('counts limit, rotation, expiry and a change that ends a session', async () => {
    const { records, directory } = repository;
    const sids = [randomUUID(), randomUUID(), randomUUID()];
    for (const sid of sids) await records.create(sid, change({ userId: 'ada', isSignIn: true }));
    const move = { to: randomUUID(), graceMs: 1000, keep: 'all', change: change({ userId: 'ada' }) } as const;
    expect(await records.move(sids[2]!, move)).toMatchObject({ outcome: 'moved' });
    expect(await records.move(sids[2]!, move)).toMatchObject({ outcome: 'gone' });
    await records.commit(sids[1]!, change({ userId: 'ada', idleTimeoutMs: 0 }));
    await records.create(randomUUID(), change({ userId: 'bob', idleTimeoutMs: 30 }));
    await records.create(randomUUID(), change({ idleTimeoutMs: 30 }));
    await records.create(randomUUID(), change({ userId: 'cleo' }));
    const isOver = async () => (await counter.read()).live === 2;
    await pollUntil('the end of two sessions', isOver);
    const expected = {
      live: 2,
      authenticated: 2,
      anonymous: 0,
      total: { created: 7, ended: { logout: 1, revoked: 0, expired: 2, limit: 1, rotated: 1 } },
    };
    // Exact before anybody has swept, and after it.
    expect(await counter.read()).toMatchObject(expected);
    while ((await directory.expire()).length > 0);
    expect(await counter.read()).toMatchObject(expected);
  });

  it('agrees with what is stored after many changes at the same time', async () => {
    const { records, endings } = repository;
    const sids = Array.from({ length: 60 }, () => randomUUID());
    await Promise.all(
      sids.map(async (sid, index) => {
        await records.create(sid, change({ userId: index % 3 === 0 ? `u${index}` : null }));
        await Promise.all([
          records.commit(sid, change({ userId: index % 2 === 0 ? `v${index}` : null })),
          records.touch(sid, HOUR_MS, null),
          index % 5 === 0 ? records.destroy(sid) : undefined,
        ]);
        if (index % 7 === 0) await endings.destroyStored((await records.load(sid))?.id ?? 'none');
      }),
    );
    const stored = (await Promise.all(sids.map((sid) => records.load(sid)))).filter((session) => session !== null);
    const counts = await counter.read();
    const { created, ended } = counts.total;
    expect(counts.live).toBe(stored.length);
    expect(counts.authenticated).toBe(stored.filter(({ userId }) => userId !== null).length);
    expect(created).toBe(60);
    expect(created - Object.values(ended).reduce((sum, count) => sum + count, 0)).toBe(counts.live);
  });

  it('gives each event to one member of a group, and goes on with another where one has left off', async () => {
    const [a, b, all] = [await follow({ group: 'mail' }), await follow({ group: 'mail' }), await follow()];
    const { records } = repository;
    for (let count = 0; count < 5; count++) await records.create(randomUUID(), change());
    await pollUntil('five events', () => a.events.length + b.events.length >= 5);
    const [reader, other] = a.events.length > 0 ? [a, b] : [b, a];
    expect([reader.events.length, other.events.length]).toEqual([5, 0]);
    await reader.subscription.close();
    for (let count = 0; count < 5; count++) await records.create(randomUUID(), change());
    await pollUntil('five more', () => other.events.length >= 5 && all.events.length >= 10);
    const ids = [...reader.events, ...other.events].map(({ id }) => id);
    expect(ids.sort()).toEqual(all.events.map(({ id }) => id).sort());
    expect(new Set(ids).size).toBe(10);
  });

  it('reports within a second, and says when events went before they were read', async () => {
    const follower = await follow();
    const sid = randomUUID();
    await repository.records.create(sid, change());
    const startedAt = performance.now();
    await repository.records.destroy(sid);
    await pollUntil('the end', () => follower.events.length === 2, { intervalMs: 5 });
    expect(performance.now() - startedAt).toBeLessThan(1000);
    const key = layout.events(0);
    const fill = async (count: number): Promise<void> => {
      const pipeline = redis.pipeline();
      for (let index = 0; index < count; index++)
        pipeline.xadd(key, '*', 'type', 'created', 'id', `x${index}`, 'user', '');
      await pipeline.exec();
    };
    await redis.multi().del(key).exec();
    // In one step, as for a process that stood still: more than are kept, and the oldest are gone.
    await redis.eval(
      `for i = 1, 10050 do redis.call('XADD', KEYS[1], 'MAXLEN', 10000, '*', 'type', 'created', 'id', 'y' .. i, 'user', '') end`,
      1,
      key,
    );
    await pollUntil('the loss', () => follower.losses() > 0);
    await fill(1);
    await pollUntil('what follows', () => follower.events.at(-1)?.id === 'x0');
  });
});
