import { randomUUID } from 'node:crypto';
import type session from 'express-session';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { SessionEvent } from '../../lib/core/session-events.js';
import { SessionStore } from '../../lib/store/session-store.js';
import type { SessionStoreSettings } from '../../lib/store/session-writer.js';
import type { RepositoryUnderTest } from './session-repository.contract.js';

type Data = Record<string, unknown> & { cookie?: Record<string, unknown> };
type Live = session.Session & Record<string, unknown>;
type PendingWrite = 'nothing' | 'touch' | 'changes';

/** express-session's store contract, and what our store promises beyond it. */
export function describeSessionStore(name: string, start: () => Promise<RepositoryUnderTest>): void {
  describe(`${name} keeps express-session's contract`, () => {
    let subject: RepositoryUnderTest;
    let store: SessionStore;
    let application: string;
    const events: SessionEvent[] = [];
    const sid = () => randomUUID();
    const get = async (id: string) => (await store.get(id)) as unknown as Data | undefined;

    const open = (settings: Partial<SessionStoreSettings> = {}) => {
      const { absoluteTimeoutMs = null, userLimit = null } = settings;
      return new SessionStore(subject.open({ absoluteTimeoutMs, userLimit, application }), {
        idleTimeoutMs: 3_600_000,
        touchIntervalMs: 60_000,
        absoluteTimeoutMs: null,
        maxBytes: 100_000,
        maxFields: 1000,
        conflict: 'merge',
        userLimit: null,
        userId: (data) => (data as unknown as Data)['userId'] as string | undefined,
        onEvent: (event) => events.push(event),
        ...settings,
      });
    };

    /** A request's live session: new, or of what is stored. */
    async function request(id: string, of: SessionStore = store, cookie: session.CookieOptions = {}): Promise<Live> {
      const req = { sessionID: id, sessionStore: of } as unknown as Parameters<SessionStore['createSession']>[0];
      const data = await new Promise<session.SessionData | undefined>((resolve, reject) => {
        of.get(id, (error, found) => {
          if (error instanceof Error) reject(error);
          else resolve(found);
        });
      });
      if (data) return of.createSession(req, data) as unknown as Live;
      const live = of.createSession(req, {
        cookie: { originalMaxAge: null },
      }) as unknown as Live;
      Object.assign(live.cookie, cookie);
      return live;
    }

    /** What the middleware would find to store of a live session. */
    const pending = (live: Live, of: SessionStore = store): PendingWrite => {
      const requests = of.forRequests();
      const found = requests.inspect(requests.adopt(live), live);
      return found === undefined ? 'nothing' : found === 'touch' ? 'touch' : 'changes';
    };
    const changedFields = (live: Live): readonly string[] => {
      const requests = store.forRequests();
      const found = requests.inspect(requests.adopt(live), live);
      return found === undefined || found === 'touch' ? [] : found.fields;
    };

    beforeAll(async () => {
      subject = await start();
      application = `store-${randomUUID()}`;
      store = open();
    });
    afterAll(async () => {
      await subject.stop();
    });

    it('takes callbacks and calls each once; a callback that throws is not called again with its own error', async () => {
      const id = sid();
      const stored = await new Promise((resolve) => {
        store.set(id, { a: 1 }, resolve);
      });
      expect(stored).toBeNull();
      const seen = await new Promise((resolve) => {
        store.get(id, (error, data) => {
          resolve([error, data]);
        });
      });
      expect(seen).toEqual([null, { a: 1 }]);
      let calls = 0;
      const thrown = new Promise((resolve) => {
        process.prependOnceListener('uncaughtException', resolve);
      });
      const others = process.listeners('uncaughtException').slice(1);
      others.forEach((listener) => process.off('uncaughtException', listener));
      store.get(id, () => {
        calls += 1;
        throw new Error('of the callback');
      });
      expect(await thrown).toMatchObject({ message: 'of the callback' });
      others.forEach((listener) => process.on('uncaughtException', listener));
      expect(calls).toBe(1);
    });

    it('gives promises without a callback, and undefined for what is not there', async () => {
      expect(await store.get(sid())).toBeUndefined();
      expect(await store.load(sid())).toBeUndefined();
      await store.destroy(sid());
      await store.touch(sid(), { cookie: {} });
    });

    it('brings plain objects through a round trip: with a cookie, without, and with one that makes no sense', async () => {
      const id = sid();
      const data = { n: 1, nested: { list: [1, null, 'x'] }, text: 'Ä😀' };
      await store.set(id, data);
      expect(await get(id)).toEqual(data);
      await store.set(id, { cookie: { originalMaxAge: null, path: '/x' }, only: true });
      expect(await get(id)).toEqual({ cookie: { originalMaxAge: null, expires: null, path: '/x' }, only: true });
      await store.set(id, { cookie: { originalMaxAge: null, expires: new Date(Number.NaN) }, kept: 1 });
      expect(await get(id)).toMatchObject({ kept: 1 });
      await store.set(id, { cookie: { expires: 'no date' }, kept: 2 });
      expect(await get(id)).toMatchObject({ kept: 2 });
    });

    it('lives as long as the cookie says, to the millisecond', async () => {
      const id = sid();
      await store.set(id, { cookie: { originalMaxAge: 60_000 }, a: 1 });
      const expires = Date.parse(String((await get(id))?.cookie?.['expires']));
      expect(Math.abs(expires - Date.now() - 60_000)).toBeLessThan(2_000);
      await store.set(id, { cookie: { originalMaxAge: 0 }, a: 1 });
      expect(await get(id)).toBeUndefined();
    });

    it('counts, walks and clears', async () => {
      await store.clear();
      await store.set(sid(), { a: 1 });
      await store.set(sid(), { a: 2 });
      expect(await store.length()).toBe(2);
      expect(((await store.all()) as unknown as Data[]).map(({ a }) => a).sort()).toEqual([1, 2]);
      await store.clear();
      expect(await store.length()).toBe(0);
    });

    it('emits nothing that nobody asked for, and answers construction at once', () => {
      const fresh = open();
      expect(fresh.listenerCount('connect') + fresh.listenerCount('disconnect')).toBe(0);
    });

    it('LOST UPDATE (a peer loses one of two parallel changes): both fields are there, nested ones too', async () => {
      const id = sid();
      const first = await request(id);
      Object.assign(first, { a: 0, b: { deep: [0] }, gone: true });
      await store.set(id, first);
      const [one, two] = [await request(id), await request(id)];
      one['a'] = 1;
      (two['b'] as { deep: number[] }).deep.push(1);
      delete two['gone'];
      await Promise.all([store.set(id, one), store.set(id, two)]);
      expect(await get(id)).toMatchObject({ a: 1, b: { deep: [0, 1] } });
      expect(await get(id)).not.toHaveProperty('gone');
    });

    it('a sign-in or sign-out by one request is not undone by another that was under way and changed something else', async () => {
      const users = async () => (await subject.open({ application }).listByUser('beside')).length;
      const id = sid();
      const first = await request(id);
      first['n'] = 0;
      await store.set(id, first);
      const [beside, login] = [await request(id), await request(id)];
      login['userId'] = 'beside';
      await store.set(id, login);
      beside['n'] = 1;
      await store.set(id, beside);
      expect(await get(id)).toMatchObject({ n: 1, userId: 'beside' });
      expect(await users()).toBe(1);
      const [besideToo, logout] = [await request(id), await request(id)];
      delete logout['userId'];
      await store.set(id, logout);
      besideToo['n'] = 2;
      await store.set(id, besideToo);
      expect(await get(id)).not.toHaveProperty('userId');
      expect(await users()).toBe(0);
    });

    it('RESURRECTION (a peer brings a logged-out session back): neither save nor touch does, and it is told', async () => {
      const id = sid();
      const login = await request(id);
      login['userId'] = 'user-42';
      await store.set(id, login);
      const slow = await request(id);
      await store.destroy(id);
      slow['seen'] = true;
      events.length = 0;
      await store.set(id, slow);
      await store.touch(id, slow);
      expect(await get(id)).toBeUndefined();
      expect(events).toMatchObject([{ type: 'lostWrite', fields: ['seen'], reason: 'gone' }]);
      expect(JSON.stringify(events)).not.toContain(id);
      await store.set(id, await request(id));
      expect(await get(id), 'a new session under the ended id').toBeUndefined();
    });

    it('SILENT LOGOUT BY AN EARLY SAVE (a peer deletes the session): a save before the touch keeps it', async () => {
      const id = sid();
      const short = open({ touchIntervalMs: 0 });
      const login = await request(id, short);
      login.cookie.maxAge = 1_500;
      login['user'] = 1;
      await short.set(id, login);
      const until = performance.now() + 2_500;
      while (performance.now() < until) {
        const ping = await request(id, short);
        expect(ping['user']).toBe(1);
        ping['pings'] = ((ping['pings'] as number | undefined) ?? 0) + 1;
        await short.set(id, ping);
        await short.touch(id, ping);
        await new Promise((resolve) => setTimeout(resolve, 400));
      }
    });

    it('COOKIE-ONLY CHANGES (a peer never stores them): touch stores what it finds changed', async () => {
      const id = sid();
      const login = await request(id);
      login['user'] = 1;
      await store.set(id, login);
      const rememberMe = await request(id);
      rememberMe.cookie.maxAge = 7_200_000;
      await store.touch(id, rememberMe);
      // express-session asks the clock twice for it: a millisecond may pass in between.
      expect(Number((await get(id))?.cookie?.['originalMaxAge'])).toBeGreaterThan(7_199_000);
      const next = await request(id);
      expect(pending(next)).toBe('nothing');
    });

    it('A VALUE THAT JSON CANNOT CARRY (a peer hangs or loses it): an error names the field, nothing is stored', async () => {
      const id = sid();
      const cycle: Record<string, unknown> = {};
      cycle['self'] = cycle;
      const bad: [string, unknown][] = [
        ['big', { n: 1n }],
        ['cycle', cycle],
        ['map', new Map([[1, 2]])],
        ['set', { inner: [new Set([1])] }],
      ];
      for (const [field, value] of bad) {
        const live = await request(id);
        Object.assign(live, { good: 1, [field]: value });
        await expect(store.set(id, live), field).rejects.toMatchObject({
          code: 'SESSION_DATA_NOT_SERIALIZABLE',
          field,
        });
        expect(() => pending(live), field).toThrow(field);
        expect(await get(id), field).toBeUndefined();
      }
    });

    it('stores what JSON makes of undefined, null, dates and empty objects', async () => {
      const id = sid();
      const live = await request(id);
      Object.assign(live, { a: undefined, b: null, c: new Date(0), d: {}, e: () => 1 });
      await store.set(id, live);
      expect(await get(id)).toMatchObject({ b: null, c: '1970-01-01T00:00:00.000Z', d: {} });
      const next = await request(id);
      expect(next).not.toHaveProperty('a');
      next['b'] = undefined;
      await store.set(id, next);
      expect(await get(id)).not.toHaveProperty('b');
    });

    it('fields named __proto__ and constructor do no harm', async () => {
      const id = sid();
      const live = await request(id);
      Object.defineProperty(live, '__proto__', { value: { polluted: 1 }, enumerable: true, configurable: true });
      Object.defineProperty(live, 'constructor', { value: 'x', enumerable: true, configurable: true });
      await store.set(id, live);
      const data = await get(id);
      expect(Object.getPrototypeOf(data)).toBe(Object.prototype);
      expect(({} as Data)['polluted']).toBeUndefined();
      expect((await request(id))['polluted']).toBeUndefined();
    });

    it('says what is pending, and answers synchronously when nothing is', async () => {
      const id = sid();
      const login = await request(id);
      login['a'] = 1;
      expect(pending(login)).toBe('changes');
      await store.set(id, login);
      expect(pending(login)).toBe('nothing');
      let answered = 0;
      const count = (): void => void (answered += 1);
      store.set(id, login, count);
      void store.touch(id, login, count);
      expect(answered).toBe(2);
      const eager = open({ touchIntervalMs: 0 });
      const next = await request(id, eager);
      await new Promise((resolve) => setTimeout(resolve, 5));
      expect(pending(next, eager)).toBe('touch');
      await eager.touch(id, next);
    });

    it('serialises what a request changed once, and anew for any later save', async () => {
      const id = sid();
      let serialised = 0;
      const counted = (value: number) => ({ value, toJSON: () => ((serialised += 1), { value }) });
      const valueOf = async () => ((await get(id))?.['field'] as { value: number } | undefined)?.value;
      const requests = store.forRequests();
      const live = await request(id);
      live['field'] = counted(1);
      const draft = requests.adopt(live);
      const change = requests.inspect(draft, live);
      if (change === undefined || change === 'touch') throw new Error('a new session is a change');
      expect(change.fields).toEqual(['field']);
      expect(await requests.save(draft, live, change)).toBe(true);
      expect([serialised, await valueOf()]).toEqual([1, 1]);

      const next = await request(id);
      next['field'] = counted(4);
      const first = store.set(id, next);
      next['field'] = counted(5);
      const second = store.set(id, next);
      next['field'] = counted(6);
      await Promise.all([first, second]);
      expect(await valueOf()).toBe(6);
    });

    it('compares fields that are no objects as such: nothing is serialised, and a value that comes back is a change', async () => {
      const id = sid();
      const first = await request(id);
      Object.assign(first, { text: 'x'.repeat(300), n: 1, flag: true, none: null });
      await store.set(id, first);
      const live = await request(id);
      const stringify = vi.spyOn(JSON, 'stringify');
      onTestFinished(() => stringify.mockRestore());
      expect(pending(live)).toBe('nothing');
      expect(stringify.mock.calls.filter(([value]) => typeof value !== 'object')).toEqual([]);
      live['n'] = 2;
      await store.set(id, live);
      live['n'] = 1;
      expect(changedFields(live)).toEqual(['n']);
      await store.set(id, live);
      expect(await get(id)).toMatchObject({ n: 1 });
    });

    it('stores what a set of the application adds to a session on the way', async () => {
      class StampingStore extends SessionStore {
        override set(sid: string, data: object): Promise<void>;
        override set(sid: string, data: object, callback?: (error?: unknown) => void): Promise<void> | void {
          Object.assign(data, { stamp: 1 });
          if (!callback) return super.set(sid, data);
          super.set(sid, data, callback);
        }
      }
      const settings = {
        idleTimeoutMs: 3_600_000,
        touchIntervalMs: 60_000,
        absoluteTimeoutMs: null,
        maxBytes: 100_000,
        maxFields: 1000,
      };
      const repository = subject.open({ application });
      const stamping = new StampingStore(repository, { ...settings, conflict: 'merge', userLimit: null });
      const id = sid();
      const live = await request(id, stamping);
      live['field'] = 1;
      expect(pending(live, stamping)).toBe('changes');
      await stamping.set(id, live);
      expect(await get(id)).toMatchObject({ field: 1, stamp: 1 });
    });

    it('two saves of one session object write the later state, in order', async () => {
      const id = sid();
      const live = await request(id);
      live['n'] = 1;
      const first = store.set(id, live);
      live['n'] = 2;
      live['m'] = 1;
      await Promise.all([first, store.set(id, live)]);
      expect(await get(id)).toMatchObject({ n: 2, m: 1 });
    });

    it('refuses a session that is too large and names its largest field', async () => {
      const id = sid();
      const live = await request(id);
      Object.assign(live, { small: 1, large: '€'.repeat(40_000) });
      await expect(store.set(id, live)).rejects.toMatchObject({ code: 'SESSION_DATA_TOO_LARGE', field: 'large' });
      expect(() => pending(live)).toThrow('maxBytes');
      live['large'] = '€'.repeat(30_000);
      await store.set(id, live);
      expect(String((await get(id))?.['large'])).toHaveLength(30_000);
    });

    it('TOO MANY FIELDS (a peer stores them all): an error, nothing is stored, and fewer go on', async () => {
      const id = sid();
      const live = await request(id);
      const many = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`field-${index}`, index]));
      Object.assign(live, many, { oneMore: 1 });
      await expect(store.set(id, live)).rejects.toMatchObject({ code: 'SESSION_DATA_TOO_MANY_FIELDS', count: 1001 });
      expect(await get(id)).toBeUndefined();
      delete live['field-0'];
      await store.set(id, live);
      expect(Object.keys((await get(id)) ?? {})).toHaveLength(1001);
      live['field-1'] = 'changed';
      await store.set(id, live);
      // The bound was lowered since: it can be changed and gets no larger.
      const lowered = open({ maxFields: 10 });
      const again = await request(id, lowered);
      again['field-1'] = 'changed again';
      await lowered.set(id, again);
      again['another'] = 1;
      await expect(lowered.set(id, again)).rejects.toMatchObject({ code: 'SESSION_DATA_TOO_MANY_FIELDS' });
      expect(await get(id)).toMatchObject({ 'field-1': 'changed again' });
    });

    it('requests side by side cannot add more fields than one may have', async () => {
      const id = sid();
      const first = await request(id);
      first['first'] = 1;
      await store.set(id, first);
      const sideBySide = await Promise.all(Array.from({ length: 8 }, () => request(id)));
      const outcomes = await Promise.allSettled(
        sideBySide.map((live, who) => {
          for (let index = 0; index < 300; index++) live[`field-${who}-${index}`] = index;
          return store.set(id, live);
        }),
      );
      const refused = outcomes.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
      expect(refused).toHaveLength(5);
      for (const { reason } of refused) expect(reason).toMatchObject({ code: 'SESSION_DATA_TOO_MANY_FIELDS' });
      expect(Object.keys((await get(id)) ?? {})).toHaveLength(1 + 1 + 3 * 300);
    });

    it('CONFLICTS (a peer lets the last one win): with `reject` a field changed by another request is refused by name', async () => {
      const strict = open({ conflict: 'reject' });
      const id = sid();
      const first = await request(id, strict);
      Object.assign(first, { a: 0, b: 0, c: 0 });
      await strict.set(id, first);
      const [one, two, three] = [await request(id, strict), await request(id, strict), await request(id, strict)];
      one['a'] = 1;
      await strict.set(id, one);
      Object.assign(two, { a: 2, b: 2 });
      await expect(strict.set(id, two)).rejects.toMatchObject({ code: 'SESSION_DATA_CONFLICT', fields: ['a'] });
      delete three['a'];
      three['d'] = 3;
      await expect(strict.set(id, three)).rejects.toMatchObject({ fields: ['a'] });
      expect(await get(id)).toMatchObject({ a: 1, b: 0 });
      one['c'] = 1;
      await strict.set(id, one);
      expect(await get(id)).toMatchObject({ a: 1, c: 1 });
    });

    it('stores only for the holder of the lock, once a session has an owner', async () => {
      const places = subject.open({ application });
      const id = sid();
      const live = await request(id);
      live['n'] = 0;
      await store.set(id, live);
      expect(await places.lock(id, 'me', 60_000)).toBe(0);
      store.forRequests().adopt(live).owner = 'me';
      live['n'] = 1;
      await store.set(id, live);
      await places.unlock(id, 'me');
      expect(await places.lock(id, 'another', 60_000)).toBe(0);
      live['n'] = 2;
      await expect(store.set(id, live)).rejects.toMatchObject({ code: 'SESSION_LOCK_LOST' });
      expect(await get(id)).toMatchObject({ n: 1 });
    });

    describe('a long field', () => {
      const lines = Array.from({ length: 20 }, (_, line) => ({ sku: `sku-${line}`, options: { colour: 'amber' } }));
      const requestWith = async (values: Record<string, unknown>): Promise<{ id: string; live: Live }> => {
        const id = sid();
        const live = await request(id);
        Object.assign(live, values);
        await store.set(id, live);
        return { id, live: await request(id) };
      };

      it('is a property like any other, in every way to look at it', async () => {
        const look = async () => (await requestWith({ lines, short: 1 })).live;
        const property = { value: lines, writable: true, enumerable: true, configurable: true };
        expect(Object.getOwnPropertyDescriptor(await look(), 'lines')).toEqual(property);
        expect(Object.assign({}, await look())).toMatchObject({ lines });
        expect(Object.keys(await look()).sort()).toEqual(['cookie', 'lines', 'short']);
        expect(Object.entries(await look())).toContainEqual(['lines', lines]);
        expect(JSON.parse(JSON.stringify(await look()))).toMatchObject({ lines });
        expect(structuredClone(Object.assign({}, await look(), { cookie: 0 }))).toMatchObject({ lines });
        expect(inspect(await look())).toContain("sku: 'sku-0'");
        const frozen = Object.freeze(await look());
        expect(frozen['lines']).toEqual(lines);
        expect(pending(frozen)).toBe('nothing');
        const sealed = Object.seal(await look());
        sealed['lines'] = 'other';
        expect(changedFields(sealed)).toEqual(['lines']);
      });

      it('is there for an application that asks the store itself, and stays when it hands the data back', async () => {
        const { id } = await requestWith({ cart: 'x'.repeat(300), lines });
        const data = await get(id);
        expect(data).toMatchObject({ cart: 'x'.repeat(300), lines });
        await store.set(id, Object.assign(data ?? {}, { role: 'admin' }));
        expect(await get(id)).toMatchObject({ cart: 'x'.repeat(300), lines, role: 'admin' });
      });

      it('is not stored again when another field is', async () => {
        const { id, live } = await requestWith({ lines, short: 1 });
        expect(pending(live)).toBe('nothing');
        live['short'] = 2;
        expect(changedFields(live)).toEqual(['short']);
        await store.set(id, live);
        expect(await get(id)).toMatchObject({ short: 2, lines });
        expect(pending(live)).toBe('nothing');
      });

      it.each<[string, (live: Live) => void, unknown]>([
        ['changed inside', (live) => (live['lines'] as { sku: string }[]).splice(1), lines.slice(0, 1)],
        ['replaced', (live) => (live['lines'] = 'none'), 'none'],
        ['replaced by its own value', (live) => (live['lines'] = structuredClone(lines)), lines],
        ['defined anew', (live) => Object.defineProperty(live, 'lines', { value: 7, enumerable: true }), 7],
        ['taken away', (live) => delete live['lines'], undefined],
        ['taken away and set', (live) => void (delete live['lines'], (live['lines'] = [1])), [1]],
        ['set to undefined', (live) => (live['lines'] = undefined), undefined],
      ])('is stored as it is when it was %s', async (_what, act, expected) => {
        const { id, live } = await requestWith({ lines, short: 1 });
        act(live);
        await store.set(id, live);
        expect((await get(id))?.['lines']).toEqual(expected);
        expect((await request(id))['lines']).toEqual(expected);
      });

      it('takes no method’s place', async () => {
        const id = sid();
        await store.set(id, { save: 'x'.repeat(1_000), ['__proto__x']: 1, lines });
        const live = await request(id);
        expect(live.save).toBeTypeOf('function');
        expect(live['lines']).toEqual(lines);
      });

      it('is nobody else’s: what one request does to it no other sees', async () => {
        const { id, live } = await requestWith({ lines });
        const [one, other] = [live, await request(id)];
        (one['lines'] as unknown[]).length = 0;
        expect(other['lines']).toEqual(lines);
        expect((await request(id))['lines']).toEqual(lines);
      });

      it('keeps what another request has stored meanwhile', async () => {
        const { id, live } = await requestWith({ lines, short: 1 });
        const other = await request(id);
        other['lines'] = lines.slice(0, 5);
        await store.set(id, other);
        live['short'] = 2;
        await store.set(id, live);
        expect(await get(id)).toMatchObject({ short: 2, lines: lines.slice(0, 5) });
      });

      it('comes by way of an application’s own `get`, when there is one', async () => {
        const own = open();
        const { id } = await requestWith({ lines });
        const calls: string[] = [];
        const original = own.get.bind(own);
        own.get = ((asked: string, callback: never) => {
          calls.push(asked);
          original(asked, callback);
        }) as typeof own.get;
        expect((await request(id, own))['lines']).toEqual(lines);
        expect(calls).toEqual([id]);
      });
    });

    it('a session stored without a cookie opens for a request all the same', async () => {
      const id = sid();
      await store.set(id, { a: 1 });
      const live = await request(id);
      expect(live['a']).toBe(1);
      expect(live.cookie.originalMaxAge).toBeNull();
    });
  });
}
