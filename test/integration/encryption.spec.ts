import { randomBytes, randomUUID } from 'node:crypto';
import { Body, Controller, Get, Inject, Injectable, Post } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { storedId } from '../../lib/core/session-id.js';
import { CurrentSession, OnSessionEvent, SessionModule, SessionService } from '../../lib/index.js';
import type { SessionEncryptionOptions, SessionEvent, SessionModuleOptions } from '../../lib/index.js';
import type { LiveSession } from '../../lib/http/session.types.js';
import { resolveStoreOptions } from '../../lib/options/resolve-session-options.js';
import { createSessionLink } from '../../lib/redis/link/redis-link.factory.js';
import { createRedisProbe, createRedisRepository } from '../../lib/store/session-repository.factory.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startRedisServer, type RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { change } from '../contract/session-repository.contract.js';
import { startHttpApp } from '../support/http-app.js';

const [OLD, NEW] = [randomBytes(32), randomBytes(32)];
const stops: (() => unknown)[] = [];
let server: RedisProcess;
let application: string;

beforeAll(async () => {
  server = await startRedisServer();
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});
afterAll(async () => {
  await server.stop();
});

function open(encryption: SessionEncryptionOptions | undefined, more: { nearCache?: boolean } = {}) {
  const redis = { host: server.host, port: server.port };
  const options = resolveStoreOptions({ application, redis, encryption, ...more });
  const link = createSessionLink(options.redis, createRedisProbe(options));
  stops.push(() => link.close());
  return createRedisRepository(link, options);
}

const keyOf = (sid: string) => `{${application}:0}:s:${storedId(sid, 1).id}`;

async function hashOf(sid: string): Promise<Record<string, string>> {
  const list = (await server.cli('HGETALL', keyOf(sid))) as string[];
  return Object.fromEntries(list.flatMap((name, index) => (index % 2 ? [] : [[name, list[index + 1] ?? '']])));
}

/** The fields as they are read; `null`: there is no session, or none that can be read. */
async function read(repository: ReturnType<typeof open>, sid: string): Promise<Record<string, string> | null> {
  const stored = await repository.records.load(sid);
  return stored && Object.fromEntries(stored.fields);
}

beforeEach(() => {
  application = `encrypted-${randomUUID()}`;
});

describe('what is stored with encryption', () => {
  it('holds no value, no name of a value and no attribute of the cookie in clear', async () => {
    const { records } = open({ keys: [OLD] });
    const sid = randomUUID();
    const cookie = '{"originalMaxAge":null,"domain":"cookie-domain.example"}';
    const about = '{"address":"address-of-ada"}';
    const set = { user: 'name-of-ada', long: 'long-text '.repeat(200) };
    await records.create(sid, change({ set, cookie, about }));
    const hash = await hashOf(sid);
    expect(Object.keys(hash)).toEqual(expect.arrayContaining(['meta', 'cookie', 'about', 'd:user', 'd:long']));
    expect(JSON.stringify(hash)).not.toMatch(/name-of-ada|long-text|cookie-domain|address-of-ada/);
    expect(await records.load(sid)).toMatchObject({ cookie, about });
  });

  it('changes where a field has changed, and nowhere else', async () => {
    const { records } = open({ keys: [OLD] });
    const sid = randomUUID();
    await records.create(sid, change({ set: { a: 1, b: 2 }, cookie: '{"originalMaxAge":null}' }));
    const before = await hashOf(sid);
    await records.commit(sid, change({ set: { a: 3 } }));
    const after = await hashOf(sid);
    expect({ ...after, meta: '', 'd:a': '' }).toEqual({ ...before, meta: '', 'd:a': '' });
    expect(after['d:a']).not.toBe(before['d:a']);
  });
});

