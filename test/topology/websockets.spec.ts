import { afterAll, beforeAll, expect, it } from 'vitest';
import { startSentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import type { SentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { startSocketApp } from '../support/socket-app.js';

let topology: SentinelTopology;
beforeAll(async () => {
  topology = await startSentinelTopology({ downAfterMs: 1_000, fast: true });
});
afterAll(async () => {
  await topology.stop();
});

it('messages wait while the primary is killed: none fails, none counts twice, and a revoke closes the sockets afterwards', async () => {
  const start = () =>
    startSocketApp({
      kind: 'ws',
      application: 'sockets',
      redis: { ...topology.redisOptions, operationTimeoutMs: 30_000 },
      module: { lockTimeoutMs: 60_000 },
    });
  const [a, b] = [await start(), await start()];
  const cookie = await a.signIn();
  const sockets = [await a.connect(cookie), await b.connect(cookie)] as const;
  let done = 0;
  const answers = Array.from({ length: 60 }, async (_, index) => {
    const answer = await sockets[index % 2 === 0 ? 0 : 1].ask('add', {}, 60_000);
    done += 1;
    if (done === 20) await (await topology.primary()).kill();
    return answer.value;
  });
  const counts = (await Promise.all(answers)).map(Number).sort((x, y) => x - y);
  expect(counts).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));

  await a.sessions.signOutEverywhere('ann');
  const ends = await Promise.all(sockets.map(({ end }) => end));
  expect(ends.map(({ code }) => code)).toEqual([4401, 4401]);
}, 90_000);
