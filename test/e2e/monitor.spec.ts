import { Body, Controller, Injectable, Module, Post, UnauthorizedException } from '@nestjs/common';
import type { CallHandler, CanActivate, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { ValidationPipe } from '@nestjs/common';
import type { SessionData } from 'express-session';
import { map } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LiveSession, SessionModuleOptions } from '../../lib/index.js';
import { CurrentSession, SessionConfigurationError, SessionModule, SessionService } from '../../lib/index.js';
import { SessionMonitorModule } from '../../lib/monitor/index.js';
import type { SessionMonitorOptions } from '../../lib/monitor/index.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startRedisServer, type RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { PLATFORMS, SECRET, startHttpApp, type HttpApp, type HttpAppOptions } from '../support/http-app.js';
import type { HttpClient } from '../support/http-client.js';

const PAGE = { 'x-session-monitor': '1' };

let redis: RedisProcess;

beforeAll(async () => {
  redis = await startRedisServer();
});
afterAll(async () => {
  await redis.stop();
});

@Injectable()
class OperatorGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string> }>();
    if (headers['x-operator'] !== 'yes') throw new UnauthorizedException('Operators only');
    return true;
  }
}

@Controller()
class Portal {
  @Post('sign-in')
  signIn(@CurrentSession() session: LiveSession, @Body() body: Partial<SessionData>) {
    Object.assign(session, body);
    return {};
  }
}

/** An application with a habit that a page must not mind. */
class Wrapping implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(map((data: unknown) => ({ data })));
  }
}

let count = 0;

async function start(
  options: Partial<SessionMonitorOptions> = {},
  app: Partial<HttpAppOptions> & { readonly sessions?: Partial<SessionModuleOptions> } = {},
): Promise<HttpApp & { readonly application: string }> {
  const application = `monitor-${++count}`;
  const { host, port } = redis;
  @Module({
    imports: [
      SessionModule.forRoot({
        application,
        secret: SECRET,
        redis: { host, port },
        userId: (session) => (session as { userId?: string }).userId,
        describe: (request) => ({ agent: request.headers['user-agent'] ?? '' }),
        ...app.sessions,
      }),
      SessionMonitorModule.forRoot({ route: 'ops/sessions', guard: OperatorGuard, ...options }),
    ],
  })
  class Operated {}
  const started = await startHttpApp({ modules: [{ module: Operated }], controllers: [Portal], ...app });
  return { ...started, application };
}

const OPERATOR = { 'x-operator': 'yes' };

const send = (client: HttpClient, name: string, body: unknown, headers: Record<string, string> = PAGE) =>
  client.post(`/ops/sessions/api/${name}`, body, { headers: { ...OPERATOR, ...headers } });
const ask = (client: HttpClient, path: string) => client.get(`/ops/sessions${path}`, { headers: OPERATOR });

describe('the options of the monitor', () => {
  it.each([
    ['no guard', { guard: undefined }, 'guard'],
    ['an empty list of guards', { guard: [] }, 'guard'],
    [
      'a class that is no guard',
      {
        guard: class Nobody {
          readonly name = 'nobody';
        },
      },
      'guard',
    ],
    ['a route that would need escaping', { guard: OperatorGuard, route: 'a"b' }, 'route'],
    ['an action that there is none of', { guard: OperatorGuard, allowActions: ['flushall'] }, 'allowActions'],
  ])('refuse to start with %s', (_title, options, path) => {
    const mount = () => SessionMonitorModule.forRoot(options as unknown as SessionMonitorOptions);
    expect(mount).toThrow(SessionConfigurationError);
    expect(mount).toThrow(path);
  });
});

