import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, it } from 'vitest';
import type { LinkCommand, SessionLink } from '../../lib/core/session-link.js';
import { RedisKeyLayout } from '../../lib/store/redis-key-layout.js';
import { RedisSessionRepository } from '../../lib/store/redis-session.repository.js';
import { flat } from '../support/flat-repository.js';
import type { FlatRepository } from '../support/flat-repository.js';
import { memoryPlaces } from './memory-places.js';
import { clusterLink, redisLink } from './redis-places.js';
import { action, MAX, SessionModel } from './session-model.actions.js';

/** `npm run test:sessions` has the long run. */
const RUNS = Number(process.env['SESSION_MODEL_RUNS'] ?? 400);
const TIMEOUT_MS = 180_000 + RUNS * 150;

describe('sessions, users, limits, moves and sign-outs agree after any sequence', () => {
  it(
    `${RUNS} random sequences in this process, one action after the other and side by side`,
    async () => {
      const places = await memoryPlaces();
      await fc.assert(
        fc.asyncProperty(fc.array(action, { maxLength: 20 }), fc.boolean(), async (actions, sideBySide) => {
          const options = { application: randomUUID(), userLimit: { max: MAX, evict: 'oldest' as const } };
          const model = new SessionModel(places.open(options));
          const work = sideBySide ? actions.map((one) => model.perform(one)) : [];
          await Promise.all(work);
          if (!sideBySide) for (const one of actions) await model.perform(one);
          await model.check();
        }),
        { numRuns: RUNS },
      );
    },
    TIMEOUT_MS,
  );
});

describe.each([
  ['in one slot', 1, redisLink],
  ['with users in other slots than their sessions', 16, redisLink],
  ['in a Cluster of three masters', 16, clusterLink],
])('sessions, users, limits, moves and sign-outs agree, on Redis %s', (_name, bucketCount, start) => {
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

  it(
    `after ${RUNS} random interleavings of requests, command by command; commands are sent twice now and then`,
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.scheduler(),
          fc.array(action, { minLength: 2, maxLength: 8 }),
          fc.infiniteStream(fc.integer({ min: 0, max: 9 })),
          async (scheduler, actions, dice) => {
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
            const application = randomUUID();
            const model = new SessionModel(open(scheduled, application));
            await scheduler.waitFor(Promise.all(actions.map((one) => model.perform(one))));
            await model.checkOver(open(link, application));
          },
        ),
        { numRuns: RUNS },
      );
    },
    TIMEOUT_MS,
  );

  it(
    `after ${RUNS} random sequences`,
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(action, { maxLength: 12 }), async (actions) => {
          const model = new SessionModel(open(link, randomUUID()));
          for (const one of actions) await model.perform(one);
          await model.check();
        }),
        { numRuns: RUNS },
      );
    },
    TIMEOUT_MS,
  );
});
