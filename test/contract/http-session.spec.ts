/* eslint-disable @typescript-eslint/no-deprecated -- `cookie.expires` is part of the contract. */
import session from 'express-session';
import { expect, it } from 'vitest';
import { describeSites } from '../support/session-site.js';
import type { SiteHandler, SiteRequest, SiteSession } from '../support/session-site.js';

/** express-session's README about `req.session`, sentence by sentence. */

const HOUR_MS = 3_600_000;

/** One handler by path; a handler's value becomes the JSON that is answered. */
function routes(table: Readonly<Record<string, (request: SiteRequest) => unknown>>): SiteHandler {
  return async (request, response) => {
    const [path = ''] = (request.url ?? '').split('?');
    const value = await table[path]?.(request);
    response.end(JSON.stringify(value ?? null));
  };
}

/** A method of the session, called as express-session's users do. */
function called(
  target: SiteSession,
  method: 'save' | 'reload' | 'regenerate' | 'destroy',
): Promise<{ error: unknown; isSelf: boolean }> {
  return new Promise((resolve) => {
    const state = { isSelf: false };
    const self: unknown = target[method]((error: unknown) => {
      // The callback may come before the method has returned.
      setImmediate(() => resolve({ error: error ?? null, isSelf: state.isSelf }));
    });
    state.isSelf = self === target;
  });
}

const login = (request: SiteRequest) => {
  request.session.user = 'ann';
  return { id: request.sessionID };
};
const show = (request: SiteRequest) => {
  const { cookie: _cookie, ...data } = request.session as Partial<SiteSession>;
  return { ...data, id: request.sessionID };
};

