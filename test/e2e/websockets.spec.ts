import { setTimeout as delay } from 'node:timers/promises';
import { MemoryStore } from 'express-session';
import type { Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { newInstallation } from '../support/session-site.js';
import { startSocketApp } from '../support/socket-app.js';
import type { SocketApp, SocketAppOptions } from '../support/socket-app.js';
import { connectSocket, SOCKET_KINDS } from '../support/socket-client.js';

/** Gateways on socket.io and ws, over real sockets. */

// For a busy machine: what is awaited has deadlines of its own.
vi.setConfig({ testTimeout: 60_000 });

let redis: RedisProcess;
beforeAll(async () => {
  redis = await startRedisServer();
});
afterAll(async () => {
  await redis.stop();
});

/** Instances of one installation. */
async function start(count: number, options: Omit<SocketAppOptions, 'application' | 'redis'>): Promise<SocketApp[]> {
  const { application } = newInstallation();
  const { host, port } = redis;
  const instances = Array.from({ length: count }, () =>
    startSocketApp({ application, redis: { host, port }, ...options }),
  );
  return Promise.all(instances);
}

async function one(options: Omit<SocketAppOptions, 'application' | 'redis'>): Promise<SocketApp> {
  const [app] = await start(1, options);
  return app as SocketApp;
}

async function two(options: Omit<SocketAppOptions, 'application' | 'redis'>): Promise<readonly [SocketApp, SocketApp]> {
  const [a, b] = await start(2, options);
  return [a as SocketApp, b as SocketApp];
}

/** Deletes sessions behind everybody's back, and lets more events come at once than a stream keeps. */
const FLOOD = `
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do redis.call('DEL', key) end
for i = 1, 10100 do redis.call('XADD', KEYS[1], 'MAXLEN', 10000, '*', 'type', 'unknown', 'id', i) end`;

const post = async (app: SocketApp, cookie: string, path: string): Promise<void> => {
  expect((await app.client().post(path, undefined, { headers: { cookie } })).status).toBe(201);
};

const seenAt = async (app: SocketApp): Promise<number> => {
  const [session] = await app.sessions.list('ann');
  return session?.seenAt.getTime() ?? NaN;
};

const storedCount = async (app: SocketApp, cookie: string): Promise<unknown> => {
  const socket = await app.connect(cookie);
  const { value } = await socket.ask('show');
  socket.close();
  return (value as { count: number }).count;
};

const cases = [
  { kind: 'io', platform: 'fastify' },
  { kind: 'ws', platform: 'express' },
] as const;

describe.each(cases)('a gateway by $kind on $platform', ({ kind, platform }) => {
  it('has the session in its handlers: by decorators, by `current()`, in a guard, when it connects and disconnects', async () => {
    const app = await one({ kind, platform });
    const socket = await app.connect(await app.signIn());
    expect(await socket.ask('show')).toEqual({ value: { user: 'ann', count: 0, isCurrent: true } });
    expect(await socket.ask('guarded')).toEqual({ value: 'let in' });
    socket.close();
    await pollUntil('the end of the connection', () => app.gateway.disconnected.length === 1);
    expect([app.gateway.connected, app.gateway.disconnected]).toEqual([['ann'], ['ann']]);
  });

  it('stores what a message changed before its reply, for every instance', async () => {
    const [a, b] = await two({ kind, platform });
    const cookie = await a.signIn();
    const [here, there] = [await a.connect(cookie), await b.connect(cookie)];
    for (let round = 1; round <= 10; round += 1) {
      expect(await here.ask('add')).toEqual({ value: 2 * round - 1 });
      expect(await there.ask('add')).toEqual({ value: 2 * round });
    }
    for (const name of ['f1', 'f2', 'f3']) {
      await here.ask('set', { name });
      expect((await there.ask('names')).value).toContain(name);
    }
    expect(await here.ask('stream')).toEqual({ value: true });
    expect(await there.ask('show')).toMatchObject({ value: { count: 41 } });
  });

  it('loses no update of messages that run at the same time', async () => {
    const [a, b] = await two({ kind, platform });
    const cookie = await a.signIn();
    const sockets = [await a.connect(cookie), await b.connect(cookie)] as const;
    const names = Array.from({ length: 60 }, (_, index) => `f${index}`);
    await Promise.all(names.map((name, index) => sockets[index % 2 === 0 ? 0 : 1].ask('set', { name })));
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => sockets[index % 2 === 0 ? 0 : 1].ask('add')),
    );
    expect(answers.map(({ value }) => value).sort((x, y) => Number(x) - Number(y))).toEqual(
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
    const { value } = await sockets[0].ask('names');
    expect(value).toEqual(expect.arrayContaining(names));
  });

  it.each([
    ['a logout', (app: SocketApp, cookie: string) => post(app, cookie, '/logout'), 'logout'],
    ['a revoke', (app: SocketApp) => app.sessions.signOutEverywhere('ann'), 'revoked'],
    ['another user', (app: SocketApp, cookie: string) => post(app, cookie, '/become/bob'), 'userChanged'],
    ['a new id', (app: SocketApp, cookie: string) => post(app, cookie, '/renew'), 'rotated'],
  ] as const)('is left by its sockets on every instance after %s on one', async (_name, act, reason) => {
    const [a, b] = await two({ kind, platform });
    const cookie = await a.signIn();
    const bystander = await b.connect(await a.signIn({ user: 'eve' }));
    const sockets = [await a.connect(cookie), await b.connect(cookie)];
    await Promise.all(sockets.map((socket) => socket.ask('show')));
    await act(a, cookie);
    const reconnects = reason === 'userChanged' || reason === 'rotated';
    for (const end of await Promise.all(sockets.map((socket) => socket.end))) {
      if (kind === 'io') expect(end).toMatchObject({ reason, isReconnecting: reconnects });
      else expect(end).toMatchObject({ code: reconnects ? 1012 : 4401, reason: `session ${reason}` });
    }
    expect(await bystander.ask('show')).toMatchObject({ value: { user: 'eve' } });
  });
});

