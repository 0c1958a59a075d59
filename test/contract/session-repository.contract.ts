import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionChange, UserLimit } from '../../lib/core/session-record.js';
import type { FlatRepository } from '../support/flat-repository.js';

/** A repository under test, and how to get rid of it. */
export interface RepositoryUnderTest {
  /** A repository over the same place for the same application. */
  open(options?: {
    absoluteTimeoutMs?: number | null;
    userLimit?: UserLimit | null;
    application?: string;
  }): FlatRepository;
  stop(): Promise<void>;
}

const HOUR_MS = 3_600_000;

export function change(
  values: Partial<Omit<SessionChange, 'set'>> & { set?: Record<string, unknown> } = {},
): SessionChange {
  const { set = {}, ...rest } = values;
  const texts = new Map(Object.entries(set).map(([name, value]) => [name, JSON.stringify(value)]));
  const length = [...texts].reduce((sum, [name, text]) => sum + name.length + text.length, 0);
  const user = { userId: null, isSignIn: false, keepsUser: false };
  const nothing = { remove: [], cookie: undefined, idleTimeoutMs: HOUR_MS, ...user };
  return { ...nothing, length, ...rest, set: texts };
}

async function eventually(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error('the condition did not come true within 5 s');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** What every place that keeps sessions has to do; run against each of them. */
export function describeSessionRepository(name: string, start: () => Promise<RepositoryUnderTest>): void {
  describe(`${name} keeps the repository's contract`, () => {
    let subject: RepositoryUnderTest;
    let repository: FlatRepository;
    const sid = () => randomUUID();
    const fieldsOf = async (id: string) => Object.fromEntries((await repository.load(id))?.fields ?? []);

    beforeAll(async () => {
      subject = await start();
      repository = subject.open();
    });
    afterAll(async () => {
      await subject.stop();
    });

    it('knows nothing of an id that was never stored', async () => {
      expect(await repository.load(sid())).toBeNull();
      expect(await repository.commit(sid(), change({ set: { a: 1 } }))).toEqual({ outcome: 'gone' });
      expect(await repository.touch(sid(), HOUR_MS, null)).toEqual({ outcome: 'gone' });
      expect(await repository.destroy(sid())).toBe('absent');
    });

    it('hands out what was created, with its cookie, user, age and life', async () => {
      const id = sid();
      const before = Date.now();
      const cookie = '{"path":"/"}';
      const created = await repository.create(
        id,
        change({ set: { cart: [1, 2], name: 'Ä€😀' }, cookie, userId: 'user-42' }),
      );
      expect(created).toMatchObject({ outcome: 'created', version: 1 });
      const stored = await repository.load(id);
      expect(stored).toMatchObject({ cookie, userId: 'user-42', version: 1, longestRemainingMs: Infinity });
      expect(Object.fromEntries(stored?.fields ?? [])).toEqual({ cart: '[1,2]', name: '"Ä€😀"' });
      expect(stored?.remainingMs).toBeGreaterThan(HOUR_MS - 10_000);
      // The server's clock is known to within a round trip.
      expect(stored?.remainingMs).toBeLessThanOrEqual(HOUR_MS + 1_000);
      expect(Math.abs((stored?.createdAtMs ?? 0) - before)).toBeLessThan(10_000);
    });

    it('stores a session without fields, and one without a cookie', async () => {
      const id = sid();
      await repository.create(id, change());
      expect(await repository.load(id)).toMatchObject({ cookie: null, userId: null });
      expect(await fieldsOf(id)).toEqual({});
    });

    it('refuses to create an id that is in use, and changes nothing', async () => {
      const id = sid();
      await repository.create(id, change({ set: { a: 1 } }));
      expect(await repository.create(id, change({ set: { a: 2 } }))).toEqual({ outcome: 'exists' });
      expect(await fieldsOf(id)).toEqual({ a: '1' });
    });

    it('writes only the fields of a change: two requests that change different fields both win', async () => {
      const id = sid();
      await repository.create(id, change({ set: { a: 1, b: 1, c: 1 } }));
      await Promise.all([
        repository.commit(id, change({ set: { a: 2 } })),
        repository.commit(id, change({ set: { b: 2 }, remove: ['c'] })),
      ]);
      expect(await fieldsOf(id)).toEqual({ a: '2', b: '2' });
      expect((await repository.load(id))?.version).toBe(3);
    });

    it('stores thousands of fields, and deletes them again', async () => {
      const id = sid();
      const names = Array.from({ length: 9_000 }, (_, index) => `field${index}`);
      await repository.create(id, change());
      await repository.commit(id, change({ set: Object.fromEntries(names.map((name) => [name, 1])) }));
      expect((await repository.load(id))?.fields.size).toBe(9_000);
      await repository.commit(id, change({ remove: names }));
      expect((await repository.load(id))?.fields.size).toBe(0);
    });

    it('takes any field name, also those with a meaning of their own', async () => {
      const id = sid();
      const names = ['meta', 'cookie', 'user', 'constructor', 'd:x', '', ' ', 'ünï\u0000code', 'toString'];
      await repository.create(id, change({ set: Object.fromEntries(names.map((name) => [name, name])) }));
      expect([...((await repository.load(id))?.fields.keys() ?? [])].sort()).toEqual([...names].sort());
      expect((await repository.load(id))?.userId).toBeNull();
    });

    it('changes and deletes the cookie, and leaves it alone when nothing is said of it', async () => {
      const id = sid();
      await repository.create(id, change({ cookie: '{"a":1}' }));
      await repository.commit(id, change({ set: { x: 1 } }));
      expect((await repository.load(id))?.cookie).toBe('{"a":1}');
      await repository.commit(id, change({ cookie: '{"a":2}' }));
      expect((await repository.load(id))?.cookie).toBe('{"a":2}');
      await repository.commit(id, change({ cookie: null }));
      expect((await repository.load(id))?.cookie).toBeNull();
    });

    it('follows a change of the user', async () => {
      const id = sid();
      await repository.create(id, change());
      await repository.commit(id, change({ userId: 'a' }));
      expect((await repository.load(id))?.userId).toBe('a');
      await repository.commit(id, change({ userId: 'b' }));
      expect((await repository.load(id))?.userId).toBe('b');
      await repository.commit(id, change({ userId: null }));
      expect((await repository.load(id))?.userId).toBeNull();
    });

    it('a destroyed session never comes back: not by commit, touch or create', async () => {
      const id = sid();
      await repository.create(id, change({ set: { user: 1 } }));
      expect(await repository.destroy(id)).toBe('destroyed');
      expect(await repository.commit(id, change({ set: { user: 1 } }))).toEqual({ outcome: 'gone' });
      expect(await repository.touch(id, HOUR_MS, null)).toEqual({ outcome: 'gone' });
      expect(await repository.create(id, change())).toEqual({ outcome: 'ended' });
      expect(await repository.load(id)).toBeNull();
    });

    it('replaces a whole session, whether there was one or not, also one that was destroyed', async () => {
      const id = sid();
      await repository.replace(id, change({ set: { a: 1, b: 1 }, cookie: '{}' }));
      await repository.replace(id, change({ set: { a: 2 } }));
      expect(await fieldsOf(id)).toEqual({ a: '2' });
      expect((await repository.load(id))?.cookie).toBeNull();
      await repository.destroy(id);
      await repository.replace(id, change({ set: { a: 3 } }));
      expect(await fieldsOf(id)).toEqual({ a: '3' });
    });

    it('ends a session to the millisecond, and does not count it any more', async () => {
      const own = subject.open({ application: `expiry-${randomUUID()}` });
      const id = sid();
      const created = await own.create(id, change({ idleTimeoutMs: 250 }));
      expect(created).toMatchObject({ remainingMs: 250 });
      expect(await own.count()).toBe(1);
      await eventually(async () => (await own.load(id)) === null);
      expect(await own.count()).toBe(0);
      expect(await own.commit(id, change({ set: { a: 1 } }))).toEqual({ outcome: 'gone' });
    });

    it('a change whose life is nothing or less ends the session', async () => {
      const id = sid();
      await repository.create(id, change());
      expect(await repository.commit(id, change({ idleTimeoutMs: 0 }))).toMatchObject({
        outcome: 'committed',
        remainingMs: 0,
      });
      expect(await repository.load(id)).toBeNull();
      expect(await repository.replace(id, change({ idleTimeoutMs: -5 }))).toMatchObject({ remainingMs: 0 });
      expect(await repository.load(id)).toBeNull();
    });

    it('a touch moves the deadline on, never back', async () => {
      const id = sid();
      await repository.create(id, change({ idleTimeoutMs: 60_000 }));
      const touched = await repository.touch(id, HOUR_MS, null);
      expect(touched).toMatchObject({ outcome: 'touched', remainingMs: HOUR_MS });
      await repository.touch(id, 1_000, null);
      expect((await repository.load(id))?.remainingMs).toBeGreaterThan(HOUR_MS - 10_000);
    });

    it('neither touch nor change moves the absolute deadline', async () => {
      const own = subject.open({ absoluteTimeoutMs: 400 });
      const id = sid();
      expect(await own.create(id, change())).toMatchObject({ remainingMs: 400 });
      await own.touch(id, HOUR_MS, null);
      const committed = await own.commit(id, change({ set: { a: 1 } }));
      expect(committed.outcome === 'committed' && committed.remainingMs <= 400).toBe(true);
      expect((await own.load(id))?.longestRemainingMs).toBeLessThanOrEqual(400 + 1_000);
      await eventually(async () => (await own.load(id)) === null);
    });

    it('a lock has one holder, who may take it again, and ends by itself', async () => {
      const id = sid();
      expect(await repository.lock(id, 'a', 60_000)).toBe(0);
      expect(await repository.lock(id, 'a', 60_000)).toBe(0);
      expect(await repository.lock(id, 'b', 60_000)).toBeGreaterThan(50_000);
      await repository.unlock(id, 'b');
      expect(await repository.lock(id, 'b', 60_000)).toBeGreaterThan(0);
      await repository.unlock(id, 'a');
      expect(await repository.lock(id, 'b', 100)).toBe(0);
      await eventually(async () => (await repository.lock(id, 'c', 60_000)) === 0);
    });

    it("lists a user's sessions in the order of their creation, through sign-in, change of user, and the end", async () => {
      const own = subject.open({ application: `users-${randomUUID()}` });
      const [a, b, c] = [sid(), sid(), sid()];
      const listed = async (user: string) => (await own.listByUser(user)).map(({ fields }) => fields.get('n'));
      await own.create(a, change({ set: { n: 1 }, userId: 'u', isSignIn: true, about: '{"agent":"x"}' }));
      await new Promise((resolve) => setTimeout(resolve, 5));
      await own.create(b, change({ set: { n: 2 } }));
      await own.commit(b, change({ userId: 'u', isSignIn: true }));
      await own.create(c, change({ set: { n: 3 }, userId: 'other', isSignIn: true }));
      expect(await listed('u')).toEqual(['1', '2']);
      expect((await own.listByUser('u'))[0]).toMatchObject({ userId: 'u', about: '{"agent":"x"}' });
      await own.commit(b, change({ userId: 'other', isSignIn: true }));
      expect(await listed('u')).toEqual(['1']);
      expect((await listed('other')).sort()).toEqual(['2', '3']);
      await own.destroy(a);
      expect(await listed('u')).toEqual([]);
      const [session] = await own.listByUser('other');
      expect(await own.destroyStored(session?.id ?? '')).toBe('destroyed');
      expect(await listed('other')).toHaveLength(1);
      await own.commit(c, change({ userId: null }));
      await own.commit(b, change({ userId: null }));
      expect(await listed('other')).toEqual([]);
    });

    it.each([
      ['a sign-in', null, 'u'],
      ['a change of user', 'former', 'u'],
      ['a sign-out', 'former', null],
    ])('%s by another request stays when a change or a touch leaves the user alone', async (_what, loaded, now) => {
      // Longer than a busy machine stops a test between two commands.
      const shortMs = 2_000;
      const own = subject.open({ application: `keep-${randomUUID()}` });
      const [changed, touched] = [sid(), sid()];
      for (const id of [changed, touched]) {
        await own.create(id, change({ userId: loaded, isSignIn: loaded !== null }));
        await own.commit(id, change({ userId: now, isSignIn: now !== null, idleTimeoutMs: shortMs }));
      }
      await own.commit(changed, change({ set: { n: 1 }, userId: loaded, keepsUser: true }));
      await own.touch(touched, HOUR_MS, loaded);
      // The index has to live as long as the session does by now.
      await new Promise((resolve) => setTimeout(resolve, shortMs + 50));
      expect([(await own.load(changed))?.userId, (await own.load(touched))?.userId]).toEqual([now, now]);
      expect(await own.listByUser('u')).toHaveLength(now === null ? 0 : 2);
      expect(await own.listByUser('former')).toEqual([]);
    });

    it('a user never has more sessions than he may: the one used least recently goes', async () => {
      const own = subject.open({ application: `limit-${randomUUID()}`, userLimit: { max: 3, evict: 'oldest' } });
      const ids = Array.from({ length: 3 }, sid);
      for (const id of ids) {
        await own.create(id, change({ userId: 'u', isSignIn: true }));
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await own.touch(ids[0] ?? '', HOUR_MS, 'u');
      const fourth = await own.create(sid(), change({ userId: 'u', isSignIn: true }));
      expect(fourth).toMatchObject({ outcome: 'created' });
      expect(fourth.outcome === 'created' && fourth.evicted).toHaveLength(1);
      expect(await own.load(ids[1] ?? '')).toBeNull();
      expect(await own.load(ids[0] ?? '')).not.toBeNull();
      let most = 0;
      const logins = Array.from({ length: 50 }, async () => {
        await own.create(sid(), change({ userId: 'u', isSignIn: true }));
        most = Math.max(most, (await own.listByUser('u')).length);
      });
      await Promise.all(logins);
      // Fewer while a login that has a place is on its way, never more.
      expect(most).toBeLessThanOrEqual(3);
      expect(await own.listByUser('u')).toHaveLength(3);
    });

    it('a user never has more sessions than he may: the new one is refused, until one has ended', async () => {
      const own = subject.open({ application: `limit-${randomUUID()}`, userLimit: { max: 2, evict: 'reject' } });
      const ids = Array.from({ length: 50 }, sid);
      const outcomes = await Promise.all(ids.map((id) => own.create(id, change({ userId: 'u', isSignIn: true }))));
      expect(outcomes.filter(({ outcome }) => outcome === 'created')).toHaveLength(2);
      expect(outcomes.filter(({ outcome }) => outcome === 'refused')).toHaveLength(48);
      expect(await own.listByUser('u')).toHaveLength(2);
      const other = sid();
      await own.create(other, change());
      expect(await own.commit(other, change({ userId: 'u', isSignIn: true }))).toEqual({ outcome: 'refused' });
      const created = ids.filter((_, index) => outcomes[index]?.outcome === 'created');
      await own.destroy(created[0] ?? '');
      expect(await own.commit(other, change({ userId: 'u', isSignIn: true }))).toMatchObject({ outcome: 'committed' });
    });

    it('names an expired session to exactly one caller', async () => {
      const application = `expire-${randomUUID()}`;
      const [one, two] = [subject.open({ application }), subject.open({ application })];
      const ids = Array.from({ length: 20 }, sid);
      await Promise.all(ids.map((id) => one.create(id, change({ idleTimeoutMs: 150 }))));
      await eventually(async () => (await one.count()) === 0);
      const told = (await Promise.all([one.expire(), two.expire(), one.expire()])).flat();
      expect(new Set(told).size).toBe(20);
      expect(told).toHaveLength(20);
    });

    it('counts, walks and clears exactly the sessions of its application', async () => {
      const [one, other] = [`app-${randomUUID()}`, `app-${randomUUID()}`].map((application) =>
        subject.open({ application }),
      );
      if (!one || !other) throw new Error('unreachable');
      const ids = Array.from({ length: 450 }, sid);
      await Promise.all(ids.map((id, index) => one.create(id, change({ set: { index } }))));
      await other.create(sid(), change());
      expect(await one.count()).toBe(450);
      const seen = new Set<string | undefined>();
      for await (const stored of one.all()) seen.add(stored.fields.get('index'));
      expect(seen.size).toBe(450);
      expect(await one.clear()).toBe(450);
      expect(await one.count()).toBe(0);
      expect(await other.count()).toBe(1);
      expect(await one.load(ids[0] ?? '')).toBeNull();
    });
  });
}