describe.each(PLATFORMS)('the monitor on %s', (platform) => {
  it('lets in whom the guard lets in: page, parts, numbers, stream and actions', async () => {
    const app = await start({ allowActions: true }, { platform });
    for (const path of ['', '/assets/monitor.js', '/api/setup', '/api/live']) {
      expect((await app.client().get(`/ops/sessions${path}`)).status).toBe(401);
    }
    expect((await app.client().post('/ops/sessions/api/sign-out-all', {}, { headers: PAGE })).status).toBe(401);
    expect((await ask(app.client(), '')).status).toBe(200);
  });

  it('serves a page without anything inline or from elsewhere, by the way that leads to it', async () => {
    const app = await start({}, { platform, prepare: (nest) => void nest.setGlobalPrefix('base') });
    const client = app.client();
    const get = (path: string, headers = {}) => client.get(path, { headers: { ...OPERATOR, ...headers } });
    const page = await get('/base/ops/sessions');
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:|data:/);
    expect(page.text).not.toMatch(/<style|style=|\son\w+=|https?:\/\/|<script(?![^>]*\ssrc=)/);
    const parts = [...page.text.matchAll(/(?:href|src)="(\.\/[^"]+)"/g)].map(([, path = '']) => path);
    expect(parts.length).toBeGreaterThan(2);
    for (const part of parts) {
      const { pathname } = new URL(part, `${app.url}/base/ops/sessions`);
      const answer = await get(pathname);
      expect(answer.status).toBe(200);
      expect((await get(pathname, { 'if-none-match': String(answer.headers.etag) })).status).toBe(304);
    }
    expect((await get('/base/ops/sessions/assets/..%2Fpackage.json')).status).toBe(404);
  });

  it('answers its numbers whatever pipes and interceptors the application has', async () => {
    const app = await start(
      {},
      {
        platform,
        prepare: (nest) => {
          nest.useGlobalPipes(new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true }));
          nest.useGlobalInterceptors(new Wrapping());
        },
      },
    );
    const client = app.client();
    await client.post('/sign-in', { userId: 'ada' });
    expect((await ask(client, '/api/setup')).json).toEqual({
      application: app.application,
      storage: 'redis',
      canFailOver: false,
      actions: [],
    });
    expect((await ask(client, '/api/snapshot')).json).toMatchObject({ live: 1, authenticated: 1 });
    const { json: hour } = await ask(client, '/api/history?range=hour');
    expect(hour).toMatchObject({ stepMs: 60_000 });
    expect((await ask(client, '/api/history?range=year')).status).toBe(400);
    expect((await ask(client, '/api/capacity')).json).toMatchObject({
      room: null,
      peaks: expect.any(Object) as object,
    });
    const { json: examination } = await ask(client, '/api/findings');
    expect(examination).toMatchObject({
      findings: expect.arrayContaining([expect.objectContaining({ severity: 'warning' })]),
    });
    expect((await ask(client, '/api/constructor')).status).toBe(404);
  });

  it('shows and ends the sessions of a user, and shows no value of a session', async () => {
    const app = await start({ allowActions: ['revoke'] }, { platform });
    const client = app.client();
    const hostile = '<img src=x onerror=alert(1)>';
    for (let i = 0; i < 3; i++) {
      const headers = { 'user-agent': hostile };
      await app.client().post('/sign-in', { userId: hostile, note: 'a value that stays inside' }, { headers });
    }
    const listed = await send(client, 'sessions', { userId: hostile });
    const { sessions } = listed.json as { sessions: { id: string; about: object }[] };
    expect(sessions.map(({ about }) => about)).toEqual(Array(3).fill({ agent: hostile }));
    expect(listed.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(listed.text).not.toContain('stays inside');
    const [first] = sessions;
    expect((await send(client, 'revoke', { id: first?.id, userId: 'another' })).json).toEqual({ ended: 0 });
    expect((await send(client, 'revoke', { id: first?.id, userId: hostile })).json).toEqual({ ended: 1 });
    expect((await send(client, 'sign-out', { userId: hostile })).json).toEqual({ ended: 2 });
    expect((await send(client, 'sign-out', {})).status).toBe(400);
    expect((await send(client, 'sign-out-all', { application: app.application })).status).toBe(403);
    expect((await send(client, 'failover', { application: app.application })).status).toBe(403);
  });

  it('signs everybody out once the name of the application is given, and fails over only with Sentinel', async () => {
    const app = await start({ allowActions: true }, { platform });
    const client = app.client();
    await app.client().post('/sign-in', { userId: 'ada' });
    expect((await send(client, 'sign-out-all', { application: 'another' })).status).toBe(400);
    expect(await app.app.get(SessionService).count()).toBe(1);
    expect((await send(client, 'sign-out-all', { application: app.application })).json).toEqual({ ended: 1 });
    expect(await send(client, 'failover', { application: app.application })).toMatchObject({ status: 409 });
  });

  it.each([
    ['a form', {}],
    ['the page of another site', { ...PAGE, 'sec-fetch-site': 'cross-site' }],
    ['a page of a sister domain', { ...PAGE, 'sec-fetch-site': 'same-site' }],
    ['an older browser on another site', { ...PAGE, origin: 'https://evil.example' }],
    ['a sandboxed frame', { ...PAGE, origin: 'null' }],
  ])('takes nothing from %s', async (_title, headers) => {
    const app = await start({ allowActions: true }, { platform });
    const answer = await send(app.client(), 'sign-out-all', { application: app.application }, headers);
    expect(answer.status).toBe(403);
    const own = { ...PAGE, origin: app.url, ...('sec-fetch-site' in headers && { 'sec-fetch-site': 'same-origin' }) };
    expect((await send(app.client(), 'sign-out-all', { application: app.application }, own)).status).toBe(200);
  });

  it('sends the state once a second to a page that is open, and lets the application end', async () => {
    const app = await start({}, { platform });
    const stream = await app.client().open('/ops/sessions/api/live', { headers: OPERATOR });
    expect(stream.headers['content-type']).toBe('text/event-stream');
    let text = '';
    const ended = new Promise((resolve) => stream.once('end', resolve));
    stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
    const states = () =>
      [...text.matchAll(/^event: state\ndata: (.+)$/gm)].map(
        ([, json = '']) => JSON.parse(json) as { snapshot: { live: number } | null; status: { state: string } },
      );
    await pollUntil('a state', () => states().some(({ snapshot }) => snapshot?.live === 0));
    await app.client().post('/sign-in', { userId: 'ada' });
    await pollUntil('the new session', () => states().some(({ snapshot }) => snapshot?.live === 1));
    expect(text).toMatch(/^event: timeline\n/m);
    expect(text).not.toContain('ada');
    await app.app.close();
    await ended;
  });
});

