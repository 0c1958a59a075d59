import { inspect } from 'node:util';
import type { Store } from 'express-session';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedisServer } from '../../tools/redis-lab/redis-server.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import { PLATFORMS } from '../support/http-app.js';
import { moduleSite } from '../support/session-site.js';
import type { SiteHandler, SiteRequest, SiteSession } from '../support/session-site.js';

/** Sessions read and written through `req.sessionStore`, by another request than their own; and long fields wherever one looks. */

const LONG = 'x'.repeat(300);

type PromiseStore = Store & {
  get(id: string): Promise<Record<string, unknown> | null | undefined>;
  set(id: string, data: object): Promise<void>;
};

/** Ways to look at a session; none may tell a long field from a short one. */
const LOOKS: Readonly<Record<string, (session: SiteSession) => unknown>> = {
  spread: (session) => ({ ...(session as object) }),
  'Object.assign': (session) => Object.assign({}, session),
  'structuredClone of a spread': (session) => structuredClone({ ...(session as object), cookie: null }),
  'structuredClone of entries': (session) =>
    structuredClone(Object.entries(session).filter(([name]) => name !== 'cookie')),
  'Object.entries': (session) => Object.entries(session),
  'Object.values': (session) => Object.values(session),
  JSON: (session) => JSON.parse(JSON.stringify(session)) as unknown,
  'for in': (session) => {
    const seen: unknown[] = [];
    for (const name in session) seen.push([name, (session as unknown as Record<string, unknown>)[name]]);
    return seen;
  },
  inspect: (session) => inspect(session, { maxStringLength: null }),
  'inspect with hidden': (session) => inspect({ ...(session as object) }, { maxStringLength: null }),
  descriptor: (session) => Object.getOwnPropertyDescriptor(session, 'text'),
  descriptors: (session) => Object.getOwnPropertyDescriptors(session).text,
  hasOwn: (session) => [Object.hasOwn(session, 'text'), 'text' in session, Object.keys(session).includes('text')],
  'Reflect.ownKeys': (session) => Reflect.ownKeys(session).filter((key) => typeof key === 'string' && key !== 'req'),
};

/** Ways to work on a session's field `text`; the JSON of the session afterwards. */
const WORKS: Readonly<Record<string, (session: SiteSession) => unknown>> = {
  freeze: (session) => Object.freeze(session),
  seal: (session) => Object.seal(session),
  preventExtensions: (session) => Object.preventExtensions(session),
  assign: (session) => (session.text = 'short'),
  'assign long': (session) => (session.text = `y${LONG}`),
  append: (session) => (session.text = `${session.text ?? ''}!`),
  'Object.assign': (session) => Object.assign(session, { text: 'assigned' }),
  defineProperty: (session) => Object.defineProperty(session, 'text', { value: 'defined', enumerable: true }),
  delete: (session) => delete session.text,
  'delete and set': (session) => {
    delete session.text;
    session.text = 'again';
  },
  'seal and set': (session) => {
    Object.seal(session);
    session.text = 'sealed';
  },
  'set to undefined': (session) => Object.assign(session, { text: undefined }),
};

describe.each(PLATFORMS)('on %s', (platform) => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterAll(async () => {
    await redis.stop();
  });

  /** A user whose session holds one long field, and a way to run something in a request of somebody else. */
  async function start(text = LONG) {
    const kind = moduleSite(platform, () => redis);
    const job: { run: (request: SiteRequest) => unknown } = { run: () => null };
    const handler: SiteHandler = async (request, response) => {
      if (request.url === '/login') Object.assign(request.session, { user: 'ann', count: 1, text });
      const value = request.url === '/job' ? await job.run(request) : { ...(request.session as object), cookie: null };
      response.end(JSON.stringify({ id: request.sessionID, value: value ?? null }));
    };
    const { client } = await kind.start({}, handler);
    const user = client();
    const { id } = (await user.get('/login')).json as { id: string };
    const read = async () => ((await user.get('/')).json as { value: unknown }).value;
    const asOther = async (run: (store: PromiseStore, request: SiteRequest) => unknown) => {
      job.run = (request) => run(request.sessionStore as unknown as PromiseStore, request);
      const answer = await client().get('/job');
      expect(answer.status, answer.text).toBe(200);
      return (answer.json as { value: unknown }).value;
    };
    const asUser = async (run: (request: SiteRequest) => unknown) => {
      job.run = run;
      const answer = await user.get('/job');
      expect(answer.status, answer.text).toBe(200);
      return (answer.json as { value: unknown }).value;
    };
    return { id, read, asOther, asUser };
  }

  it('another request reads, changes and writes a session through the store: no field is lost', async () => {
    const { id, read, asOther } = await start();
    const seen = await asOther(async (store) => {
      const data = await store.get(id);
      await store.set(id, { ...data, role: 'admin' });
      return data;
    });
    expect(seen).toMatchObject({ user: 'ann', count: 1, text: LONG });
    expect(await read()).toEqual({ cookie: null, user: 'ann', count: 1, text: LONG, role: 'admin' });
  });

  it('and with callbacks', async () => {
    const { id, read, asOther } = await start();
    await asOther(
      (store: Store) =>
        new Promise((resolve, reject) => {
          store.get(id, (error: unknown, data) => {
            if (error || !data) reject(new Error('not found', { cause: error }));
            else store.set(id, Object.assign(data, { role: 'admin' }), resolve);
          });
        }),
    );
    expect(await read()).toMatchObject({ text: LONG, role: 'admin' });
  });

  it('`load` and `createSession` make of it a session that can be changed and saved', async () => {
    const { id, read, asOther } = await start();
    await asOther(
      (store: Store) =>
        new Promise((resolve, reject) => {
          store.load(id, (error: unknown, session) => {
            if (error || !session) {
              reject(new Error('not found', { cause: error }));
              return;
            }
            Object.assign(session, { role: 'admin' });
            (session as unknown as SiteSession).save(resolve);
          });
        }),
    );
    expect(await read()).toEqual({ cookie: null, user: 'ann', count: 1, text: LONG, role: 'admin' });
  });

  it.each(Object.keys(LOOKS))('the user’s own request sees a long field as a short one: %s', async (name) => {
    const look = LOOKS[name]!;
    const [long, short] = [await start(), await start('short')];
    const expected = JSON.stringify(await short.asUser(({ session }) => look(session)));
    const seen = JSON.stringify(await long.asUser(({ session }) => look(session)));
    const cookieless = (text: string) => text.replaceAll(long.id, '').replaceAll(short.id, '');
    expect(cookieless(seen).replaceAll(LONG, 'short')).toBe(cookieless(expected));
    expect(await long.read()).toMatchObject({ text: LONG });
  });

  it.each(Object.keys(WORKS))('and works on it as on a short one: %s', async (name) => {
    const work = WORKS[name]!;
    const [long, short] = [await start(), await start('short')];
    const inShort = await short.asUser(({ session }) => (work(session), { ...(session as object), cookie: null }));
    const inLong = await long.asUser(({ session }) => (work(session), { ...(session as object), cookie: null }));
    const comparable = (value: unknown) => JSON.parse(JSON.stringify(value).replaceAll(LONG, 'short')) as unknown;
    expect(comparable(inLong)).toEqual(comparable(inShort));
    expect(comparable(await long.read())).toEqual(comparable(await short.read()));
    expect(comparable(await long.read())).toEqual(comparable(inLong));
  });
});
