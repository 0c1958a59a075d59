import { Body, Controller, Get, Inject, Post } from '@nestjs/common';
import type { Redis } from 'ioredis';
import { Redis as Client } from 'ioredis';
import { HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CurrentSession, InjectSessionRedis, SessionAccess, SessionModule, SessionService } from '../../lib/index.js';
import type { SessionLink } from '../../lib/core/session-link.js';
import { SESSION_LINK, SESSION_STORE } from '../../lib/core/session.tokens.js';
import { SessionHealthIndicator, SessionHealthModule } from '../../lib/health/index.js';
import type { LiveSession } from '../../lib/http/session.types.js';
import { SessionInstallationEvents } from '../../lib/stats/session-installation-events.js';
import { SessionSampler } from '../../lib/stats/session-sampler.js';
import { SessionWorker } from '../../lib/session.worker.js';
import { RedisKeyLayout } from '../../lib/store/redis-key-layout.js';
import type { SessionStore } from '../../lib/store/session-store.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import type { SentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { startSentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { aclLines, applicationRights, furtherRights, PASSWORD } from '../support/acl-lists.js';
import type { HttpApp } from '../support/http-app.js';
import { startHttpApp } from '../support/http-app.js';
import type { HttpClient } from '../support/http-client.js';

const ADMIN = { username: 'admin', password: 'a-password-of-the-lab' };

/** What nobody who took the application's password may do to the data nodes. */
const REFUSED_TO_PORTAL = [
  'FLUSHALL',
  'FLUSHDB',
  'SWAPDB 0 1',
  'CLIENT KILL TYPE normal',
  'CLIENT LIST',
  'CLIENT PAUSE 1',
  'CLIENT NO-EVICT on',
  'CONFIG GET requirepass',
  'CONFIG SET maxmemory 1',
  'SHUTDOWN NOSAVE',
  'REPLICAOF NO ONE',
  'FAILOVER',
  'KEYS *',
  'SCAN 0',
  'RANDOMKEY',
  'MONITOR',
  'SLOWLOG GET',
  'LATENCY RESET',
  'ACL LIST',
  'ACL SETUSER portal +@all',
  'SCRIPT FLUSH',
  'FUNCTION FLUSH',
  'MODULE LIST',
  'SAVE',
  'BGREWRITEAOF',
  'MIGRATE 127.0.0.1 1 {acl:0}:live 0 1',
  'DUMP {acl:0}:live',
  'RENAME {acl:0}:live {acl:0}:other',
  'PUBLISH __redis__:invalidate x',
  'SUBSCRIBE x',
  'PSYNC ? -1',
  'GET {other:0}:t:x',
  'DEL {acl}:x',
];

const REFUSED_TO_VIEWER = [
  'SENTINEL FAILOVER lab',
  'SENTINEL REMOVE lab',
  'SENTINEL RESET *',
  'SENTINEL SET lab quorum 1',
  'SENTINEL MONITOR evil 127.0.0.1 1 1',
  'SENTINEL DEBUG',
  'PUBLISH __sentinel__:hello x',
  'SHUTDOWN',
  'ACL LIST',
  'CLIENT KILL TYPE normal',
];

@Controller()
class Portal {
  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
    @Inject(SESSION_STORE) private readonly store: SessionStore,
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(SessionHealthIndicator) private readonly indicator: SessionHealthIndicator,
    @InjectSessionRedis() private readonly redis: Redis,
  ) {}

  @Post('login')
  async login(@Body() { user }: { user: string }) {
    const session = await this.sessions.regenerate({ keep: 'all', graceMs: 1_000 });
    Object.assign(session, { user, text: 'x'.repeat(300), more: 'y'.repeat(2_000) });
    return {};
  }

  @Post('add')
  @SessionAccess('exclusive')
  add(@CurrentSession() session: LiveSession & { text?: unknown; count?: number }) {
    session.count = (session.count ?? 0) + 1;
    delete session.text;
    return { count: session.count };
  }

  @Get('read')
  read(@CurrentSession() session: LiveSession & { user?: string }) {
    return { user: session.user ?? null };
  }

  @Post('logout')
  async logout() {
    await this.sessions.destroy();
    return {};
  }

  @Get('all')
  async all() {
    const listed = await this.sessions.list('ada');
    await this.store.all();
    await this.redis.set('{acl:own}:x', '1');
    const health = await this.health.check([() => this.indicator.isHealthy('sessions')]);
    return { listed: listed.length, count: await this.sessions.count(), health: health.status };
  }

  @Post('everywhere')
  async everywhere() {
    const [first] = await this.sessions.list('ada');
    if (first) await this.sessions.revoke(first.id, { userId: 'ada' });
    return { ended: await this.sessions.signOutEverywhere('ada') };
  }

  @Post('clear')
  async clear() {
    await this.store.set('plain', { cookie: { originalMaxAge: null }, user: 'eve', count: 1 });
    await this.store.set('plain', { cookie: { originalMaxAge: 0 } });
    await this.store.clear();
    return {};
  }
}