describe('who writes to Redis', () => {
  it.each([
    [
      'a field of another session',
      async (mine: string, theirs: string) => [mine, 'd:role', (await hashOf(theirs))['d:role']],
    ],
    ['another field of the session', async (mine: string) => [mine, 'd:role', (await hashOf(mine))['d:name']]],
    ['plain JSON', (mine: string) => Promise.resolve([mine, 'd:role', '"admin"'])],
    ['nothing', (mine: string) => Promise.resolve([mine, 'd:role', ''])],
    [
      'the cookie of another session',
      async (mine: string, theirs: string) => [mine, 'cookie', (await hashOf(theirs))['cookie']],
    ],
    [
      'a cookie in clear',
      (mine: string) => Promise.resolve([mine, 'cookie', '{"originalMaxAge":null,"domain":"evil.example"}']),
    ],
  ])('cannot put %s into a session', async (_what, forge) => {
    const repository = open({ keys: [OLD] });
    const { records } = repository;
    const [mine, theirs] = [randomUUID(), randomUUID()];
    const cookie = '{"originalMaxAge":null}';
    await records.create(mine, change({ set: { role: 'user', name: 'x'.repeat(400) }, cookie }));
    await records.create(theirs, change({ set: { role: 'admin' }, cookie }));
    const [sid = '', field = '', text = ''] = await forge(mine, theirs);
    await server.cli('HSET', keyOf(sid), field, text);
    const stored = await records.load(mine);
    // Not JSON: the store tells of it and goes on without a session.
    expect(field === 'cookie' ? stored?.cookie : stored?.fields.get('role')).toBe('');
  });

  it('cannot make his session of theirs, nor the same session of another application', async () => {
    const { records } = open({ keys: [OLD] });
    const [mine, theirs] = [randomUUID(), randomUUID()];
    await records.create(mine, change({ set: { role: 'user' } }));
    await records.create(theirs, change({ set: { role: 'admin' } }));
    await server.cli('COPY', keyOf(theirs), keyOf(mine), 'REPLACE');
    expect(await read(open({ keys: [OLD] }), mine)).toEqual({ role: '' });
    const from = keyOf(theirs);
    application = `neighbour-${randomUUID()}`;
    await server.cli('COPY', from, keyOf(theirs), 'REPLACE');
    expect(await read(open({ keys: [OLD] }), theirs)).toEqual({ role: '' });
  });
});

describe('keys', () => {
  it('rotate: all read, the first writes, and what changes is encrypted anew', async () => {
    const sid = randomUUID();
    await open({ keys: [OLD] }).records.create(sid, change({ set: { a: 1, b: 2 } }));
    const rotated = open({ keys: [NEW, OLD] });
    expect(await read(rotated, sid)).toEqual({ a: '1', b: '2' });
    await rotated.records.commit(sid, change({ set: { a: 3 } }));
    expect(await read(rotated, sid)).toEqual({ a: '3', b: '2' });
    // The old key is gone: what was never changed cannot be read any more.
    expect(await read(open({ keys: [NEW] }), sid)).toEqual({ a: '3', b: '' });
    expect(await read(open({ keys: [OLD] }), sid)).toEqual({ a: '', b: '2' });
  });

  it('that come from a function rotate without a restart', async () => {
    const sid = randomUUID();
    let keys = [OLD];
    let asked = 0;
    const provider = () => Promise.resolve((asked++, keys));
    const slow = open({ keys: provider, refreshMs: 1_000 });
    await slow.records.create(sid, change({ set: { a: 1 } }));
    expect(asked).toBe(1);
    keys = [NEW, OLD];
    await pollUntil('the new key is used', async () => {
      await slow.records.commit(sid, change({ set: { a: 2 } }));
      return (await read(open({ keys: [NEW] }), sid))?.['a'] === '2';
    });
    expect(await read(slow, sid)).toEqual({ a: '2' });
  });

  it('that cannot be fetched are an outage, and nothing is stored in clear', async () => {
    const sid = randomUUID();
    const { records } = open({ keys: () => Promise.reject(new Error('the vault is closed')) });
    await expect(records.create(sid, change({ set: { a: 1 } }))).rejects.toMatchObject({
      code: 'SESSION_STORE_UNAVAILABLE',
      reason: 'keys',
    });
    expect(await server.cli('EXISTS', keyOf(sid))).toBe(0);
  });
});

describe('plain sessions', () => {
  it('are read during a move only when that is wanted, and are encrypted as they change', async () => {
    const sid = randomUUID();
    const cookie = '{"originalMaxAge":null,"httpOnly":true,"path":"/"}';
    await open(undefined).records.create(sid, change({ set: { a: 1, b: 2 }, cookie, about: '{"x":"y"}' }));
    expect(await read(open({ keys: [OLD] }), sid)).toEqual({ a: '', b: '' });
    const moving = open({ keys: [OLD], acceptPlaintext: true });
    expect(await moving.records.load(sid)).toMatchObject({ cookie, about: '{"x":"y"}' });
    expect(await read(moving, sid)).toEqual({ a: '1', b: '2' });
    await moving.records.commit(sid, change({ set: { a: 3 } }));
    expect(await read(open({ keys: [OLD] }), sid)).toEqual({ a: '3', b: '' });
    expect(await read(moving, sid)).toEqual({ a: '3', b: '2' });
  });
});

