import { spawn } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { format, inspect } from 'node:util';
import type { Logger } from '@nestjs/common';
import { Body, Controller, Get, HttpException, Inject, Post } from '@nestjs/common';
import { HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SESSION_LINK, SESSION_OPTIONS, SESSION_STORE } from '../../lib/core/session.tokens.js';
import { SessionHealthIndicator, SessionHealthModule } from '../../lib/health/index.js';
import type { LiveSession } from '../../lib/http/session.types.js';
import { SessionMetricsModule } from '../../lib/metrics/index.js';
import { SessionEvents, CurrentSession, SessionAccess, SessionModule, SessionService } from '../../lib/index.js';
import type { SessionStore } from '../../lib/store/session-store.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import type { SentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { startSentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { startHttpApp } from '../support/http-app.js';

/** What `DEBUG=*` switches on, as ioredis itself has it. */
const require = createRequire(createRequire(import.meta.url).resolve('ioredis'));
const debug = require('debug') as { enable(names: string): void; disable(): void; log: (...args: unknown[]) => void };

/** A text that stands nowhere by chance. */
const needle = (name: string) => `${name}-${randomBytes(12).toString('hex')}`;

const SECRETS = [needle('secret-that-signs-the-cookie'), needle('secret-that-signed-it-before')] as const;
const NODE = { username: 'portal-node', password: needle('node-password') };
const SENTINEL = { username: 'portal-sentinel', password: needle('sentinel-password') };
/** Who the lab itself is: its own clients are in this process, too. */
const LAB = { username: 'lab', password: needle('lab-password') };
const KEY = randomBytes(32);
const VALUES = { short: needle('short-value'), long: needle('long-value').repeat(30), inner: needle('inner-value') };
const ABOUT = needle('about-value');
const USERS = [needle('user-ada'), needle('user-eve')] as const;

/** Everything that was written, sent or reported, by where. */
const haystacks = new Map<string, string[]>();
const record = (name: string, text: unknown): void => {
  const shown =
    typeof text === 'string' ? text : inspect(text, { depth: 12, maxArrayLength: null, maxStringLength: null });
  haystacks.set(name, [...(haystacks.get(name) ?? []), shown]);
};

const CHANNELS = ['command', 'batch', 'connect'].flatMap((name) =>
  ['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map((moment) => `tracing:ioredis:${name}:${moment}`),
);
const onMessage = (message: unknown, name: string | symbol): void => record('diagnostics channels', [name, message]);

@Controller()
class Portal {
  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
    @Inject(SESSION_STORE) private readonly store: SessionStore,
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(SessionHealthIndicator) private readonly indicator: SessionHealthIndicator,
  ) {}

  @Post('login')
  async login(@Body() { user }: { user: string }) {
    const session = await this.sessions.regenerate({ keep: 'all', graceMs: 1_000 });
    Object.assign(session, { user, short: VALUES.short, long: VALUES.long, nested: { inner: VALUES.inner } });
    return {};
  }

  @Post('add')
  @SessionAccess('exclusive')
  add(@CurrentSession() session: LiveSession & { count?: number; long?: unknown }) {
    session.count = (session.count ?? 0) + 1;
    return { count: session.count, hasLong: session.long !== undefined };
  }

  @Post('broken')
  broken(@CurrentSession() session: LiveSession & { cycle?: unknown }, @Body() { size }: { size?: number }) {
    session.cycle = size === undefined ? session : `${VALUES.short}${'x'.repeat(size)}`;
    return {};
  }

  @Get('readonly')
  @SessionAccess('readonly')
  readonly(@CurrentSession() session: LiveSession & { short?: string }) {
    session.short = `${VALUES.short}-changed`;
    return {};
  }

  @Get('all')
  async all() {
    await this.sessions.list(USERS[0]);
    await this.store.all();
    record('health', await this.health.check([() => this.indicator.isHealthy('sessions')]));
    record('status', this.sessions.status());
    return { count: await this.sessions.count() };
  }

  @Post('everywhere')
  async everywhere() {
    return { ended: await this.sessions.signOutEverywhere(USERS[0]) };
  }
}

