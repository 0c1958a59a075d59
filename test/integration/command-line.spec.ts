import { PassThrough } from 'node:stream';
import { Body, Controller, Post } from '@nestjs/common';
import type { SessionData } from 'express-session';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runCommandLine } from '../../lib/command/command-line.js';
import { keySlot } from '../../lib/command/key-slot.js';
import { CurrentSession, SessionModule } from '../../lib/index.js';
import type { LiveSession } from '../../lib/http/session.types.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { startSentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { startHttpApp, type HttpApp } from '../support/http-app.js';
import { server, WELL } from './doctor.support.js';

@Controller()
class Portal {
  @Post('sign-in')
  signIn(@CurrentSession() session: LiveSession, @Body() body: Partial<SessionData>) {
    Object.assign(session, body);
    return {};
  }
}

const APPLICATION = 'command';
const SECRET = 'a-secret-of-the-command-tests-0123456789';

interface Result {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** Runs one command line as a shell would; `typed` is what a person types, or a closed input. */
async function run(args: readonly string[], env: Record<string, string> = {}, typed = ''): Promise<Result> {
  const texts = { output: '', errors: '' };
  const stream = (name: keyof typeof texts): PassThrough => {
    const made = new PassThrough();
    made.on('data', (chunk: Buffer) => (texts[name] += chunk.toString()));
    return made;
  };
  const input = new PassThrough();
  input.end(typed);
  const output = stream('output');
  const errorOutput = stream('errors');
  const signal = new AbortController().signal;
  const code = await runCommandLine(args, { input, output, errorOutput, env, signal });
  return { code, ...texts };
}

function urlOf({ address }: RedisProcess): string {
  return `redis://:secret@${address}`;
}

async function redisServer(): Promise<RedisProcess> {
  return server({ access: { password: 'secret' }, config: WELL });
}

function environment(redis: RedisProcess): Record<string, string> {
  return { SESSION_REDIS_URL: urlOf(redis), SESSION_APPLICATION: APPLICATION };
}

async function startPortal(redis: RedisProcess): Promise<HttpApp> {
  const module = SessionModule.forRoot({
    application: APPLICATION,
    secret: SECRET,
    redis: urlOf(redis),
    userId: (session) => (session as { userId?: string }).userId,
  });
  return startHttpApp({ modules: [module], controllers: [Portal] });
}

async function signIn(app: HttpApp, userId: string): Promise<void> {
  expect((await app.client().post('/sign-in', { userId })).status).toBe(201);
}

describe('the command line', () => {
  it('says what is missing and what it knows, with exit code 2', async () => {
    expect(await run(['doctor'])).toMatchObject({ code: 2, errors: expect.stringContaining('--redis URL') as string });
    expect(await run(['list', '--redis', 'redis://h', '--application', 'a'])).toMatchObject({
      code: 2,
      errors: expect.stringContaining('--user ID') as string,
    });
    expect(await run(['doctor', '--nonsense'])).toMatchObject({
      code: 2,
      errors: expect.stringContaining('nonsense') as string,
    });
    expect(await run(['doctor', '--redis', 'http://h', '--application', 'a'])).toMatchObject({ code: 2 });
    expect((await run([])).code).toBe(2);
  });

  it('says that Redis is out of reach with exit code 3, and why', async () => {
    const redis = await redisServer();
    await redis.kill();
    const refused = await run([
      'list',
      '--user',
      'ada',
      '--redis',
      `${urlOf(redis)}?operationTimeoutMs=500`,
      '--application',
      'a',
    ]);
    expect(refused).toMatchObject({ code: 3, errors: expect.stringContaining('ECONNREFUSED') as string });
    expect((await run(['doctor'], environment(redis))).code).toBe(3);
  });

  it('examines: JSON for programs, exit code 1 for an error', async () => {
    const redis = await redisServer();
    const fine = await run(['doctor', '--json'], environment(redis));
    expect(fine.code).toBe(0);
    const { findings } = JSON.parse(fine.output) as { findings: Record<string, string>[] };
    expect(findings.map((each) => Object.keys(each))).toContainEqual(['id', 'severity', 'what', 'why', 'fix']);
    await redis.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    const bad = await run(['doctor'], environment(redis));
    expect(bad).toMatchObject({ code: 1, output: expect.stringContaining('ERROR eviction-policy') as string });
  });

  it('lists and ends sessions of a user', async () => {
    const redis = await redisServer();
    const app = await startPortal(redis);
    await signIn(app, 'ada');
    await signIn(app, 'ada');
    await signIn(app, '42');
    const listed = await run(['list', '--user', 'ada', '--json'], environment(redis));
    const { sessions } = JSON.parse(listed.output) as { sessions: { id: string; userId: string }[] };
    expect(sessions.map(({ userId }) => userId)).toEqual(['ada', 'ada']);
    expect((await run(['list', '--user', '42'], environment(redis))).output).toContain('1 live session.');

    const id = sessions[0]?.id ?? '';
    expect(await run(['revoke', id], environment(redis))).toMatchObject({ code: 0 });
    expect(await run(['revoke', 'AAAAAAAAAAAAAAAAAAAAAA'], environment(redis))).toMatchObject({ code: 1 });
    const out = await run(['signout', '--user', 'ada', '--json'], environment(redis));
    expect(JSON.parse(out.output)).toEqual({ application: APPLICATION, ended: 1 });
  });

  it('signs everybody out only after the name was typed', async () => {
    const redis = await redisServer();
    const app = await startPortal(redis);
    await signIn(app, 'ada');
    await signIn(app, 'bob');
    expect(await run(['signout', '--all'], environment(redis))).toMatchObject({
      code: 2,
      output: expect.stringContaining('Nothing was done.') as string,
    });
    expect((await run(['signout', '--all'], environment(redis), 'other\n')).code).toBe(2);
    expect(await run(['signout', '--all'], environment(redis), `${APPLICATION}\n`)).toMatchObject({
      code: 0,
      output: expect.stringContaining('2 sessions have ended.') as string,
    });
    expect((await run(['signout'], environment(redis))).code).toBe(2);
  });

  it('counts the live sessions and shows the capacity, without doing the work of the installation', async () => {
    const redis = await redisServer();
    const app = await startPortal(redis);
    await signIn(app, 'ada');
    await signIn(app, 'bob');
    await app.client().post('/sign-in', { color: 'red' });
    const counted = await run(['stats', '--json'], environment(redis));
    expect(JSON.parse(counted.output)).toMatchObject({
      application: APPLICATION,
      live: 3,
      authenticated: 2,
      anonymous: 1,
    });
    expect((await run(['stats'], environment(redis))).output).toMatch(/^live +3$/m);
    const shown = await run(['capacity', '--json'], environment(redis));
    expect(JSON.parse(shown.output)).toMatchObject({ memory: { maxBytes: 100 * 1024 * 1024 } });
    expect((await run(['capacity'], environment(redis))).output).toMatch(/^memory used +\d+ bytes$/m);
    // A second installation, in which no application runs: nobody was elected by the commands.
    const lonely = { ...environment(redis), SESSION_APPLICATION: 'lonely' };
    expect(await run(['stats'], lonely)).toMatchObject({ code: 0 });
    const keys = (await redis.cli('KEYS', '{lonely*')) as string[];
    // A connection tries out for a second whether sessions can be stored.
    expect(keys.filter((key) => !key.endsWith(':probe'))).toEqual([]);
  });

  it('explains a cookie: verified or not, its key, slot and deadlines, and no value', async () => {
    const redis = await redisServer();
    const app = await startPortal(redis);
    const client = app.client();
    await client.post('/sign-in', { userId: 'ada', note: 'a value that stays inside' });
    const cookie = client.cookies.get('connect.sid') ?? '';
    const secret = { ...environment(redis), SESSION_SECRET: SECRET };
    const explained = await run(['explain', cookie, '--json'], secret);
    expect(explained.code).toBe(0);
    const { id, key, slot, details } = JSON.parse(explained.output) as {
      id: string;
      key: string;
      slot: number;
      details: object;
    };
    expect(JSON.parse(explained.output)).toMatchObject({ verified: true, oldSecret: false, session: 'live' });
    expect(details).toMatchObject({ userId: 'ada', nextId: null });
    expect(key).toBe(`{${APPLICATION}:0}:s:${id}`);
    expect(slot).toBe(keySlot(`${APPLICATION}:0`));
    expect(await redis.cli('EXISTS', key)).toBe(1);
    expect(explained.output).not.toContain('stays inside');

    const piped = await run(['explain'], secret, `Cookie: connect.sid=${cookie}\n`);
    expect(piped).toMatchObject({ code: 0, output: expect.stringContaining('right') as string });
    const old = await run(['explain', cookie, '--json'], {
      ...secret,
      SESSION_SECRET: `a-newer-secret-of-these-tests-0123,${SECRET}`,
    });
    expect(JSON.parse(old.output)).toMatchObject({ verified: true, oldSecret: true });
    const forged = await run(['explain', cookie.slice(0, -4) + 'AAAA', '--json'], secret);
    expect(forged.code).toBe(1);
    expect(JSON.parse(forged.output)).toMatchObject({ verified: false, id, session: 'live' });
    expect(JSON.parse((await run(['explain', cookie, '--json'], environment(redis))).output)).toMatchObject({
      verified: null,
    });
    expect((await run(['explain', 'nonsense'], secret)).code).toBe(2);

    await run(['signout', '--user', 'ada'], environment(redis));
    const ended = await run(['explain', cookie, '--json'], secret);
    expect(ended.code).toBe(1);
    expect(JSON.parse(ended.output)).toMatchObject({ verified: true, session: 'none', details: null });
  });

  it('names the slot that a Cluster has', () => {
    // The check value of CRC16/XMODEM; redis.io, "Redis cluster specification".
    expect(keySlot('123456789')).toBe(0x31c3);
    expect(keySlot('a{123456789}b')).toBe(0x31c3);
  });

  it('fails over as planned after the name was typed, and measures the pause', { timeout: 60_000 }, async () => {
    const topology = await startSentinelTopology();
    onTestFinished(() => topology.stop());
    await topology.whenStable(30_000);
    const former = await topology.primary();
    const sentinels = topology.sentinels.map(({ address }) => address).join(',');
    const env = {
      SESSION_REDIS_URL: `redis+sentinel://${sentinels}/${topology.name}`,
      SESSION_APPLICATION: APPLICATION,
    };
    expect(await run(['drill'], env, 'other\n')).toMatchObject({ code: 2 });
    expect(await topology.primary()).toBe(former);
    const drilled = await run(['drill', '--yes', '--json'], env);
    expect(drilled).toMatchObject({ code: 0, errors: '' });
    const report = JSON.parse(drilled.output) as Record<string, number | string>;
    expect(report).toMatchObject({ application: APPLICATION, from: former.address, failed: 0 });
    expect(report['to']).not.toBe(former.address);
    expect(report['pauseMs']).toBeGreaterThan(0);
    // Without Sentinel nobody can promote a replica.
    const alone = await redisServer();
    expect(await run(['drill', '--yes'], environment(alone))).toMatchObject({
      code: 1,
      errors: expect.stringContaining('A planned failover needs Sentinel'),
    });
  });

  it('shows the control characters of a hostile user id instead of obeying them', async () => {
    const redis = await redisServer();
    const listed = await run(['list', '--user', '\u001b[2Jada'], environment(redis));
    expect(listed.output).not.toContain('\u001b');
  });
});