describe("conflict: 'reject'", () => {
  it.each([
    ['the same key', { keys: [OLD] }, { keys: [OLD] }],
    ['a former key', { keys: [OLD] }, { keys: [NEW, OLD] }],
    ['no key', undefined, { keys: [NEW], acceptPlaintext: true }],
  ])('compares what is expected with what was stored with %s', async (_what, before, now) => {
    const sid = randomUUID();
    await open(before).records.create(sid, change({ set: { a: 1, b: 2 } }));
    const { records } = open(now);
    const expected = (a: string | undefined) =>
      new Map([
        ['a', a],
        ['new', undefined],
      ]);
    expect(await records.commit(sid, change({ set: { a: 3 }, expected: expected('7') }))).toMatchObject({
      outcome: 'conflict',
      fields: ['a'],
    });
    expect(await records.commit(sid, change({ set: { a: 3 }, expected: expected(undefined) }))).toMatchObject({
      outcome: 'conflict',
    });
    expect(await records.commit(sid, change({ set: { a: 3, new: 1 }, expected: expected('1') }))).toMatchObject({
      outcome: 'committed',
    });
    expect(await records.commit(sid, change({ set: { a: 4 }, expected: expected('3') }))).toMatchObject({
      outcome: 'committed',
    });
    expect(await records.commit(sid, change({ set: { new: 2 }, expected: expected('4') }))).toMatchObject({
      outcome: 'conflict',
      fields: ['new'],
    });
  });
});

describe('the near cache', () => {
  it('keeps opened sessions, and is kept right', async () => {
    const near = open({ keys: [OLD] }, { nearCache: true });
    const other = open({ keys: [OLD] });
    await pollUntil('it serves', () => near.cache?.status().state === 'serving', { intervalMs: 5 });
    const sid = randomUUID();
    await near.records.create(sid, change({ set: { a: 1 } }));
    await pollUntil('it is kept', async () => (await read(near, sid)) && (near.cache?.status().hits ?? 0) > 0);
    await other.records.commit(sid, change({ set: { a: 2 } }));
    await pollUntil('the change is there', async () => (await read(near, sid))?.['a'] === '2');
  });
});

@Injectable()
class Listener {
  readonly events: SessionEvent[] = [];

  @OnSessionEvent()
  on(event: SessionEvent): void {
    this.events.push(event);
  }
}

@Controller()
class Portal {
  constructor(@Inject(SessionService) private readonly sessions: SessionService) {}

  @Post('set')
  set(@CurrentSession() session: LiveSession, @Body() body: object) {
    Object.assign(session, body);
    return {};
  }

  @Get('get')
  async get(@CurrentSession() session: LiveSession & { user?: string }) {
    const listed = session.user === undefined ? [] : await this.sessions.list(session.user);
    return { user: session.user ?? null, about: listed.map(({ about }) => about) };
  }
}

describe('an application with encryption', () => {
  const start = (options: Partial<SessionModuleOptions> = {}) => {
    const module = SessionModule.forRoot({
      application,
      secret: 'a-secret-of-the-encryption-tests-0123456789',
      redis: { host: server.host, port: server.port },
      userId: (session) => (session as { user?: string }).user,
      describe: () => ({ agent: 'browser-of-ada' }),
      encryption: { keys: [OLD] },
      ...options,
    });
    return startHttpApp({ modules: [module], controllers: [Portal], providers: [Listener] });
  };

  it('goes on without a session that was forged, says so, and lets its user sign in again', async () => {
    const http = await start();
    const client = http.client();
    await client.post('/set', { user: 'ada' });
    expect((await client.get('/get')).json).toEqual({ user: 'ada', about: [{ agent: 'browser-of-ada' }] });
    const sid = /s:([^.]+)\./.exec(decodeURIComponent([...client.cookies.values()][0] ?? ''))?.[1] ?? '';
    expect(JSON.stringify(await hashOf(sid))).not.toContain('browser-of-ada');
    await server.cli('HSET', keyOf(sid), 'd:user', '"root"');
    expect((await client.get('/get')).json).toEqual({ user: null, about: [] });
    expect(http.app.get(Listener).events.at(-1)).toMatchObject({ type: 'undecodable', field: 'user' });
    await client.post('/set', { user: 'ada' });
    expect((await client.get('/get')).json).toMatchObject({ user: 'ada' });
  });
});