describeSites('req.session', (kind) => {
  it('is there for the next request, with all that is JSON in it', async () => {
    const value = { list: [1, 'two', null, { three: [true, false] }], text: 'ü€😀\u2028', empty: {}, zero: 0 };
    const { client } = await kind.start(
      {},
      routes({
        '/set': (request) => Object.assign(request.session, { value, long: 'x'.repeat(100_000), none: undefined }) && 1,
        '/get': show,
      }),
    );
    const browser = client();
    await browser.get('/set');
    const { id, ...data } = (await browser.get('/get')).json as Record<string, unknown>;
    expect(data).toEqual({ value, long: 'x'.repeat(100_000) });
    expect(id).toBeTypeOf('string');
  });

  it('keeps a change deep inside, a deleted field, and a field set to what it was', async () => {
    const { client } = await kind.start(
      {},
      routes({
        '/set': ({ session }) =>
          Object.assign(session, { deep: { list: [1] }, user: 'ann', text: 'y'.repeat(1000) }) && 1,
        '/push': ({ session }) => session.deep?.list.push(2),
        '/delete': ({ session }) => [delete session.user, delete session.text],
        '/same': ({ session }) => ((session.user = 'x'), delete session.user),
        '/get': show,
      }),
    );
    const browser = client();
    for (const path of ['/set', '/push', '/delete', '/same']) expect((await browser.get(path)).status).toBe(200);
    expect((await browser.get('/get')).json).toEqual({ id: expect.any(String) as string, deep: { list: [1, 2] } });
  });

  it('holds what JSON makes of dates, of `toJSON` and of what it leaves out', async () => {
    const { client } = await kind.start(
      {},
      routes({
        '/set': ({ session }) =>
          Object.assign(session, {
            date: new Date(0),
            own: { toJSON: () => 'own' },
            list: [undefined, () => 1],
            nan: NaN,
            call: () => 1,
          }) && 1,
        '/get': show,
      }),
    );
    const browser = client();
    await browser.get('/set');
    expect((await browser.get('/get')).json).toEqual({
      id: expect.any(String) as string,
      date: '1970-01-01T00:00:00.000Z',
      own: 'own',
      list: [null, null],
      nan: null,
    });
  });

  it('shows its data and the cookie, not its methods: keys, `for in`, JSON, spread', async () => {
    const look = ({ session }: SiteRequest) => {
      const names = [];
      for (const name in session) names.push(name);
      return [
        Object.keys(session).sort(),
        names.sort(),
        Object.keys(JSON.parse(JSON.stringify(session)) as object).sort(),
        Object.keys(Object.assign({}, session)).sort(),
      ];
    };
    const { client } = await kind.start(
      {},
      routes({ '/new': (request) => (login(request), look(request)), '/loaded': look }),
    );
    const browser = client();
    const expected = Array.from({ length: 4 }, () => ['cookie', 'user']);
    expect((await browser.get('/new')).json).toEqual(expected);
    expect((await browser.get('/loaded')).json).toEqual(expected);
  });

  it('is of express-session’s classes', async () => {
    const look = (request: SiteRequest) => [
      request.session instanceof session.Session,
      request.session.cookie instanceof session.Cookie,
      request.sessionStore instanceof session.Store,
    ];
    const { client } = await kind.start(
      {},
      routes({ '/new': (request) => (login(request), look(request)), '/loaded': look }),
    );
    const browser = client();
    expect((await browser.get('/new')).json).toEqual([true, true, true]);
    expect((await browser.get('/loaded')).json).toEqual([true, true, true]);
  });

  it('has an id that is `req.sessionID` and cannot be changed', async () => {
    const { client } = await kind.start(
      {},
      routes({
        '/': ({ session, sessionID }) => {
          session.user = 'ann';
          try {
            (session as { id: string }).id = 'other';
          } catch {
            // In strict code an assignment to it throws.
          }
          return [session.id === sessionID, sessionID.length >= 32];
        },
      }),
    );
    expect((await client().get('/')).json).toEqual([true, true]);
  });

  it('keeps its methods although the store holds fields of their names', async () => {
    const { client } = await kind.start(
      {},
      routes({
        '/set': async (request) => {
          login(request);
          await called(request.session, 'save');
          const data = { ...(request.session as object), save: 'nope', reload: 1, id: 'nope', req: 'nope' };
          await new Promise((resolve) => {
            request.sessionStore.set(request.sessionID, data as never, resolve);
          });
        },
        '/get': async ({ session, sessionID }) => {
          session.count = 1;
          return [typeof session.save, session.id === sessionID, (await called(session, 'save')).error];
        },
      }),
    );
    const browser = client();
    await browser.get('/set');
    expect((await browser.get('/get')).json).toEqual(['function', true, null]);
  });

  it('new and unchanged is neither stored nor given a cookie', async () => {
    const site = await kind.start({}, routes({ '/': ({ session }) => Object.keys(session) }));
    const answer = await site.client().get('/');
    expect(answer.json).toEqual(['cookie']);
    expect(answer.setCookie).toEqual([]);
    expect(await site.count()).toBe(0);
  });

  it('is left alone when there is one already', async () => {
    const site = await kind.start(
      { before: (request) => void Object.assign(request, { session: { count: 7 } }) },
      routes({ '/': (request) => (request.session.count ?? 0, request.session) }),
    );
    const answer = await site.client().get('/');
    expect(answer.json).toEqual({ count: 7 });
    expect(answer.setCookie).toEqual([]);
    expect(await site.count()).toBe(0);
  });

  it('unset ends, however that is done, and nobody finds it again', async () => {
    const site = await kind.start(
      {},
      routes({
        '/login': login,
        '/null': (request) => void Object.assign(request, { session: null }),
        '/delete': (request) => {
          delete (request as Partial<SiteRequest>).session;
        },
        '/undefined': (request) => void Object.assign(request, { session: undefined }),
        '/get': show,
      }),
    );
    for (const path of ['/null', '/delete', '/undefined']) {
      const browser = site.client();
      await browser.get('/login');
      const headers = { cookie: `connect.sid=${browser.cookies.get('connect.sid')!}` };
      expect(await site.count()).toBe(1);
      expect((await browser.get(path)).status).toBe(200);
      expect(await site.count()).toBe(0);
      expect((await site.client().get('/get', { headers })).json).not.toHaveProperty('user');
    }
  });

  it('unset while new costs nothing', async () => {
    const site = await kind.start({}, routes({ '/': (request) => void Object.assign(request, { session: null }) }));
    const { status, setCookie } = await site.client().get('/');
    expect({ status, setCookie, count: await site.count() }).toEqual({ status: 200, setCookie: [], count: 0 });
  });

  it('is stored also when the handler fails after it', async () => {
    const { client } = await kind.start(
      {},
      routes({
        '/login': login,
        '/fail': ({ session }) => {
          session.count = 1;
          throw new Error('of the handler');
        },
        '/get': show,
      }),
    );
    const browser = client();
    await browser.get('/login');
    expect((await browser.get('/fail')).status).toBe(500);
    expect((await browser.get('/get')).json).toMatchObject({ user: 'ann', count: 1 });
  });

  it('with saveUninitialized is stored and has its cookie at once, and keeps its id', async () => {
    const site = await kind.start({ saveUninitialized: true }, routes({ '/': ({ sessionID }) => sessionID }));
    const browser = site.client();
    const first = await browser.get('/');
    expect(first.setCookie).toHaveLength(1);
    expect(await site.count()).toBe(1);
    const second = await browser.get('/');
    expect(second.json).toBe(first.json);
    expect(second.setCookie).toEqual([]);
    expect(await site.count()).toBe(1);
  });
});