describe.each([
  { kind: 'io', platform: 'express' },
  { kind: 'ws', platform: 'fastify' },
] as const)('a gateway by $kind on $platform', ({ kind, platform }) => {
  it('has the session in its handlers, and is left by its sockets after a revoke on another instance', async () => {
    const [a, b] = await two({ kind, platform });
    const socket = await b.connect(await a.signIn());
    expect(await socket.ask('show')).toEqual({ value: { user: 'ann', count: 0, isCurrent: true } });
    await a.sessions.signOutEverywhere('ann');
    expect((await socket.end).reason).toContain('revoked');
  });
});

describe('socket.io', () => {
  it('gets an acknowledgement once the change is stored, also one that the handler gives itself', async () => {
    const [a, b] = await two({ kind: 'io' });
    const cookie = await a.signIn();
    const { io } = await a.connect(cookie);
    const other = await b.connect(cookie);
    for (const name of ['3', '4', '5']) {
      expect(await io?.emitWithAck('acknowledge', { name })).toEqual({ done: true });
      expect(await other.ask('show')).toMatchObject({ value: { count: Number(name) } });
    }
    expect(await io?.emitWithAck('own-acknowledge', {})).toBe('mine');
    expect([7, 8]).toContain(((await other.ask('show')).value as { count: number }).count);
    await pollUntil('what was changed after it', async () => (await storedCount(b, cookie)) === 8);
  });

  it('looks for the session in each namespace, and closes all sockets of a connection', async () => {
    const app = await one({ kind: 'io', sockets: { requireSession: true } });
    const cookie = await app.signIn();
    await expect(connectSocket('io', `${app.url}/inner`)).rejects.toThrow('Unauthorized');
    const inner = await connectSocket('io', `${app.url}/inner`, cookie);
    expect(await inner.ask('who')).toEqual({ value: 'ann' });
    await app.sessions.signOutEverywhere('ann');
    expect(await inner.end).toMatchObject({ code: 'io server disconnect', reason: 'revoked' });
  });

  it('connects again by itself with the cookie of a new id', async () => {
    const app = await one({ kind: 'io', sockets: { requireSession: true } });
    const browser = app.client();
    const cookieOf = () => [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const [name = '', value = ''] = (await app.signIn()).split('=');
    browser.cookies.set(name, value);
    const socket = await app.connect(cookieOf());
    expect((await browser.post('/renew')).status).toBe(201);
    // As a browser does it: each handshake has the cookie of its moment.
    const io = socket.io as Socket;
    Object.assign(io.io.opts, { extraHeaders: { cookie: cookieOf() } });
    expect(await socket.end).toMatchObject({ code: 'transport close', reason: 'rotated', isReconnecting: true });
    await pollUntil('the connection', () => io.connected);
    expect(await socket.ask('show')).toMatchObject({ value: { user: 'ann' } });
  });
});

describe.each(SOCKET_KINDS)('a socket by %s', (kind) => {
  it('is closed when its session expires, to the second', async () => {
    const app = await one({ kind, module: { idleTimeoutMs: 3000, touchIntervalMs: 0 } });
    const socket = await app.connect(await app.signIn());
    const startedMs = performance.now();
    await socket.ask('show');
    const end = await socket.end;
    expect(end.reason).toContain('expired');
    expect(end.atMs - startedMs).toBeGreaterThan(2900);
  });

  it('keeps its session alive by messages alone, and not at all when that is not wanted', async () => {
    const [busy, idle] = [
      await one({ kind, module: { idleTimeoutMs: 60_000, touchIntervalMs: 0 } }),
      await one({ kind, module: { idleTimeoutMs: 60_000, touchIntervalMs: 0 }, sockets: { messagesProlong: false } }),
    ];
    const cookies = [await busy.signIn(), await idle.signIn()];
    const before = [await seenAt(busy), await seenAt(idle)];
    await pollUntil('Redis’s clock to go on', () => Date.now() - (before[0] ?? 0) > 50);
    // Several requests of a polling client, which is no activity of its user.
    const [a, b] = [
      await busy.connect(cookies[0], { transports: ['polling'] }),
      await idle.connect(cookies[1], { transports: ['polling'] }),
    ];
    expect([await seenAt(busy), await seenAt(idle)]).toEqual(before);
    await Promise.all([a.ask('show'), b.ask('show')]);
    expect(await seenAt(busy)).toBeGreaterThan(before[0] ?? 0);
    expect(await seenAt(idle)).toBe(before[1]);
  });

  it('finds an empty session without a cookie, that cannot be stored', async () => {
    const app = await one({ kind, module: { saveUninitialized: true } });
    const socket = await app.connect();
    expect(await socket.ask('show')).toMatchObject({ value: { count: 0, isCurrent: true } });
    expect(await socket.ask('guarded')).toMatchObject({ message: 'sign in first' });
    expect(await socket.ask('set', { name: 'f1' })).toMatchObject({ message: 'Internal server error' });
    expect(await app.sessions.count()).toBe(0);
    expect(app.log.join()).toContain('a new session needs a cookie');
  });

  it('is refused without a session when one is required', async () => {
    const app = await one({ kind, sockets: { requireSession: true } });
    await expect(app.connect()).rejects.toThrow(kind === 'io' ? 'Unauthorized' : '401');
    await expect(app.connect('connect.sid=s%3Aforged.abc')).rejects.toThrow();
    expect((await app.connect(await app.signIn())).isOpen).toBe(true);
  });

  it('takes the cookie by the rules of HTTP: the one of several that has a session, and one of an old secret', async () => {
    const old = 'an-old-secret-of-the-websocket-tests-0123';
    const app = await one({ kind });
    const cookie = await app.signIn();
    const other = await app.signIn({ user: 'eve' });
    await post(app, other, '/logout');
    const socket = await app.connect(`${other}; ${cookie}`);
    expect(await socket.ask('show')).toMatchObject({ value: { user: 'ann' } });

    const { application } = newInstallation();
    const { host, port } = redis;
    const before = await startSocketApp({ kind, application, redis: { host, port }, module: { secret: old } });
    const after = await startSocketApp({
      kind,
      application,
      redis: { host, port },
      module: { secret: ['the-new-secret-of-the-websocket-tests-01', old] },
    });
    const resigned = await after.connect(await before.signIn());
    expect(await resigned.ask('show')).toMatchObject({ value: { user: 'ann' } });
  });

  it('gets errors as Nest’s filters send them, and stores what a failing handler has changed', async () => {
    const app = await one({ kind });
    const cookie = await app.signIn();
    const socket = await app.connect(cookie);
    expect(await socket.ask('throw')).toMatchObject({ message: 'thrown' });
    expect(await storedCount(app, cookie)).toBe(13);
    expect(await socket.ask('peek')).toMatchObject({ message: 'filtered SESSION_ACCESS_READONLY' });
    expect(await socket.ask('regenerate')).toMatchObject({ message: 'filtered SESSION_COOKIE_UNSENDABLE' });
    expect(await storedCount(app, cookie)).toBe(13);
  });

  it('ends its session, and with it all its sockets, by `destroy()`; the reply comes first', async () => {
    const app = await one({ kind });
    const cookie = await app.signIn();
    const [socket, other] = [await app.connect(cookie), await app.connect(cookie)];
    expect(await socket.ask('destroy')).toEqual({ value: true });
    expect((await socket.end).reason).toContain('logout');
    expect((await other.end).reason).toContain('logout');
  });

  it('calls no handler for a session that has ended a moment ago', async () => {
    const [a, b] = await two({ kind });
    const cookie = await a.signIn();
    const socket = await b.connect(cookie);
    await socket.ask('show');
    await post(a, cookie, '/logout');
    // Either it is closed by now, or it says why not.
    const answer = await Promise.race([socket.ask('set', { name: 'f1' }), socket.end]);
    expect('value' in answer).toBe(false);
    await socket.end;
  });

  it('reads its session again when events were lost', async () => {
    const [a, b] = await two({ kind });
    const cookie = await a.signIn();
    const socket = await b.connect(cookie);
    await socket.ask('show');
    // The first look of the subscription is over once an event comes through.
    const probe = await b.connect(await a.signIn({ user: 'eve' }));
    await a.sessions.signOutEverywhere('eve');
    await probe.end;
    // Nobody says that this session is gone: its event, had there been one, would be out of the stream's reach.
    await redis.cli('EVAL', FLOOD, '1', `{${a.application}:0}:events`, `{${a.application}:0}:s:*`);
    expect((await socket.end).reason).toContain('gone');
  });

  it('says when Redis is out of reach, and goes on when it is back; a handshake comes later', async () => {
    const server = await startRedisServer();
    onTestFinished(() => server.stop());
    const { host, port } = server;
    const app = await startSocketApp({ kind, application: 'outage', redis: { host, port, operationTimeoutMs: 3000 } });
    const cookie = await app.signIn();
    const socket = await app.connect(cookie);
    server.freeze();
    expect(await socket.ask('set', { name: 'f1' })).toMatchObject({ message: 'Service Unavailable' });
    const late = app.connect(cookie).then(
      (connected) => connected.isOpen,
      (error: unknown) => (error as Error).message,
    );
    if (kind === 'ws') expect(await late).toBe('503');
    server.thaw();
    await pollUntil('a stored change', async () => 'value' in (await socket.ask('set', { name: 'f2' })));
    if (kind === 'io') expect(await late).toBe(true);
  });
});

it('cannot be had with a store that reports no ends of sessions', async () => {
  const started = startSocketApp({
    kind: 'io',
    application: 'foreign',
    module: { store: new MemoryStore(), userId: undefined },
  });
  await expect(started).rejects.toMatchObject({ code: 'SESSION_STORE_UNSUPPORTED' });
});

it('closes each of 60 sockets after a revoke on the other instance', async () => {
  const [a, b] = await two({ kind: 'ws' });
  const latencies = await Promise.all(
    Array.from({ length: 60 }, async (_, index) => {
      const user = `user-${index}`;
      const socket = await b.connect(await a.signIn({ user }));
      await delay(Math.random() * 2000);
      const startedMs = performance.now();
      await a.sessions.signOutEverywhere(user);
      return (await socket.end).atMs - startedMs;
    }),
  );
  latencies.sort((x, y) => x - y);
  const [median = NaN, longest = NaN] = [latencies[30], latencies[59]];
  if (process.env['SESSION_MEASURE']) {
    process.stdout.write(
      `closed after a revoke: median ${median.toFixed(0)} ms, longest ${longest.toFixed(0)} ms of 60\n`,
    );
  }
  expect(longest).toBeGreaterThan(0);
});
