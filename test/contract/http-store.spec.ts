/* eslint-disable @typescript-eslint/no-deprecated -- `cookie.expires` is part of the contract. */
import session from 'express-session';
import type { SessionData, Store } from 'express-session';
import { expect, it } from 'vitest';
import { describeSites } from '../support/session-site.js';
import type { SiteHandler, SiteRequest, SiteSession } from '../support/session-site.js';

/** `req.sessionStore`, the whole of it, as applications that know express-session use it. */

type Callback<T> = (error: unknown, value?: T | null) => void;

/** Calls a method of a store and gives its callback's value. */
function ask<T>(call: (callback: Callback<T>) => unknown): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    call((error, value) => {
      if (error instanceof Error) reject(error);
      else resolve(value ?? undefined);
    });
  });
}

const load = (store: Store, id: string): Promise<SiteSession | undefined> =>
  ask<SiteSession>((done) => {
    store.load(id, done as never);
  });

/** `/login` makes a session, `/get` shows it, `/job` does what the test says in a request of its own. */
function jobs(job: (request: SiteRequest) => unknown): SiteHandler {
  return async (request, response) => {
    if (request.url === '/login') Object.assign(request.session, { user: 'ann', count: 1 });
    const { cookie: _cookie, ...data } = request.session as Partial<SiteSession>;
    const value = request.url === '/job' ? await job(request) : data;
    response.end(JSON.stringify({ id: request.sessionID, value: value ?? null }));
  };
}

describeSites('req.sessionStore', (kind) => {
  /** What a job in a request of somebody else gives, which gets the id of Ann's session; and what that is afterwards. */
  async function run(job: (store: Store, id: string, request: SiteRequest) => unknown) {
    let id = '';
    const site = await kind.start(
      {},
      jobs((request) => job(request.sessionStore, id, request)),
    );
    const browser = site.client();
    ({ id } = (await browser.get('/login')).json as { id: string });
    const answer = await site.client().get('/job');
    expect(answer.status, answer.text).toBe(200);
    const { value } = answer.json as { value: unknown };
    const after = (await browser.get('/get')).json as { value: unknown };
    return { value, after: after.value, count: await site.count() };
  }

  it('get: the data with its cookie, nothing for what there is not', async () => {
    const { value } = await run(async (store, id) => {
      const data = await ask<SessionData>((done) => store.get(id, done));
      const none = await ask<SessionData>((done) => store.get('nobody', done));
      return { data, hasCookie: typeof data?.cookie, none: none ?? null };
    });
    expect(value).toMatchObject({ data: { user: 'ann', count: 1 }, hasCookie: 'object', none: null });
  });

  it('set: what was read, changed, is what the next request has', async () => {
    const { after, count } = await run(async (store, id) => {
      const data = await ask<SessionData>((done) => store.get(id, done));
      await ask((done) => {
        store.set(id, Object.assign(data!, { count: 2 }), done);
      });
    });
    expect(after).toEqual({ user: 'ann', count: 2 });
    expect(count).toBe(1);
  });

  it('set: makes a session that there was not', async () => {
    const { value, count } = await run(async (store) => {
      await ask((done) => {
        store.set('made', { cookie: { originalMaxAge: null }, user: 'eve' }, done);
      });
      return ask<SessionData>((done) => store.get('made', done));
    });
    expect(value).toMatchObject({ user: 'eve' });
    expect(count).toBe(2);
  });

  it('destroy: ends it for whoever has its cookie', async () => {
    const { after } = await run(async (store, id) => ask((done) => store.destroy(id, done)));
    expect(after).toEqual({});
  });

  it('touch: is taken, and changes no data', async () => {
    const { after } = await run(async (store, id) => {
      const data = await ask<SessionData>((done) => store.get(id, done));
      await ask((done) => store.touch?.(id, data!, done as never));
    });
    expect(after).toEqual({ user: 'ann', count: 1 });
  });

  it('length, all and clear: every session', async () => {
    const { value, count } = await run(async (store) => {
      const length = await ask<number>((done) => store.length?.(done as never));
      const all = await ask<object>((done) => store.all?.(done as never));
      await ask((done) => store.clear?.(done as never));
      return { length, users: Object.values(all ?? {}).map((data: { user?: string }) => data.user) };
    });
    expect(value).toEqual({ length: 1, users: ['ann'] });
    // The user who comes back has an empty session, which is not stored.
    expect(count).toBe(0);
  });

  it('load: a session with methods, of another request; nothing for what there is not', async () => {
    const { value, after } = await run(async (store, id) => {
      const found = await load(store, id);
      found!.count = 5;
      await ask((done) => found!.save(done));
      return {
        isSession: found instanceof session.Session,
        hasCookie: found?.cookie instanceof session.Cookie,
        isIts: found?.id === id,
        none: (await load(store, 'nobody')) ?? null,
      };
    });
    expect(value).toEqual({ isSession: true, hasCookie: true, isIts: true, none: null });
    expect(after).toEqual({ user: 'ann', count: 5 });
  });

  it('createSession: makes of data a session in a request-like object', async () => {
    const { value } = await run((store) => {
      const expires = new Date(Date.now() + 60_000);
      const request = { sessionID: 'of-another', sessionStore: store } as unknown as SiteRequest;
      const made = store.createSession(
        request as never,
        { cookie: { originalMaxAge: 60_000, expires: expires.toISOString() }, user: 'eve' } as never,
      ) as unknown as SiteSession;
      return {
        isSet: request.session === made,
        id: made.id,
        user: made.user,
        isDate: made.cookie.expires instanceof Date,
        originalMaxAge: made.cookie.originalMaxAge,
      };
    });
    expect(value).toEqual({ isSet: true, id: 'of-another', user: 'eve', isDate: true, originalMaxAge: 60_000 });
  });

  it('generate: a new session with an id of its own, in the request', async () => {
    const { value } = await run((store, _id, request) => {
      const before = request.sessionID;
      const { generate } = store as unknown as { generate(request: SiteRequest): void };
      generate.call(store, request);
      return [request.sessionID !== before, request.session.id === request.sessionID, Object.keys(request.session)];
    });
    expect(value).toEqual([true, true, ['cookie']]);
  });

  it('regenerate: of the request, as the session’s own method', async () => {
    const { value } = await run(async (store, _id, request) => {
      const before = request.sessionID;
      await ask((done) => store.regenerate(request as never, done));
      return [request.sessionID !== before, request.session.id === request.sessionID];
    });
    expect(value).toEqual([true, true]);
  });

  it('is an emitter of events, the same for every request', async () => {
    const stores = new Set<Store>();
    const heard: string[] = [];
    const site = await kind.start({}, (request, response) => {
      stores.add(request.sessionStore);
      request.sessionStore.once('own', () => heard.push('own'));
      request.sessionStore.emit('own');
      response.end();
    });
    await site.client().get('/');
    await site.client().get('/');
    expect(stores.size).toBe(1);
    expect(heard).toEqual(['own', 'own']);
  });
});
