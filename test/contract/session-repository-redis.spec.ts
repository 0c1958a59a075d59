import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { LinkCommand, SessionLink } from '../../lib/core/session-link.js';
import { RedisKeyLayout } from '../../lib/store/redis-key-layout.js';
import { COMMIT_SESSION, pageIndex } from '../../lib/scripts/scripts.generated.js';
import { RedisSessionRepository } from '../../lib/store/redis-session.repository.js';
import { flat } from '../support/flat-repository.js';
import type { FlatRepository } from '../support/flat-repository.js';
import { clusterPlaces, redisLink, redisPlaces } from './redis-places.js';
import { describeSessionLineage } from './session-lineage.contract.js';
import { change, describeSessionRepository } from './session-repository.contract.js';

describeSessionRepository('RedisSessionRepository in one slot', () => redisPlaces(1));
describeSessionRepository('RedisSessionRepository in many slots', () => redisPlaces(16));
describeSessionLineage('RedisSessionRepository in one slot', () => redisPlaces(1));
describeSessionLineage('RedisSessionRepository in many slots', () => redisPlaces(16));
describeSessionLineage('RedisSessionRepository in a Cluster', clusterPlaces);

it('a change that is under way while its session loses its user does not give it back to him, nor leaves it in his index', async () => {
  const { link, stop } = await redisLink();
  try {
    const open = (over: SessionLink): FlatRepository =>
      flat(
        new RedisSessionRepository(over, new RedisKeyLayout('app', 16), {
          absoluteTimeoutMs: null,
          tombstoneMs: 60_000,
          userLimit: null,
        }),
      );
    const repository = open(link);
    const sid = randomUUID();
    await repository.create(sid, change({ userId: 'u', isSignIn: true }));
    // Between the entry into the index, which goes first in a Cluster, and the change itself.
    const meanwhile = (command: LinkCommand): Promise<unknown> =>
      command.run === COMMIT_SESSION ? repository.commit(sid, change({ userId: null })) : Promise.resolve();
    const slow: SessionLink = Object.create(link, {
      execute: { value: (command: LinkCommand) => meanwhile(command).then(() => link.execute(command)) },
      nowMs: { value: () => link.nowMs() },
    }) as SessionLink;
    await open(slow).commit(sid, change({ set: { n: 1 }, userId: 'u', keepsUser: true }));
    expect(await repository.load(sid)).toMatchObject({ userId: null });
    // As it is, before anybody's list finds it outdated: a limit would end the session for the sake of this user.
    expect(
      await pageIndex(link, { index: new RedisKeyLayout('app', 16).user('u').user }, { from: '', size: 10 }),
    ).toEqual([]);
  } finally {
    await stop();
  }
});