describeSites('the methods of req.session', (kind) => {
  it('regenerate: a new id and an empty session, the old one is gone, the cookie is the new one’s', async () => {
    const site = await kind.start(
      {},
      routes({
        '/login': login,
        '/regenerate': async (request) => {
          const old = request.session;
          const result = await called(old, 'regenerate');
          const isOther = request.session !== old && request.session.id !== old.id;
          const keys = Object.keys(request.session);
          request.session.count = 1;
          return { ...result, isOther, keys, isId: request.session.id === request.sessionID };
        },
        '/get': show,
      }),
    );
    const browser = site.client();
    await browser.get('/login');
    const old = browser.cookies.get('connect.sid')!;
    const answer = await browser.get('/regenerate');
    expect(answer.json).toEqual({ error: null, isSelf: true, isOther: true, keys: ['cookie'], isId: true });
    expect(answer.setCookie).toHaveLength(1);
    expect(browser.cookies.get('connect.sid')).not.toBe(old);
    expect((await browser.get('/get')).json).toEqual({ id: expect.any(String) as string, count: 1 });
    const stale = await site.client().get('/get', { headers: { cookie: `connect.sid=${old}` } });
    expect(stale.json).not.toHaveProperty('user');
    expect(await site.count()).toBe(1);
  });

  it('regenerate: works on a new session, and several times', async () => {
    const site = await kind.start(
      {},
      routes({
        '/': async (request) => {
          const ids = [request.sessionID];
          for (let i = 0; i < 3; i++) {
            request.session.user = `before ${i}`;
            await called(request.session, 'regenerate');
            ids.push(request.sessionID);
          }
          request.session.user = 'ann';
          return ids;
        },
        '/get': show,
      }),
    );
    const browser = site.client();
    const ids = (await browser.get('/')).json as string[];
    expect(new Set(ids).size).toBe(4);
    expect((await browser.get('/get')).json).toEqual({ id: ids[3], user: 'ann' });
    expect(await site.count()).toBe(1);
  });

  it('destroy: `req.session` is gone at once, and the session when the callback runs', async () => {
    const site = await kind.start(
      {},
      routes({
        '/login': login,
        '/logout': async (request) => {
          const { session } = request;
          const result = called(session, 'destroy');
          const during = typeof (request as Partial<SiteRequest>).session;
          const { error, isSelf } = await result;
          return [error, isSelf, during, typeof (request as Partial<SiteRequest>).session, await site.count()];
        },
        '/get': show,
      }),
    );
    const browser = site.client();
    await browser.get('/login');
    const headers = { cookie: `connect.sid=${browser.cookies.get('connect.sid')!}` };
    expect((await browser.get('/logout')).json).toEqual([null, true, 'undefined', 'undefined', 0]);
    expect((await site.client().get('/get', { headers })).json).not.toHaveProperty('user');
  });

  it('destroy: of a new session sets no cookie', async () => {
    const { client } = await kind.start(
      {},
      routes({ '/': (request) => (login(request), called(request.session, 'destroy')) }),
    );
    expect(await client().get('/')).toMatchObject({ status: 200, setCookie: [] });
  });

  it('reload: a new object with what is stored, without what was not', async () => {
    const site = await kind.start(
      {},
      routes({
        '/login': login,
        '/reload': async (request) => {
          const other = site.client();
          await other.get('/count', { headers: { cookie: request.headers.cookie ?? '' } });
          const old = request.session;
          old.user = 'unsaved';
          const { error } = await called(old, 'reload');
          return { ...show(request), error, isOther: request.session !== old };
        },
        '/count': ({ session }) => (session.count = (session.count ?? 0) + 1),
        '/get': show,
      }),
    );
    const browser = site.client();
    const { id } = (await browser.get('/login')).json as { id: string };
    const expected = { id, user: 'ann', count: 1 };
    expect((await browser.get('/reload')).json).toEqual({ error: null, isOther: true, ...expected });
    expect((await browser.get('/get')).json).toEqual(expected);
  });

  it('reload: of a session that has ended is an error, and leaves the request its session', async () => {
    const site = await kind.start(
      {},
      routes({
        '/login': login,
        '/reload': async (request) => {
          await site.client().get('/logout', { headers: { cookie: request.headers.cookie ?? '' } });
          const { error } = await called(request.session, 'reload');
          return { message: (error as Error | null)?.message ?? null, session: typeof request.session };
        },
        '/logout': ({ session }) => called(session, 'destroy'),
      }),
    );
    const browser = site.client();
    await browser.get('/login');
    expect((await browser.get('/reload')).json).toEqual({ message: 'failed to load session', session: 'object' });
  });

  it('save: stored when the callback runs, and changes after it with the response', async () => {
    const site = await kind.start(
      {},
      routes({
        '/save': async (request) => {
          request.session.count = 1;
          const { error } = await called(request.session, 'save');
          const stored = await site.count();
          request.session.count = 2;
          return { error, stored };
        },
        '/get': show,
      }),
    );
    const browser = site.client();
    expect((await browser.get('/save')).json).toEqual({ error: null, stored: 1 });
    expect((await browser.get('/get')).json).toMatchObject({ count: 2 });
    expect(await site.count()).toBe(1);
  });

  it('save: without a callback, and twice at once, is legal', async () => {
    const { client } = await kind.start(
      {},
      routes({
        '/save': async ({ session }) => {
          session.count = 1;
          void session.save();
          session.count = 2;
          void session.save();
          session.user = 'ann';
          return (await called(session, 'save')).error;
        },
        '/get': show,
      }),
    );
    const browser = client();
    expect((await browser.get('/save')).json).toBe(null);
    expect((await browser.get('/get')).json).toMatchObject({ count: 2, user: 'ann' });
  });

  it('touch: begins the cookie’s life anew, and returns the session', async () => {
    const { client } = await kind.start(
      { cookie: { maxAge: HOUR_MS } },
      routes({
        '/': async ({ session }) => {
          session.user = 'ann';
          session.cookie.expires = new Date(Date.now() + 1000);
          session.cookie.originalMaxAge = HOUR_MS;
          return [session.touch() === session, (session.cookie.maxAge ?? 0) > HOUR_MS - 1000];
        },
      }),
    );
    expect((await client().get('/')).json).toEqual([true, true]);
  });
});