const stopListening = (): void => {
  for (const channel of CHANNELS) unsubscribe(channel, onMessage);
};

let topology: SentinelTopology;
beforeAll(async () => {
  topology = await startSentinelTopology({
    nodeAuth: LAB,
    sentinelAuth: LAB,
    sentinelConfig: [`user ${SENTINEL.username} on >${SENTINEL.password} &* +@all`],
    nodeConfig: [
      `user ${NODE.username} on >${NODE.password} ~* &* +@all`,
      'slowlog-log-slower-than 0',
      'slowlog-max-len 100000',
    ],
  });
  for (const channel of CHANNELS) subscribe(channel, onMessage);
});
afterAll(async () => {
  stopListening();
  debug.disable();
  await topology.stop();
});

describe('a full workload with a failover', () => {
  it(
    'leaves no cookie, id, secret, password, value or user id where it does not belong',
    { timeout: 120_000 },
    async () => {
      const monitors = topology.nodes.map(({ host, port }) => {
        const args = ['-h', host, '-p', String(port), '--user', LAB.username, 'MONITOR'];
        const monitor = spawn('redis-cli', args, { env: { ...process.env, REDISCLI_AUTH: LAB.password } });
        monitor.stdout.on('data', (lines: Buffer) => record('MONITOR', lines.toString()));
        return monitor;
      });
      await pollUntil('MONITOR runs', () => haystacks.get('MONITOR')?.join('').split('OK').length === 3);
      // The lab's own commands are under way through the same module: what they show belongs to the lab.
      debug.log = (...args: unknown[]) => record('DEBUG=*', format(...args));
      debug.enable('ioredis:*,nestjs-ha-session*');
      const levels = ['log', 'warn', 'error', 'debug', 'verbose', 'fatal'] as const;
      const logger = Object.fromEntries(levels.map((level) => [level, (...args: unknown[]) => record('logs', args)]));

      const module = SessionModule.forRoot({
        application: 'leak',
        secret: SECRETS,
        redis: {
          ...topology.redisOptions,
          ...NODE,
          sentinelUsername: SENTINEL.username,
          sentinelPassword: SENTINEL.password,
        },
        encryption: { keys: [KEY] },
        userId: (session) => (session as { user?: string }).user,
        describe: () => ({ agent: ABOUT }),
        maxSessionsPerUser: { max: 2, evict: 'oldest' },
        maxBytes: 20_000,
        touchIntervalMs: 0,
      });
      const registry = new Registry();
      const metrics = SessionMetricsModule.forRoot({ prometheus: { registry } });
      const http = await startHttpApp({
        modules: [module, TerminusModule, SessionHealthModule, metrics],
        controllers: [Portal],
        prepare: (app) => {
          app.useLogger(logger as unknown as Logger);
          app.useGlobalFilters({
            catch: (error: unknown, host) => {
              record('errors', error);
              for (let cause = error; cause instanceof Error; cause = cause.cause)
                record('errors', [Object.entries(cause), cause.stack]);
              const response = host
                .switchToHttp()
                .getResponse<{ status(code: number): { json(body: object): void } }>();
              response.status(error instanceof HttpException ? error.getStatus() : 500).json({});
            },
          });
        },
      });
      http.app.get(SessionEvents).all.subscribe((event) => record('events', event));

      const cookies = new Set<string>();
      const run = async (user: string): Promise<void> => {
        const client = http.client();
        const note = () => client.cookies.forEach((value) => cookies.add(value));
        for (const [path, body] of [
          ['/login', { user }],
          ['/add', {}],
          ['/login', { user }],
          ['/add', {}],
        ] as const) {
          expect((await client.post(path, body)).status).toBe(201);
          note();
        }
        expect((await client.post('/broken', {})).status).toBe(500);
        expect((await client.post('/broken', { size: 30_000 })).status).toBe(500);
        expect((await client.get('/readonly')).status).toBe(500);
      };
      for (const user of USERS) for (let time = 0; time < 3; time++) await run(user);
      await topology.failover();
      await topology.whenStable(30_000);
      for (const user of USERS) await run(user);
      await http.client().get('/all');
      await http.client().post('/everywhere', {});
      record('metrics', await registry.metrics());
      // What the lab itself asks from here on is not the library's.
      stopListening();
      for (const node of topology.nodes) {
        record('SLOWLOG', JSON.stringify(await node.cli('SLOWLOG', 'GET', '-1')));
        await node.cli('SAVE');
        const [, dir = ''] = (await node.cli('CONFIG', 'GET', 'dir')) as string[];
        record('RDB files', readFileSync(join(dir, 'dump.rdb'), 'latin1'));
      }
      record(
        'inspected options',
        [SESSION_OPTIONS, SESSION_STORE, SESSION_LINK].map((token) => http.app.get<unknown>(token)),
      );
      record('inspected options', http.app.get(SessionService));
      record('inspected options', JSON.stringify(http.app.get(SESSION_OPTIONS)));
      // Refused altogether: the error says why, and its cause.
      await Promise.all(topology.sentinels.map((sentinel) => sentinel.kill()));
      await Promise.all(topology.nodes.map((node) => node.kill()));
      expect((await http.client().post('/login', { user: USERS[0] })).status).toBe(503);
      for (const monitor of monitors) monitor.kill();

      const decoded = [...cookies].map((cookie) => decodeURIComponent(cookie));
      const ids = decoded.map((cookie) => /^s:([^.]+)\./.exec(cookie)?.[1] ?? '');
      const signatures = decoded.map((cookie) => cookie.slice(cookie.lastIndexOf('.') + 1));
      const encodings = ['base64', 'base64url', 'hex', 'latin1'] as const;
      const needles = {
        cookies: [...cookies, ...decoded],
        ids,
        signatures,
        secrets: [...SECRETS, NODE.password, SENTINEL.password, ...encodings.map((encoding) => KEY.toString(encoding))],
        values: [...Object.values(VALUES), ABOUT],
        users: USERS,
      };
      expect(ids.length).toBeGreaterThan(10);
      expect(ids.every((id) => id.length > 20)).toBe(true);
      // An event tells the application whose session it is; users are readable in Redis, as docs/security.md says.
      const inRedis = ['MONITOR', 'SLOWLOG', 'RDB files'];
      expect(haystacks.get('MONITOR')?.join('')).toContain(USERS[0]);
      const found: string[] = [];
      for (const [haystack, texts] of haystacks) {
        const all = texts.join('\n');
        expect(all.length, haystack).toBeGreaterThan(10);
        for (const [kind, some] of Object.entries(needles)) {
          if (kind === 'users' && (inRedis.includes(haystack) || haystack === 'events')) continue;
          const hits = some.filter((one) => all.includes(one));
          if (hits.length > 0) found.push(`${haystack}: ${hits.length} of the ${kind}`);
        }
      }
      expect([...haystacks.keys()].sort()).toEqual(
        [
          'DEBUG=*',
          'MONITOR',
          'RDB files',
          'SLOWLOG',
          'diagnostics channels',
          'errors',
          'events',
          'health',
          'inspected options',
          'logs',
          'metrics',
          'status',
        ].sort(),
      );
      const sizes = Object.fromEntries([...haystacks].map(([name, texts]) => [name, texts.join('').length]));
      const counts = Object.fromEntries(Object.entries(needles).map(([kind, some]) => [kind, some.length]));
      expect(found, `needles ${JSON.stringify(counts)}, characters ${JSON.stringify(sizes)}`).toEqual([]);
    },
  );
});
