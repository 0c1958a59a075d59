import { createHmac, randomUUID } from 'node:crypto';
import { Body, Controller, Get, Inject, Post } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { CurrentSession, SessionModule, SessionService } from '../../lib/index.js';
import type { SessionModuleOptions } from '../../lib/index.js';
import type { LiveSession } from '../../lib/http/session.types.js';
import { startRedisServer, type RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { PLATFORMS, startHttpApp } from '../support/http-app.js';
import type { HttpClient } from '../support/http-client.js';

const SECRET = 'a-secret-of-the-checklist-tests-0123456789';

@Controller()
class Portal {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Get('id')
  id(@CurrentSession() session: LiveSession & { user?: string }) {
    return { id: session.id, user: session.user ?? null };
  }

  @Post('visit')
  visit(@CurrentSession() session: LiveSession & { seen?: boolean }) {
    session.seen = true;
    return { id: session.id };
  }

  @Post('login')
  async login(@Body() { user }: { user: string }) {
    const session = Object.assign(await this.sessions.regenerate(), { user });
    return { id: session.id };
  }

  @Post('logout')
  async logout() {
    await this.sessions.destroy();
    return {};
  }

  @Post('others')
  async others() {
    return { ended: await this.sessions.signOutEverywhere('ada', { except: 'current' }) };
  }

  @Get('mine')
  async mine() {
    return { sessions: (await this.sessions.list('ada')).map(({ isCurrent }) => isCurrent) };
  }
}

const NAME = 'connect.sid';
const idOf = async (client: HttpClient, path = '/id') => ((await client.get(path)).json as { id: string }).id;
const userOf = async (client: HttpClient) => ((await client.get('/id')).json as { user: string | null }).user;
const signed = (id: string, secret = SECRET) =>
  encodeURIComponent(`s:${id}.${createHmac('sha256', secret).update(id).digest('base64').replace(/=+$/, '')}`);

describe.each(PLATFORMS)('what the checklists ask, on %s', (platform) => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterAll(async () => {
    await redis.stop();
  });

  function start(options: Partial<SessionModuleOptions> = {}) {
    const module = SessionModule.forRoot({
      application: `checklist-${randomUUID()}`,
      secret: SECRET,
      redis: { host: redis.host, port: redis.port },
      userId: (session) => (session as { user?: string }).user,
      ...options,
    });
    return startHttpApp({ platform, modules: [module], controllers: [Portal] });
  }

  it('an id is 24 random bytes, says nothing, and none comes twice', async () => {
    const http = await start();
    const ids = await Promise.all(Array.from({ length: 50 }, () => idOf(http.client())));
    for (const id of ids) expect(id).toMatch(/^[\w-]{32}$/);
    expect(new Set(ids).size).toBe(50);
    const bytes = Buffer.from(ids.join(''), 'base64url');
    // Bits of a good generator are ones by half: 9,600 of them within five standard deviations.
    const ones = [...bytes].reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
    expect(Math.abs(ones - bytes.length * 4)).toBeLessThan(5 * Math.sqrt(bytes.length * 2));
  });

  it('the cookie is HttpOnly, SameSite=Lax, for its own host alone and, in production, Secure', async () => {
    const cookie = (await (await start()).client().post('/visit')).setCookie[0] ?? '';
    expect(cookie).toMatch(/; HttpOnly/i);
    expect(cookie).toMatch(/; SameSite=Lax/i);
    expect(cookie).toMatch(/; Path=\//i);
    expect(cookie).not.toMatch(/Domain|Expires|Max-Age/i);
    vi.stubEnv('NODE_ENV', 'production');
    onTestFinished(() => void vi.unstubAllEnvs());
    const http = await start({ proxy: true });
    const secure = await http.client().post('/visit', undefined, { headers: { 'x-forwarded-proto': 'https' } });
    expect(secure.setCookie[0]).toMatch(/; Secure/i);
    const plain = await http.client().post('/visit');
    expect(plain.setCookie).toEqual([]);
  });

  it('an id comes by the cookie and by no other way', async () => {
    const http = await start();
    const client = http.client();
    await client.post('/login', { user: 'ada' });
    const value = client.cookies.get(NAME) ?? '';
    const stranger = http.client();
    for (const path of [`/id?${NAME}=${value}`, `/id;${NAME}=${value}`, `/id?sid=${value}`])
      expect((await stranger.get(path)).text).not.toContain('"user":"ada"');
    const headers = { authorization: `Bearer ${decodeURIComponent(value)}`, 'x-session-id': value, [NAME]: value };
    expect((await stranger.get('/id', { headers })).json).toMatchObject({ user: null });
  });

  it('an id that the server has not made is never taken over, whoever signed it', async () => {
    const http = await start();
    const client = http.client();
    for (const value of [signed('x'.repeat(32)), signed('fixed-by-an-attacker'), 'x'.repeat(32), 's:x', '']) {
      client.cookies.set(NAME, value);
      expect(decodeURIComponent(value)).not.toContain(await idOf(client, '/id'));
      const { id } = (await client.post('/visit')).json as { id: string };
      expect(id).toMatch(/^[\w-]{32}$/);
      expect(value).not.toContain(id);
      client.cookies.clear();
    }
  });

  it('a cookie whose signature is wrong is no session', async () => {
    const http = await start();
    const client = http.client();
    await client.post('/login', { user: 'ada' });
    const value = client.cookies.get(NAME) ?? '';
    const id = await idOf(client);
    const wrong = [
      signed(id, 'another-secret'),
      value.slice(0, -2),
      `${value}x`,
      value.replace('s%3A', ''),
      `s%3A${id}`,
    ];
    for (const cookie of wrong) {
      client.cookies.set(NAME, cookie);
      expect(await userOf(client)).toBeNull();
    }
    client.cookies.set(NAME, value);
    expect(await userOf(client)).toBe('ada');
  });

  it('a sign-in gets a new id, and the old one is worth nothing', async () => {
    const http = await start();
    const [client, attacker] = [http.client(), http.client()];
    const before = ((await client.post('/visit')).json as { id: string }).id;
    attacker.cookies.set(NAME, client.cookies.get(NAME) ?? '');
    const after = ((await client.post('/login', { user: 'ada' })).json as { id: string }).id;
    expect(after).not.toBe(before);
    expect(await userOf(client)).toBe('ada');
    expect(await userOf(attacker)).toBeNull();
  });

  it('a logout ends the session on the server and takes the cookie away', async () => {
    const http = await start();
    const [client, attacker] = [http.client(), http.client()];
    await client.post('/login', { user: 'ada' });
    attacker.cookies.set(NAME, client.cookies.get(NAME) ?? '');
    expect((await client.post('/logout')).setCookie[0]).toMatch(new RegExp(`^${NAME}=; .*Expires=Thu, 01 Jan 1970`));
    expect(client.cookies.has(NAME)).toBe(false);
    expect(await userOf(attacker)).toBeNull();
  });

  it('a user sees the own sessions and ends all others', async () => {
    const http = await start();
    const [here, there] = [http.client(), http.client()];
    await there.post('/login', { user: 'ada' });
    await here.post('/login', { user: 'ada' });
    expect((await here.get('/mine')).json).toEqual({ sessions: [false, true] });
    expect((await here.post('/others')).json).toEqual({ ended: 1 });
    expect(await userOf(there)).toBeNull();
    expect(await userOf(here)).toBe('ada');
  });
});
