import { Body, Controller, Post } from '@nestjs/common';
import { expect, it, onTestFinished } from 'vitest';
import type { SessionData } from 'express-session';
import { CurrentSession, SessionModule, SessionService } from '../../lib/index.js';
import type { SessionModuleOptions } from '../../lib/index.js';
import type { LiveSession } from '../../lib/http/session.types.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import { startSentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import type { HttpApp } from '../support/http-app.js';
import { startHttpApp } from '../support/http-app.js';

@Controller()
class Portal {
  @Post('set')
  set(@CurrentSession() session: LiveSession, @Body() body: Partial<SessionData>) {
    Object.assign(session, body);
    return {};
  }
}

function start(redis: SessionModuleOptions['redis']): Promise<HttpApp> {
  const module = SessionModule.forRoot({ application: 'log', secret: 'a-secret-of-the-log-tests-0123456789', redis });
  return startHttpApp({ modules: [module], controllers: [Portal] });
}

/** Many requests that wait through the outage, each of which is tried again and again. */
function manyRequests(app: HttpApp): Promise<number[]> {
  const requests = Array.from({ length: 30 }, (_, count) => app.client().post('/set', { count }));
  return Promise.all(requests.map(async (request) => (await request).status));
}

it('tells of a failover in one line for each event, however many requests wait and however often they are tried', async () => {
  const topology = await startSentinelTopology({ downAfterMs: 2_000 });
  onTestFinished(() => topology.stop());
  const app = await start(topology.redisOptions);
  await app.client().post('/set', { count: 0 });
  const [former, replica] = topology.nodes;
  await former?.kill();
  expect(new Set(await manyRequests(app))).toEqual(new Set([201]));
  const service = app.app.get(SessionService);
  await expect.poll(() => service.status()?.state).toBe('degraded');
  await former?.restart();
  await expect.poll(() => service.status()?.state, { timeout: 15_000 }).toBe('ready');
  expect(app.log).toEqual([
    expect.stringMatching(`^warn Redis primary ${former?.address} was lost \\(.+\\); sessions wait for its successor$`),
    expect.stringMatching(
      `^warn Redis failover from ${former?.address} to ${replica?.address}: noticed after \\d+ ms, took \\d+ ms, \\d+ operations waited, \\d+ were sent again$`,
    ),
    expect.stringMatching(
      `^warn Redis primary ${replica?.address} acknowledges changes that not every replica has \\(.+\\)$`,
    ),
  ]);
});

it('says that a primary was restarted: nobody else can tell why users are signed out', async () => {
  const redis = await startRedisServer();
  onTestFinished(() => redis.stop());
  const app = await start({ host: redis.host, port: redis.port });
  await app.client().post('/set', { count: 0 });
  // A lost connection is no restart.
  await redis.cli('CLIENT', 'KILL', 'TYPE', 'normal');
  expect(new Set(await manyRequests(app))).toEqual(new Set([201]));
  await redis.restart();
  expect(new Set(await manyRequests(app))).toEqual(new Set([201]));
  const lost = expect.stringMatching(`^warn Redis primary ${redis.address} was lost`) as string;
  expect(app.log).toEqual([
    lost,
    lost,
    `warn Redis primary ${redis.address} was restarted: it holds only what its disk has kept`,
  ]);
});