let topology: SentinelTopology;
beforeAll(async () => {
  topology = await startSentinelTopology({
    nodeAuth: ADMIN,
    sentinelAuth: ADMIN,
    nodeConfig: [...aclLines('application', 'acl'), ...aclLines('replication', 'acl')],
    sentinelConfig: [
      ...aclLines('viewer', 'acl'),
      ...aclLines('sentinel', 'acl').map((line) => line.replace(' portal ', ' %name% ')),
    ],
  });
});
afterAll(async () => {
  await topology.stop();
});

/** What every node and Sentinel that runs has refused to anybody. */
async function refusals(): Promise<string[]> {
  const logs = await Promise.all(
    [...topology.nodes, ...topology.sentinels]
      .filter(({ running }) => running)
      .map(async (server) => ((await server.cli('ACL', 'LOG')) as string[][]).map((entry) => entry.join(' '))),
  );
  // Sent by the injected client to Sentinels of Redis 7.2 and later; the page says so.
  return logs.flat().filter((entry) => !entry.includes('object client|setinfo username viewer'));
}

async function isRefused(server: RedisProcess, username: string, command: string): Promise<string | undefined> {
  const client = new Client({
    host: server.host,
    port: server.port,
    username,
    password: PASSWORD,
    enableReadyCheck: false,
    retryStrategy: () => null,
    lazyConnect: true,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const [name = '', ...args] = command.split(' ');
    const answer = await client.call(name, ...args).catch((error: unknown) => String(error));
    return String(answer).includes('NOPERM') ? undefined : `${command}: ${String(answer)}`;
  } finally {
    client.disconnect();
  }
}

/** One user's day, whatever the servers do meanwhile. */
async function workload(http: HttpApp): Promise<HttpClient> {
  const [client, tab] = [http.client(), http.client()];
  expect((await client.post('/login', { user: 'ada' })).status).toBe(201);
  expect((await client.post('/add')).json).toMatchObject({ count: 1 });
  expect((await client.get('/read')).json).toEqual({ user: 'ada' });
  for (const [name, value] of client.cookies) tab.cookies.set(name, value);
  const together = await Promise.all([client.post('/add'), tab.post('/add')]);
  expect(together.map(({ json }) => (json as { count: number }).count).sort()).toEqual([2, 3]);
  expect((await client.post('/login', { user: 'ada' })).status).toBe(201);
  return client;
}

describe('the lists of rights in docs/operations.md', () => {
  it('are enough for all that the application, replication and the Sentinels do', { timeout: 120_000 }, async () => {
    const module = SessionModule.forRoot({
      application: 'acl',
      secret: 'a-secret-of-the-acl-tests-0123456789',
      redis: {
        ...topology.redisOptions,
        username: 'portal',
        password: PASSWORD,
        sentinelUsername: 'viewer',
        sentinelPassword: PASSWORD,
      },
      userId: (session) => (session as { user?: string }).user,
      maxSessionsPerUser: 2,
      // So few that the fields are counted by name.
      maxFields: 5,
      touchIntervalMs: 0,
      conflict: 'reject',
    });
    const http = await startHttpApp({
      modules: [module, TerminusModule, SessionHealthModule],
      controllers: [Portal],
    });
    const heard: unknown[] = [];
    http.app.get(SessionInstallationEvents).subscribe({ next: (event) => void heard.push(event) });
    for (let session = 0; session < 4; session++) await workload(http);
    await pollUntil('events of the installation arrive', () => heard.length > 0);
    await http.client().post('/logout');
    expect((await http.client().get('/all')).json).toEqual({ listed: 2, count: 2, health: 'ok' });

    await http.app.get(SessionWorker).sweep(() => true);

    await topology.failover();
    await workload(http);
    await topology.whenStable(30_000);
    const primary = await topology.primary();
    await primary.kill();
    await workload(http);
    await primary.restart();
    await topology.whenStable(30_000);

    await (await workload(http)).post('/logout');
    // The application's own client connects anew in its own time.
    const all = await pollUntil('all is well again', async () => {
      const answer = await http.client().get('/all');
      return answer.status === 200 && (answer.json as { count: number });
    });
    expect(all).toMatchObject({ count: 1, health: 'ok' });
    await workload(http);
    // What the elected instance asks every five minutes, here while there are sessions and on the node that stays.
    const sampler = new SessionSampler(http.app.get<SessionLink>(SESSION_LINK), new RedisKeyLayout('acl', 1));
    expect((await sampler.survey(1)).sessionBytes).toBeGreaterThan(0);
    expect((await http.client().post('/everywhere')).status).toBe(201);
    expect((await http.client().post('/clear')).status).toBe(201);
    expect(http.log.filter((line) => line.includes('NOPERM'))).toEqual([]);
    expect(await refusals()).toEqual([]);
  });

  it('grant the application no command that it does not send', async () => {
    const used = new Set<string>();
    for (const node of topology.nodes) {
      const stats = String(await node.cli('INFO', 'commandstats'));
      for (const [, name = ''] of stats.matchAll(/^cmdstat_([\w|]+):calls=[1-9]/gm)) used.add(name);
    }
    const granted = applicationRights('acl').flatMap((right) => (right.startsWith('+') ? [right.slice(1)] : []));
    expect(granted.filter((name) => !used.has(name))).toEqual([]);
  });

  it.each(['portal', 'viewer'])(
    'refuse everything else to %s, and to scripts that are sent in its name',
    async (user) => {
      const server = user === 'portal' ? await topology.primary() : topology.sentinels[0];
      if (!server) throw new Error('unreachable');
      const allowed: (string | undefined)[] = [];
      for (const command of user === 'portal' ? REFUSED_TO_PORTAL : REFUSED_TO_VIEWER)
        allowed.push(await isRefused(server, user, command));
      expect(allowed.filter(Boolean)).toEqual([]);
      if (user === 'viewer') return;
      await server.cli('SET', '{other:0}:t:x', 'theirs');
      const client = new Client({ host: server.host, port: server.port, username: user, password: PASSWORD });
      const run = (script: string) => client.call('EVAL', script, '0').catch(String);
      expect(await run("return redis.call('FLUSHALL')")).toMatch(
        /can't run this command|no permissions to run the 'flushall' command/,
      );
      expect(await run("return redis.call('GET', '{other:0}:t:x')")).toMatch(
        /can't access at least one of the keys|No permissions to access a key/,
      );
      client.disconnect();
      expect(await server.cli('GET', '{other:0}:t:x')).toBe('theirs');
    },
  );

  it('name what the near cache needs besides', async () => {
    const server = await topology.primary();
    await server.cli(
      'ACL',
      'SETUSER',
      'near',
      'on',
      `>${PASSWORD}`,
      ...applicationRights('acl'),
      ...furtherRights(/nearCache/),
    );
    const allowed = await Promise.all(
      REFUSED_TO_PORTAL.filter((command) => command !== 'SUBSCRIBE x').map((command) =>
        isRefused(server, 'near', command),
      ),
    );
    expect(allowed.filter(Boolean)).toEqual([]);
    await pollUntil(
      'another channel is refused',
      async () => (await isRefused(server, 'near', 'SUBSCRIBE x')) === undefined,
    );
  });
});