describeSites('req.session.cookie', (kind) => {
  it('says how much of its life is left, as a number and as a date', async () => {
    const { client } = await kind.start(
      { cookie: { maxAge: HOUR_MS } },
      routes({
        '/login': login,
        '/': async ({ session: { cookie } }) => {
          const before = cookie.maxAge ?? 0;
          await new Promise((resolve) => setTimeout(resolve, 30));
          const after = cookie.maxAge ?? 0;
          return {
            isLess: after < before && after > HOUR_MS - 20_000 && before < HOUR_MS + 1000,
            isDate: cookie.expires instanceof Date,
            originalMaxAge: cookie.originalMaxAge,
          };
        },
      }),
    );
    const browser = client();
    await browser.get('/login');
    // express-session reads the clock twice to find it.
    for (let i = 0; i < 3; i++) {
      const { originalMaxAge, ...rest } = (await browser.get('/')).json as { originalMaxAge: number };
      expect(rest).toEqual({ isLess: true, isDate: true });
      expect(HOUR_MS - originalMaxAge).toBeLessThanOrEqual(2);
    }
  });

  it.each(['maxAge', 'expires'] as const)(
    'changed by `%s` has its new life in the next response and request',
    async (name) => {
      const { client } = await kind.start(
        { cookie: { maxAge: HOUR_MS } },
        routes({
          '/login': login,
          '/longer': ({ session }) => {
            session.count = 1;
            if (name === 'maxAge') session.cookie.maxAge = 24 * HOUR_MS;
            else session.cookie.expires = new Date(Date.now() + 24 * HOUR_MS);
          },
          '/get': ({ session: { cookie } }) => cookie.originalMaxAge,
        }),
      );
      const browser = client();
      await browser.get('/login');
      const { setCookie } = await browser.get('/longer');
      const expires = Date.parse(/Expires=([^;]*)/.exec(setCookie[0] ?? '')?.[1] ?? '');
      expect(expires - Date.now()).toBeGreaterThan(24 * HOUR_MS - 10_000);
      expect(24 * HOUR_MS - ((await browser.get('/get')).json as number)).toBeLessThan(1000);
    },
  );

  it.each([false, null])('with `expires = %o` ends with the browser', async (never) => {
    const { client } = await kind.start(
      { cookie: { maxAge: HOUR_MS } },
      routes({
        '/login': (request) => {
          login(request);
          request.session.cookie.expires = never as null;
        },
        '/get': ({ session: { cookie } }) => cookie.maxAge ?? null,
        '/change': ({ session }) => (session.count = 1),
      }),
    );
    const browser = client();
    const { setCookie } = await browser.get('/login');
    expect(setCookie).toHaveLength(1);
    expect(setCookie[0]).not.toContain('Expires');
    expect((await browser.get('/get')).json ?? false).toBe(false);
    expect((await browser.get('/change')).setCookie.join()).not.toContain('Expires');
  });

  it('takes attributes for this visitor', async () => {
    const { client } = await kind.start(
      {},
      routes({
        '/': (request) => {
          login(request);
          Object.assign(request.session.cookie, {
            httpOnly: false,
            sameSite: 'strict',
            path: '/x',
            domain: 'a.example',
          });
        },
      }),
    );
    const { setCookie } = await client().get('/');
    expect(setCookie[0]?.split('; ').slice(1).sort()).toEqual(['Domain=a.example', 'Path=/x', 'SameSite=Strict']);
  });

  it('short-lived ends the session with it', async () => {
    const site = await kind.start({ cookie: { maxAge: 200 } }, routes({ '/login': login, '/get': show }));
    const browser = site.client();
    await browser.get('/login');
    const headers = { cookie: `connect.sid=${browser.cookies.get('connect.sid')!}` };
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await site.client().get('/get', { headers })).json).not.toHaveProperty('user');
  });

  it('of a session in use goes on: every request begins its life anew', async () => {
    const site = await kind.start(
      { cookie: { maxAge: 1000 }, rolling: true },
      routes({ '/login': login, '/get': show }),
    );
    const browser = site.client();
    await browser.get('/login');
    const headers = { cookie: `connect.sid=${browser.cookies.get('connect.sid')!}` };
    for (let i = 0; i < 6; i++) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      expect((await site.client().get('/get', { headers })).json).toMatchObject({ user: 'ann' });
    }
  });
});
