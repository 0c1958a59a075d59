import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SessionModule } from '../../lib/index.js';
import type { SessionModuleOptions } from '../../lib/index.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { SECRET, startHttpApp } from '../support/http-app.js';

describe('the start of an application', () => {
  let redis: RedisProcess;
  beforeEach(async () => {
    redis = await startRedisServer({ config: ['requirepass sesame'], access: { password: 'sesame' } });
  });
  afterEach(() => redis.stop());

  const start = (options: Partial<SessionModuleOptions>, password = 'sesame') =>
    startHttpApp({
      modules: [
        SessionModule.forRoot({
          application: 'start',
          secret: SECRET,
          redis: { host: redis.host, port: redis.port, password },
          ...options,
        }),
      ],
    });

  /** Who is connected to Redis, besides the one who asks. */
  const clients = async (): Promise<number> =>
    String(await redis.cli('CLIENT', 'LIST'))
      .trim()
      .split('\n').length - 1;

  it('with `failFast` the start fails, says why, and leaves nothing open', async () => {
    const soon = { host: redis.host, port: redis.port, password: 'open', operationTimeoutMs: 5000 };
    await expect(start({ failFast: true, redis: soon })).rejects.toMatchObject({
      code: 'SESSION_STORE_UNAVAILABLE',
      reason: 'deadline',
      cause: { message: expect.stringContaining(`Redis ${redis.address}: WRONGPASS`) as string },
    });
    await redis.cli('CONFIG', 'SET', 'maxmemory', '1');
    await expect(start({ failFast: true })).rejects.toMatchObject({
      code: 'SESSION_STORE_UNAVAILABLE',
      reason: 'refused',
      message: 'Redis refuses sessions: OOM.',
    });
    await pollUntil('the connections to be closed', async () => (await clients()) === 0);
  });

  it('with `failFast` the start succeeds once sessions can be stored', async () => {
    redis.freeze();
    const started = start({ failFast: true });
    redis.thaw();
    const { app } = await started;
    expect(app.getHttpServer()).toMatchObject({ listening: true });
  });

  it('without `failFast` the start does not wait, and the log says soon why no session can be had', async () => {
    const { log } = await start({}, 'open');
    await pollUntil('the line', () => log.length > 0);
    expect(log).toEqual([
      expect.stringMatching(
        new RegExp(`^warn Redis has had no usable primary for \\d+ s: Redis ${redis.address}: WRONGPASS `),
      ),
    ]);
  });
});
