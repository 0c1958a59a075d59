import { setTimeout as delay } from 'node:timers/promises';
import { Body, Controller, Get, Inject, Post } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CurrentSession, RequireRecentSignIn, SessionAccess, SessionModule, SessionService } from '../../lib/index.js';
import type { LiveSession, SessionAuthenticationOptions, SessionModuleOptions } from '../../lib/index.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { PLATFORMS, SECRET, startHttpApp } from '../support/http-app.js';

type Data = LiveSession<{ user: string; count: number }>;

@Controller()
class Portal {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Post('login')
  async login(@Body() { user, ...how }: { user: string } & SessionAuthenticationOptions) {
    const session = (await this.sessions.regenerate()) as Data;
    session.user = user;
    this.sessions.markAuthenticated(how);
    return this.sessions.authentication();
  }

  @Post('mark-first')
  async markFirst() {
    this.sessions.markAuthenticated({ method: 'otp' });
    await this.sessions.regenerate({ keep: 'all' });
    return this.sessions.authentication();
  }

  /** As passport does it: the session is emptied, and the user put back. */
  @Post('put-back')
  async putBack(@CurrentSession() session: Data) {
    const { user } = session;
    await session.regenerate();
    const next = this.sessions.current() as Data;
    if (user !== undefined) next.user = user;
    this.sessions.markAuthenticated({ method: 'webauthn' });
    return {};
  }

  @Post('rotate')
  async rotate() {
    await this.sessions.regenerate({ keep: 'all' });
    return this.sessions.authentication();
  }

  @Post('visit')
  visit(@CurrentSession() session: Data) {
    session.count = 1;
    return {};
  }

  @Get('state')
  @SessionAccess('passive')
  state() {
    return { authentication: this.sessions.authentication(), remaining: this.sessions.remaining() };
  }

  @Get('active')
  active() {
    return this.sessions.remaining();
  }

  @Post('passive-change')
  @SessionAccess('passive')
  passiveChange(@CurrentSession() session: Data) {
    session.count = 2;
    return {};
  }

  @Get('sensitive')
  @RequireRecentSignIn(60_000)
  sensitive() {
    return { done: true };
  }

  @Get('very-sensitive')
  @RequireRecentSignIn(300)
  verySensitive() {
    return { done: true };
  }

  @Post('logout')
  async logout() {
    await this.sessions.destroy({ clearSiteData: true });
    return {};
  }

  @Post('back-channel')
  async backChannel(@Body() { sid }: { sid: string }) {
    return { ended: await this.sessions.revokeBySid(sid) };
  }
}

let redis: RedisProcess;
beforeAll(async () => {
  redis = await startRedisServer();
});
afterAll(async () => {
  await redis.stop();
});

describe.each(PLATFORMS)('a step-up, on %s', (platform) => {
  const start = async (options: Partial<SessionModuleOptions> = {}) => {
    const module = SessionModule.forRoot({
      application: `step-up-${platform}-${Math.random().toString(36).slice(2)}`,
      secret: SECRET,
      redis: { host: redis.host, port: redis.port },
      userId: (session) => (session as Partial<Data>).user,
      touchIntervalMs: 0,
      ...options,
    });
    return startHttpApp({ platform, modules: [module], controllers: [Portal] });
  };
  const state = async (client: { get(path: string): Promise<{ json: unknown }> }) =>
    (await client.get('/state')).json as {
      authentication: { ageMs: number; method: string | null; actor: string | null } | null;
      remaining: { idleMs: number; absoluteMs: number | null } | null;
    };

  it('is asked for of who has not authenticated recently: 401 and 403 with their codes; a new id alone is none', async () => {
    const http = await start();
    const client = http.client();
    expect(await client.get('/sensitive')).toMatchObject({ status: 401, json: { code: 'SESSION_SIGN_IN_REQUIRED' } });
    await client.post('/visit', {});
    expect(await client.get('/sensitive')).toMatchObject({ status: 401, json: { code: 'SESSION_SIGN_IN_REQUIRED' } });
    expect((await client.post('/login', { user: 'ada', method: 'password' })).json).toMatchObject({
      method: 'password',
    });
    expect((await client.get('/sensitive')).status).toBe(200);
    await delay(400);
    const refused = { status: 403, json: { code: 'SESSION_SIGN_IN_TOO_OLD', maxAgeMs: 300 } };
    expect(await client.get('/very-sensitive')).toMatchObject(refused);
    expect((await client.post('/rotate', {})).json).toMatchObject({ method: 'password' });
    expect(await client.get('/very-sensitive')).toMatchObject(refused);
    expect((await client.post('/mark-first', {})).json).toMatchObject({ method: 'otp' });
    expect((await state(client)).authentication).toMatchObject({ method: 'otp', actor: null });
  });

  it('counts however the session gets its new id, and not for who acts in the name of the user', async () => {
    const http = await start();
    const client = http.client();
    await client.post('/login', { user: 'ada', method: 'password' });
    await client.post('/put-back', {});
    expect((await state(client)).authentication).toMatchObject({ method: 'webauthn' });
    await client.post('/login', { user: 'ada', actor: 'admin-7' });
    expect((await state(client)).authentication).toMatchObject({ actor: 'admin-7', method: null });
    expect((await client.get('/sensitive')).status).toBe(403);
  });

  it('the page that warns before the end asks without moving it, and may change nothing', async () => {
    const http = await start({ idleTimeoutMs: 60_000, absoluteTimeoutMs: 120_000 });
    const client = http.client();
    await client.post('/login', { user: 'ada' });
    const before = (await state(client)).remaining;
    await delay(300);
    const after = (await state(client)).remaining;
    expect(before?.idleMs).toBeLessThanOrEqual(60_000);
    expect(before?.absoluteMs).toBeLessThanOrEqual(120_000);
    expect(after?.idleMs).toBeLessThan((before?.idleMs ?? 0) - 200);
    expect((await client.post('/passive-change', {})).status).toBe(500);
    await client.get('/active');
    const moved = (await state(client)).remaining;
    expect(moved?.idleMs).toBeGreaterThan(after?.idleMs ?? 0);
    expect(moved?.absoluteMs).toBeLessThan((before?.absoluteMs ?? 0) - 200);
  });

  it('a logout lets the browser forget what it has of the site, on request', async () => {
    const http = await start();
    const client = http.client();
    await client.post('/login', { user: 'ada' });
    const { headers, status } = await client.post('/logout', {});
    expect(status).toBe(201);
    expect(headers['clear-site-data']).toBe('"cache", "cookies", "storage"');
  });

  it('BACK-CHANNEL LOGOUT: what an identity provider ends is over, on all devices, and for who still signs in by it', async () => {
    const http = await start();
    const [laptop, phone, other] = [http.client(), http.client(), http.client()];
    await laptop.post('/login', { user: 'ada', providerSid: 'sid 1' });
    await laptop.post('/mark-first', {});
    await phone.post('/login', { user: 'ada', providerSid: 'sid 1' });
    await other.post('/login', { user: 'ada', providerSid: 'sid 2' });
    expect((await http.client().post('/back-channel', { sid: 'sid 1' })).json).toEqual({ ended: 2 });
    expect((await state(laptop)).authentication).toBeNull();
    expect((await state(phone)).authentication).toBeNull();
    expect((await state(other)).authentication).not.toBeNull();
    expect((await http.client().post('/login', { user: 'ada', providerSid: 'sid 1' })).status).toBe(401);
    expect((await http.client().post('/back-channel', { sid: '' })).status).toBe(500);
  });
});
