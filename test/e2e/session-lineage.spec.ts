import { randomBytes, randomUUID } from 'node:crypto';
import { Controller, Get, Inject, Param, Post, Req } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SessionModule, SessionService } from '../../lib/index.js';
import type { SessionModuleOptions } from '../../lib/index.js';
import type { LiveSession } from '../../lib/http/session.types.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import type { HttpApp } from '../support/http-app.js';
import { PLATFORMS, startHttpApp } from '../support/http-app.js';
import type { HttpClient } from '../support/http-client.js';

interface SessionOwner {
  session: LiveSession & { user?: string; right?: string };
}

/** Where requests wait until the test lets them go on. */
class Gate {
  count = 0;
  private release: () => void = () => undefined;
  private readonly opened = new Promise<void>((resolve) => (this.release = resolve));

  pass(): Promise<void> {
    this.count += 1;
    return this.opened;
  }

  open(): void {
    this.release();
  }

  async waitFor(count: number): Promise<void> {
    await expect.poll(() => this.count, { interval: 5, timeout: 5_000 }).toBe(count);
  }
}

let gate = new Gate();

@Controller()
class Portal {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Post('login/:user')
  async login(@Req() request: SessionOwner, @Param('user') user: string) {
    await this.sessions.regenerate();
    request.session.user = user;
    return {};
  }

  @Post('step-up')
  async stepUp(@Req() request: SessionOwner) {
    await gate.pass();
    await this.sessions.regenerate({ keep: 'all' });
    request.session.right = 'admin';
    return {};
  }

  @Post('put-back')
  async putBack(@Req() request: SessionOwner) {
    const { user } = request.session;
    await gate.pass();
    // An application that takes no notice of the failure, as older ones do.
    await request.session.regenerate().catch(() => undefined);
    if (user !== undefined) request.session.user = user;
    return {};
  }

  @Post('renew/:how')
  async renew(@Param('how') how: string) {
    await this.sessions.regenerate({ keep: 'all', graceMs: 30_000, reauthenticated: how === 'reauthenticated' });
    return {};
  }

  @Post('logout')
  async logout() {
    await this.sessions.destroy();
    return {};
  }

  @Post('everywhere/:user')
  async everywhere(@Param('user') user: string) {
    return { ended: await this.sessions.signOutEverywhere(user) };
  }

  @Get('who')
  who(@Req() request: SessionOwner) {
    return { user: request.session.user ?? null };
  }

  @Get('list/:user')
  list(@Param('user') user: string) {
    return this.sessions.list(user);
  }
}

/** The same browser, with a connection of its own. */
function tabOf(app: HttpApp, client: HttpClient): HttpClient {
  const tab = app.client();
  for (const [name, value] of client.cookies) tab.cookies.set(name, value);
  return tab;
}

interface Listed {
  readonly authenticatedAt: string;
  readonly expiresAt: string;
}

let redis: RedisProcess;
beforeAll(async () => {
  redis = await startRedisServer();
});
afterAll(async () => {
  await redis.stop();
});

const PLACES: readonly (readonly [string, () => Partial<SessionModuleOptions>])[] = [
  ['in Redis', () => ({ redis: { host: redis.host, port: redis.port } })],
  [
    'in Redis, encrypted',
    () => ({ redis: { host: redis.host, port: redis.port }, encryption: { keys: [randomBytes(32)] } }),
  ],
  ['in this process', () => ({})],
];

describe.each(PLATFORMS)('on %s', (platform) => {
  describe.each(PLACES)('sessions %s', (_name, place) => {
    async function start(options: Partial<SessionModuleOptions> = {}) {
      gate = new Gate();
      const module = SessionModule.forRoot({
        application: `lineage-${randomUUID()}`,
        secret: 'a-secret-of-the-lineage-tests-0123456789',
        userId: (session) => (session as { user?: string }).user,
        ...place(),
        ...options,
      });
      return startHttpApp({ platform, modules: [module], controllers: [Portal] });
    }

    const ends = [
      ['everywhere/ada', 'step-up'],
      ['logout', 'step-up'],
      ['everywhere/ada', 'put-back'],
      ['logout', 'put-back'],
    ] as const;
    it.each(ends)('%s meanwhile: a request of %s leaves nobody signed in', async (end, route) => {
      const app = await start();
      const client = app.client();
      await client.post('/login/ada');
      const waiting = tabOf(app, client).post(`/${route}`);
      await gate.waitFor(1);
      expect((await client.post(`/${end}`)).status).toBe(201);
      gate.open();
      expect(await waiting).toMatchObject({ status: 401 });
      expect((await client.get('/who')).json).toEqual({ user: null });
      expect((await client.get('/list/ada')).json).toEqual([]);
      await client.post('/login/ada');
      expect((await client.get('/who')).json).toEqual({ user: 'ada' });
    });

    it('ten parallel step-ups give one session', async () => {
      const app = await start();
      const client = app.client();
      await client.post('/login/ada');
      const waiting = Array.from({ length: 10 }, () => tabOf(app, client).post('/step-up'));
      await gate.waitFor(10);
      gate.open();
      const statuses = (await Promise.all(waiting)).map(({ status }) => status).sort();
      expect(statuses).toEqual([201, ...Array.from({ length: 9 }, () => 401)]);
      expect((await client.get('/list/ada')).json).toHaveLength(1);
    });

    it('a new id inherits the sign-in and its absolute deadline, unless the user has authenticated again', async () => {
      const client = (await start({ absoluteTimeoutMs: 20_000, idleTimeoutMs: 20_000 })).client();
      const listed = async () => ((await client.get('/list/ada')).json as readonly Listed[])[0];
      const at = (text = '') => Date.parse(text);
      await client.post('/login/ada');
      const first = await listed();
      await new Promise((resolve) => setTimeout(resolve, 500));
      await client.post('/renew/plainly');
      const second = await listed();
      expect(second?.authenticatedAt).toBe(first?.authenticatedAt);
      expect(at(second?.expiresAt)).toBeLessThan(at(first?.expiresAt) + 250);
      await client.post('/renew/reauthenticated');
      const third = await listed();
      expect(at(third?.authenticatedAt)).toBeGreaterThan(at(first?.authenticatedAt) + 400);
      expect(at(third?.expiresAt)).toBeGreaterThan(at(first?.expiresAt) + 400);
    });
  });
});