describe('several installations', () => {
  it('are on one page with their numbers, and actions stay with the one that asks', async () => {
    const [first, second] = [await start(), await start({ allowActions: true })];
    await second.client().post('/sign-in', { userId: 'ada' });
    const client = first.client();
    const snapshotOf = (application: string) => ask(client, `/api/snapshot?application=${application}`);
    // Each one's elected instance enters it into the list.
    await pollUntil('the other one', async () => (await snapshotOf(second.application)).status === 200);
    expect((await snapshotOf(second.application)).json).toMatchObject({
      application: second.application,
      live: 1,
      active: 1,
    });
    expect((await ask(client, `/api/history?range=day&application=${second.application}`)).status).toBe(200);
    expect((await snapshotOf('nobody')).status).toBe(404);
    expect((await send(second.client(), 'sign-out-all', { application: first.application })).status).toBe(400);
  });
});

describe('the monitor of an application without Redis', () => {
  it('shows what lives in the process, and says what there is not', async () => {
    const app = await start({}, { sessions: { redis: undefined } });
    const client = app.client();
    expect((await ask(client, '/api/setup')).json).toMatchObject({ storage: 'elsewhere' });
    expect((await ask(client, '/api/capacity')).status).toBe(501);
    expect((await ask(client, '/api/findings')).status).toBe(501);
  });
});
