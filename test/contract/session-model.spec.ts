import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LinkCommand, SessionLink } from '../../lib/core/session-link.js';
import { RedisKeyLayout } from '../../lib/store/redis-key-layout.js';
import { RedisSessionRepository } from '../../lib/store/redis-session.repository.js';
import { flat } from '../support/flat-repository.js';
import type { FlatRepository } from '../support/flat-repository.js';
import { memoryPlaces } from './memory-places.js';
import { clusterLink, redisLink } from './redis-places.js';
import { change } from './session-repository.contract.js';

/** What a request can do to one of a few sessions, for one of two users. */
type Action =
  | {
      readonly kind: 'signIn' | 'signOut' | 'change' | 'signOutUser' | 'touch' | 'destroy' | 'rotate';
      readonly session: number;
      readonly user: number;
    }
  | { readonly kind: 'create'; readonly session: number; readonly user: number | null };

const SESSIONS = 5;
const MAX = 2;
const RUNS = 1_000;

const sessionNumber = fc.nat(SESSIONS - 1);
const userNumber = fc.nat(1);
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ kind: fc.constant('create' as const), session: sessionNumber, user: fc.option(userNumber) }),
  fc.record({
    kind: fc.constantFrom(
      'signIn' as const,
      'signOut' as const,
      'change' as const,
      'signOutUser' as const,
      'touch' as const,
      'destroy' as const,
      'rotate' as const,
    ),
    session: sessionNumber,
    user: userNumber,
  }),
);

const userName = (user: number | null): string | null => (user === null ? null : `user-${user}`);

async function perform(repository: FlatRepository, sids: readonly string[], one: Action): Promise<string> {
  const sid = sids[one.session] ?? '';
  switch (one.kind) {
    case 'create':
      return (await repository.create(sid, change({ userId: userName(one.user), isSignIn: one.user !== null })))
        .outcome;
    case 'signIn':
      return (await repository.commit(sid, change({ userId: userName(one.user), isSignIn: true }))).outcome;
    case 'signOut':
      return (await repository.commit(sid, change({ userId: null }))).outcome;
    case 'change': {
      const userId = (await repository.load(sid))?.userId ?? null;
      return (await repository.commit(sid, change({ set: { n: one.user }, userId, keepsUser: true }))).outcome;
    }
    case 'signOutUser': {
      const sessions = await repository.listByUser(userName(one.user) ?? '');
      return (await Promise.all(sessions.map(({ id }) => repository.destroyStored(id)))).join();
    }
    case 'touch':
      return (await repository.touch(sid, 3_600_000, (await repository.load(sid))?.userId ?? null)).outcome;
    case 'destroy':
      return repository.destroy(sid);
    case 'rotate':
      return repository.rotate(sid, 60_000);
  }
}

/** What is stored of each session: the truth that indexes and counts have to agree with. */
async function truthOf(repository: FlatRepository, sids: readonly string[]): Promise<Map<string, string | null>> {
  const truth = new Map<string, string | null>();
  for (const sid of sids) {
    const stored = await repository.load(sid);
    // A rotated session can be read, and is nobody's any more.
    if (stored && (await repository.touch(sid, 1, null)).outcome === 'touched') truth.set(stored.id, stored.userId);
  }
  return truth;
}

async function expectAgreement(repository: FlatRepository, sids: readonly string[]): Promise<void> {
  const truth = await truthOf(repository, sids);
  expect(await repository.count(), 'the count').toBe(truth.size);
  for (const user of [0, 1].map(userName)) {
    const listed = (await repository.listByUser(user ?? '')).map(({ id }) => id).sort();
    const live = [...truth].filter(([, owner]) => owner === user).map(([id]) => id);
    expect(listed, `the sessions of ${user ?? ''}`).toEqual(live.sort());
    expect(live.length, `the limit of ${user ?? ''}`).toBeLessThanOrEqual(MAX);
  }
}

describe('sessions, users, limits and counts agree after any sequence', () => {
  it(`${RUNS} random sequences in this process`, async () => {
    const places = await memoryPlaces();
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 20 }), async (actions) => {
        const options = { application: randomUUID(), userLimit: { max: MAX, evict: 'oldest' as const } };
        const repository = places.open(options);
        const sids = Array.from({ length: SESSIONS }, () => randomUUID());
        for (const one of actions) await perform(repository, sids, one);
        await expectAgreement(repository, sids);
      }),
      { numRuns: RUNS },
    );
  });
});

describe.each([
  ['in one slot', 1, redisLink],
  ['with users in other slots than their sessions', 16, redisLink],
  ['in a Cluster of three masters', 16, clusterLink],
])('sessions, users, limits and counts agree after any interleaving, on Redis %s', (_name, bucketCount, start) => {
  let link: SessionLink;
  let stop: () => Promise<void>;
  beforeAll(async () => {
    ({ link, stop } = await start());
  });
  afterAll(async () => {
    await stop();
  });

  const open = (over: SessionLink, application: string): FlatRepository =>
    flat(
      new RedisSessionRepository(over, new RedisKeyLayout(application, bucketCount), {
        absoluteTimeoutMs: null,
        tombstoneMs: 60_000,
        userLimit: { max: MAX, evict: 'oldest' },
      }),
    );

  it(`${RUNS} random interleavings of requests, command by command; commands are sent twice now and then`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(action, { minLength: 2, maxLength: 8 }),
        fc.infiniteStream(fc.integer({ min: 0, max: 9 })),
        async (scheduler, actions, dice) => {
          const application = randomUUID();
          const sids = Array.from({ length: SESSIONS }, () => randomUUID());
          const execute = async (command: LinkCommand): Promise<unknown> => {
            const replies = link.execute(command);
            // An answer that got lost: the link sends the command again.
            return dice.next().value === 0 ? replies.then(() => link.execute(command)) : replies;
          };
          const scheduled = new Proxy(link, {
            get: (target, name) =>
              name === 'execute'
                ? (command: LinkCommand) => scheduler.schedule(Promise.resolve()).then(() => execute(command))
                : (Reflect.get(target, name, target) as () => unknown).bind(target),
          });
          const repository = open(scheduled, application);
          const all = Promise.all(actions.map((one) => perform(repository, sids, one)));
          await scheduler.waitFor(all);
          await expectAgreement(open(link, application), sids);
        },
      ),
      { numRuns: RUNS },
    );
  }, 180_000);

  it(`${RUNS} random sequences, after each of which the same is true`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 12 }), async (actions) => {
        const repository = open(link, randomUUID());
        const sids = Array.from({ length: SESSIONS }, () => randomUUID());
        const ended = new Set<number>();
        for (const one of actions) {
          const outcome = await perform(repository, sids, one);
          if (one.kind === 'destroy' && outcome === 'destroyed') ended.add(one.session);
        }
        for (const session of ended)
          expect(await repository.load(sids[session] ?? ''), 'a destroyed session').toBeNull();
        await expectAgreement(repository, sids);
      }),
      { numRuns: RUNS },
    );
  }, 180_000);
});
