import { Controller, Get, Post } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CurrentSession, SessionAccess, SessionModule } from '../../lib/index.js';
import type { LiveSession } from '../../lib/http/session.types.js';
import { startSentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import type { SentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { startHttpApp } from '../support/http-app.js';

@Controller()
class Counter {
  @Post('increment')
  @SessionAccess('exclusive')
  async increment(@CurrentSession() session: LiveSession<{ n: number }>) {
    const n = session.n ?? 0;
    await new Promise((resolve) => setImmediate(resolve));
    session.n = n + 1;
    return {};
  }

  @Get('n')
  n(@CurrentSession() session: LiveSession<{ n: number }>) {
    return { n: session.n };
  }
}

describe('exclusive access while the primary is killed', () => {
  let topology: SentinelTopology;
  beforeAll(async () => {
    topology = await startSentinelTopology({ downAfterMs: 1_000, fast: true });
  });
  afterAll(async () => {
    await topology.stop();
  });

  it('100 parallel increments on two instances give exactly 100, and nobody sees an error', async () => {
    const start = () =>
      startHttpApp({
        modules: [
          SessionModule.forRoot({
            application: 'exclusive',
            secret: 'a-secret-of-the-exclusive-test-0123456789',
            redis: { ...topology.redisOptions, operationTimeoutMs: 30_000 },
            lockTimeoutMs: 60_000,
          }),
        ],
        controllers: [Counter],
      });
    const apps = [await start(), await start()] as const;
    const client = apps[0].client();
    expect((await client.post('/increment')).status).toBe(201);
    const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    let done = 0;
    const requests = Array.from({ length: 99 }, async (_, index) => {
      const answer = await apps[index % 2 === 0 ? 0 : 1]
        .client()
        .post('/increment', undefined, { headers: { cookie } });
      done += 1;
      if (done === 30) await (await topology.primary()).kill();
      return answer.status;
    });
    expect(new Set(await Promise.all(requests))).toEqual(new Set([201]));
    expect((await client.get('/n')).json).toEqual({ n: 100 });
  }, 90_000);
});
