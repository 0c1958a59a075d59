import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionChange } from '../../lib/core/session-record.js';
import type { MoveOutcome, SessionMove } from '../../lib/store/session-repository.js';
import type { FlatRepository } from '../support/flat-repository.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import { change } from './session-repository.contract.js';
import type { RepositoryUnderTest } from './session-repository.contract.js';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** Where a session comes from and what ends with it; run against each place. */
export function describeSessionLineage(name: string, start: () => Promise<RepositoryUnderTest>): void {
  describe(`${name} keeps a session's lineage`, () => {
    let subject: RepositoryUnderTest;
    let own: FlatRepository;

    beforeAll(async () => {
      subject = await start();
    });
    afterAll(async () => {
      await subject.stop();
    });

    const open = (options: Parameters<RepositoryUnderTest['open']>[0] = {}): FlatRepository =>
      (own = subject.open({ application: `lineage-${randomUUID()}`, ...options }));

    async function signedIn(user: string, set: Record<string, unknown> = {}): Promise<string> {
      const sid = randomUUID();
      expect(await own.create(sid, change({ set, userId: user, isSignIn: true }))).toMatchObject({
        outcome: 'created',
      });
      return sid;
    }

    async function move(
      sid: string,
      options: Partial<Omit<SessionMove, 'change'>> = {},
      parts: Parameters<typeof change>[0] = {},
      hint: string | null = 'u',
    ): Promise<{ readonly to: string; readonly result: MoveOutcome }> {
      const to = own.successorSid(sid, randomUUID());
      const wanted: SessionChange = change({ userId: hint, ...parts });
      const result = await own.move(sid, { to, graceMs: 0, keep: 'all', ...options, change: wanted });
      return { to, result };
    }

    const listed = async (user: string) => (await own.listByUser(user)).map(({ id }) => id);

    it('moves a session: fields, cookie, user and what it came from go with it, and the old id is worth nothing', async () => {
      open();
      const sid = randomUUID();
      const cookie = '{"path":"/","originalMaxAge":null}';
      const long = 'x'.repeat(300);
      await own.create(
        sid,
        change({ set: { a: 1, b: long }, cookie, userId: 'u', isSignIn: true, about: '{"agent":"x"}' }),
      );
      const before = await own.load(sid);
      const { to, result } = await move(sid, {}, { set: { c: 3 }, remove: ['a'] });
      expect(result).toMatchObject({ outcome: 'moved', userId: 'u', version: 2 });
      const after = await own.load(to);
      expect(Object.fromEntries(after?.fields ?? [])).toEqual({ b: JSON.stringify(long), c: '3' });
      expect(after).toMatchObject({
        cookie,
        userId: 'u',
        about: '{"agent":"x"}',
        isRotated: false,
        lineage: before?.id,
      });
      expect(after?.createdAtMs).toBe(before?.createdAtMs);
      expect(after?.authenticatedAtMs).toBe(before?.authenticatedAtMs);
      expect(await own.load(sid)).toBeNull();
      expect(await own.count()).toBe(1);
      expect(await listed('u')).toEqual([after?.id]);
      expect(await own.create(sid, change())).toEqual({ outcome: 'ended' });
    });

    it('keeps the fields that are named, or none, and never loses sight of the user meanwhile', async () => {
      open();
      const some = await move(await signedIn('u', { a: 1, b: 2, c: 3 }), { keep: ['a', 'c', 'none'] });
      expect(Object.fromEntries((await own.load(some.to))?.fields ?? [])).toEqual({ a: '1', c: '3' });
      const none = await move(some.to, { keep: [] });
      expect(await own.load(none.to)).toMatchObject({ userId: 'u' });
      expect((await own.load(none.to))?.fields.size).toBe(0);
      expect(await listed('u')).toHaveLength(1);
      // The request signs the same user in again, or nobody.
      await own.commit(none.to, change({ userId: null }));
      expect(await listed('u')).toEqual([]);
    });

    it('loses no change that another request stores while the session moves', async () => {
      open();
      for (let round = 0; round < 10; round++) {
        const sid = await signedIn('u', { a: 'x'.repeat(200) });
        const commits = Array.from({ length: 6 }, (_, i) =>
          own.commit(sid, change({ set: { [`n${i}`]: i }, userId: 'u', keepsUser: true })),
        );
        const moving = move(sid);
        const done = await Promise.all(commits);
        const { to, result } = await moving;
        expect(result).toMatchObject({ outcome: 'moved' });
        const kept = await own.load(to);
        done.forEach(({ outcome }, i) => {
          expect(kept?.fields.get(`n${i}`)).toBe(outcome === 'committed' ? String(i) : undefined);
        });
        expect(kept?.fields.get('a')).toBe(JSON.stringify('x'.repeat(200)));
      }
    });

    it('moves a session of the version that was named and of no other', async () => {
      open();
      const sid = await signedIn('u', { a: 1 });
      await own.commit(sid, change({ set: { a: 2 }, userId: 'u', keepsUser: true }));
      expect((await move(sid, { version: 1 })).result).toEqual({ outcome: 'changed' });
      expect(await listed('u')).toEqual([(await own.load(sid))?.id]);
      const { to, result } = await move(sid, { version: 2 }, { about: '{"agent":"y"}' });
      expect(result).toMatchObject({ outcome: 'moved', version: 3 });
      expect(await own.load(to)).toMatchObject({ about: '{"agent":"y"}' });
    });

    it('moves a session once: of ten parallel moves one wins, and the others are no source of anything', async () => {
      open();
      const sid = await signedIn('u', { a: 1 });
      const moves = await Promise.all(Array.from({ length: 10 }, () => move(sid, { graceMs: 30_000 })));
      expect(moves.filter(({ result }) => result.outcome === 'moved')).toHaveLength(1);
      expect(moves.filter(({ result }) => result.outcome === 'gone')).toHaveLength(9);
      expect(await listed('u')).toHaveLength(1);
      expect(await own.count()).toBe(1);
      const source = { sid, userId: 'u' };
      const from = own.successorSid(sid, randomUUID());
      expect(await own.create(from, change({ userId: 'u', isSignIn: true }), source)).toEqual({
        outcome: 'sourceGone',
      });
      expect(await own.load(from)).toBeNull();
      expect(await listed('u')).toHaveLength(1);
    });

    it('a moved id can be read for its grace, while its successor lives and has the same user', async () => {
      open();
      const ends: [string, (to: string) => Promise<unknown>][] = [
        ['destroyed', (to) => own.destroy(to)],
        ['revoked', async (to) => own.destroyStored((await own.load(to))?.id ?? '')],
        ['signed out everywhere', () => own.signOut('u')],
        ['signed out', (to) => own.commit(to, change({ userId: null }))],
        ['another user’s', (to) => own.commit(to, change({ userId: 'v', isSignIn: true }))],
      ];
      for (const [what, end] of ends) {
        const sid = await signedIn('u', { a: 1 });
        const { to } = await move(sid, { graceMs: MINUTE_MS });
        const second = await move(to, { graceMs: MINUTE_MS });
        for (const old of [sid, to]) {
          expect((await own.load(old))?.fields.get('a')).toBe('1');
          expect(await own.load(old)).toMatchObject({ isRotated: true, userId: 'u' });
          expect(await own.commit(old, change({ set: { a: 2 }, userId: 'u', keepsUser: true }))).toEqual({
            outcome: 'gone',
          });
          expect(await own.touch(old, HOUR_MS, 'u')).toEqual({ outcome: 'gone' });
          expect((await move(old)).result).toEqual({ outcome: 'gone' });
        }
        await end(second.to);
        expect(await own.load(sid), what).toBeNull();
        expect(await own.load(to), what).toBeNull();
      }
      expect(await listed('u')).toEqual([]);
    });

    it('a moved id of an anonymous session can be read for its grace, also when somebody has signed in since', async () => {
      open();
      const sid = randomUUID();
      await own.create(sid, change({ set: { cart: 1 } }));
      const { to } = await move(sid, { graceMs: MINUTE_MS }, {}, null);
      await own.commit(to, change({ userId: 'u', isSignIn: true }));
      expect(await own.load(sid)).toMatchObject({ userId: null, isRotated: true });
      await own.destroy(to);
      expect(await own.load(sid)).toBeNull();
    });

    it('a moved id is over with its grace', async () => {
      open();
      const sid = await signedIn('u');
      const { to } = await move(sid, { graceMs: 300 });
      expect(await own.load(sid)).not.toBeNull();
      await pollUntil('the grace is over', async () => (await own.load(sid)) === null, { intervalMs: 20 });
      expect(await own.load(to)).not.toBeNull();
    });

    it('who ends a moved id ends its successor: the list that they chose it from was older', async () => {
      open();
      for (const graceMs of [0, MINUTE_MS]) {
        const sid = await signedIn('u');
        const id = (await own.load(sid))?.id ?? '';
        const first = await move(sid, { graceMs });
        const second = await move(first.to, { graceMs });
        expect(await own.destroyStored(id, 'stranger')).toBe('absent');
        expect(await own.load(second.to)).not.toBeNull();
        expect(await own.destroyStored(id, 'u')).toBe('destroyed');
        expect(await own.load(second.to)).toBeNull();
      }
      expect(await listed('u')).toEqual([]);
    });

    it('a move does not move the absolute deadline, unless the user has authenticated in this request', async () => {
      open({ absoluteTimeoutMs: 20_000 });
      const sid = await signedIn('u');
      const before = await own.load(sid);
      await new Promise((resolve) => setTimeout(resolve, 60));
      const first = await move(sid);
      const inherited = await own.load(first.to);
      // By the server's own clock; what a load says of it is off by what the link knows of that clock.
      expect(first.result.outcome === 'moved' && first.result.remainingMs).toBeLessThan(20_000 - 50);
      expect(inherited).toMatchObject({ authenticatedAtMs: before?.authenticatedAtMs, method: null, actor: null });
      const again = await move(first.to, {}, { authentication: { method: 'webauthn', actor: null, provider: null } });
      const anew = await own.load(again.to);
      expect(anew).toMatchObject({ method: 'webauthn', actor: null });
      expect(anew?.authenticatedAtMs).toBeGreaterThan((before?.authenticatedAtMs ?? 0) + 50);
      expect(again.result).toMatchObject({ remainingMs: 20_000 });
    });

    it('knows when, how and in whose name its user authenticated, and forgets it when they sign out', async () => {
      open({ absoluteTimeoutMs: HOUR_MS });
      const sid = randomUUID();
      await own.create(sid, change());
      expect(await own.load(sid)).toMatchObject({ authenticatedAtMs: null, method: null, actor: null });
      await new Promise((resolve) => setTimeout(resolve, 20));
      const password = { method: 'password', actor: null, provider: null };
      await own.commit(sid, change({ userId: 'u', isSignIn: true, authentication: password }));
      const signed = await own.load(sid);
      expect(signed).toMatchObject({ method: 'password', actor: null });
      expect(signed?.authenticatedAtMs).toBeGreaterThanOrEqual((signed?.createdAtMs ?? 0) + 20);
      const acting = { method: null, actor: 'admin 7', provider: null };
      await own.commit(sid, change({ userId: 'v', isSignIn: true, authentication: acting }));
      expect(await own.load(sid)).toMatchObject({ userId: 'v', method: null, actor: 'admin 7' });
      expect(await own.listByUser('v')).toMatchObject([{ actor: 'admin 7' }]);
      await own.commit(sid, change({ userId: null }));
      expect(await own.load(sid)).toMatchObject({ userId: null, authenticatedAtMs: null });
      await own.commit(sid, change({ userId: 'u', isSignIn: true }));
      expect(await own.load(sid)).toMatchObject({ method: null, actor: null });
    });

    it('a sign-out everywhere leaves no source: neither a move nor a new session of the same user comes of what was before', async () => {
      open();
      const sid = await signedIn('u', { a: 1 });
      const source = { sid, userId: 'u' };
      expect(await own.signOut('u')).toHaveLength(1);
      expect((await move(sid)).result).toEqual({ outcome: 'gone' });
      const fresh = own.successorSid(sid, randomUUID());
      expect(await own.create(fresh, change({ userId: 'u', isSignIn: true }), source)).toEqual({
        outcome: 'sourceGone',
      });
      expect(await listed('u')).toEqual([]);
      // A true sign-in: from an anonymous session, or of somebody else.
      const anonymous = { sid, userId: null };
      const next = own.successorSid(sid, randomUUID());
      expect(await own.create(next, change({ userId: 'u', isSignIn: true }), anonymous)).toMatchObject({
        outcome: 'created',
      });
      expect((await move(next)).result).toMatchObject({ outcome: 'moved' });
      const other = own.successorSid(sid, randomUUID());
      expect(await own.create(other, change({ userId: 'v', isSignIn: true }), source)).toMatchObject({
        outcome: 'created',
      });
    });

    it('a session that comes from another inherits how its user authenticated, and when it must end', async () => {
      open({ absoluteTimeoutMs: 20_000 });
      const sid = randomUUID();
      const authentication = { method: 'password', actor: null, provider: null };
      await own.create(sid, change({ userId: 'u', isSignIn: true, authentication }));
      const before = await own.load(sid);
      await new Promise((resolve) => setTimeout(resolve, 60));
      const fresh = own.successorSid(sid, randomUUID());
      const result = await own.create(fresh, change({ userId: 'u', isSignIn: true }), { sid, userId: 'u' });
      expect(result).toMatchObject({ outcome: 'created' });
      const after = await own.load(fresh);
      expect(after).toMatchObject({ method: 'password', authenticatedAtMs: before?.authenticatedAtMs });
      expect(result.outcome === 'created' && result.remainingMs).toBeLessThan(20_000 - 50);
      expect(await listed('u')).toHaveLength(2);
    });

    it('a sign-out everywhere ends all of one user from before and nobody else, and spares one session whatever its id', async () => {
      open();
      const [spared, other] = [await signedIn('u'), await signedIn('v')];
      for (let i = 0; i < 5; i++) await signedIn('u');
      const except = (await own.load(spared))?.id;
      const { to } = await move(spared);
      expect(await own.signOut('u', { except })).toHaveLength(5);
      expect(await own.load(to)).toMatchObject({ userId: 'u' });
      expect(await own.signOut('u', { except: (await own.load(to))?.id })).toEqual([]);
      expect(await own.load(other)).toMatchObject({ userId: 'v' });
      expect(await own.signOut('u')).toHaveLength(1);
      expect(await own.signOut('u')).toEqual([]);
      const after = await signedIn('u');
      expect(await listed('u')).toEqual([(await own.load(after))?.id]);
      expect((await move(after)).result).toMatchObject({ outcome: 'moved' });
    });

    it('a sign-out everywhere ends who has signed in since another one, also in the same millisecond', async () => {
      const place = open();
      for (let time = 0; time < 50; time++) {
        await place.signOut('ada');
        const sid = await signedIn('ada');
        expect(await place.signOut('ada')).toHaveLength(1);
        expect(await place.load(sid)).toBeNull();
      }
    });

    describe('signed in by a session of an identity provider', () => {
      const by = (provider: string, userId = 'u') => ({
        ...{ userId, isSignIn: true, provider },
        authentication: { method: 'oidc', actor: null, provider },
      });

      it('ends with it, whoever they are and whatever id they have by now; others stay', async () => {
        open();
        const [ada, eve, other, plain] = [randomUUID(), randomUUID(), randomUUID(), await signedIn('u')];
        await own.create(ada, change(by('p1')));
        await own.create(eve, change());
        await own.commit(eve, change(by('p1', 'v')));
        await own.create(other, change(by('p2')));
        expect(await own.load(eve)).toMatchObject({ userId: 'v', provider: 'p1', method: 'oidc', actor: null });
        const moved = await move(ada, { graceMs: MINUTE_MS }, { userId: 'u', provider: 'p1' });
        expect(await own.load(moved.to)).toMatchObject({ provider: 'p1' });
        const child = own.successorSid(moved.to, randomUUID());
        expect(
          await own.create(child, change({ userId: 'u', isSignIn: true, provider: 'p1' }), {
            sid: moved.to,
            userId: 'u',
          }),
        ).toMatchObject({ outcome: 'created' });
        expect((await own.endProvider('p1')).map(({ userId }) => userId).sort()).toEqual(['u', 'u', 'v']);
        for (const sid of [ada, moved.to, child, eve]) expect(await own.load(sid)).toBeNull();
        for (const sid of [other, plain]) expect(await own.load(sid)).toMatchObject({ userId: 'u' });
        expect(await own.endProvider('p1')).toEqual([]);
      });

      it('nobody signs in by one that is over, nor goes on by it', async () => {
        open();
        await own.endProvider('p1');
        const [fresh, known] = [randomUUID(), await signedIn('u')];
        expect(await own.create(fresh, change(by('p1')))).toEqual({ outcome: 'sourceGone' });
        expect(await own.commit(known, change({ ...by('p1'), isSignIn: false }))).toEqual({ outcome: 'signedOut' });
        for (const sid of [fresh, known]) expect(await own.load(sid)).toBeNull();
        expect(await own.create(randomUUID(), change(by('p2')))).toMatchObject({ outcome: 'created' });
      });

      it('nothing survives that signs in, moves or goes on while it ends', async () => {
        open();
        for (let time = 0; time < 20; time++) {
          const provider = `p-${time}`;
          const sids = Array.from({ length: 6 }, () => randomUUID() as string);
          const moves = sids.map((sid) => own.successorSid(sid, randomUUID()));
          const lives = sids.map(async (sid, index) => {
            await own.create(sid, change(by(provider, `user-${index % 2}`)));
            const parts = { userId: `user-${index % 2}`, provider };
            if (index % 3 === 0)
              await own.move(sid, { to: moves[index] ?? '', graceMs: 0, keep: 'all', change: change(parts) });
            else if (index % 3 === 1) await own.commit(sid, change({ ...parts, set: { n: 1 }, keepsUser: true }));
            else await own.touch(sid, HOUR_MS, parts.userId, provider);
          });
          await Promise.all([...lives, own.endProvider(provider)]);
          for (const sid of [...sids, ...moves]) expect(await own.load(sid)).toBeNull();
        }
      });
    });

    it('the end of all sessions leaves no source either', async () => {
      open();
      const sids = [await signedIn('u'), await signedIn('v'), randomUUID()];
      await own.create(sids[2] ?? '', change());
      expect(await own.clear()).toBe(3);
      for (const sid of sids) {
        expect(await own.load(sid)).toBeNull();
        expect((await move(sid)).result).toEqual({ outcome: 'gone' });
      }
      const after = await signedIn('u');
      expect((await move(after)).result).toMatchObject({ outcome: 'moved' });
      expect(await own.count()).toBe(1);
    });

    it('does not move for who lost the lock, nor to an id that is in use; a user who changed meanwhile goes with it', async () => {
      open();
      const sid = await signedIn('u');
      await own.lock(sid, 'other', MINUTE_MS);
      expect((await move(sid, {}, { owner: 'mine' })).result).toEqual({ outcome: 'lockLost' });
      expect((await move(sid, {}, { owner: 'other' }, 'stale')).result).toMatchObject({
        outcome: 'moved',
        userId: 'u',
      });
      expect(await listed('stale')).toEqual([]);
      expect(await listed('u')).toHaveLength(1);
      const [one, two] = [await signedIn('w'), await signedIn('w')];
      const taken = change({ userId: 'w' });
      const result = await own.move(one, { to: one, graceMs: 0, keep: 'all', change: taken });
      expect(result).toEqual({ outcome: 'exists' });
      expect(await own.load(two)).not.toBeNull();
      expect(await listed('w')).toHaveLength(2);
    });

    it('a limit counts a moved session once', async () => {
      open({ userLimit: { max: 2, evict: 'oldest' } });
      let sid = await signedIn('u');
      for (let i = 0; i < 8; i++) {
        const { to, result } = await move(sid, { graceMs: 30_000 });
        expect(result).toMatchObject({ outcome: 'moved' });
        await own.create(own.successorSid(sid, randomUUID()), change({ userId: 'u', isSignIn: true }), {
          sid,
          userId: 'u',
        });
        sid = to;
      }
      expect(await listed('u')).toHaveLength(1);
      await signedIn('u');
      await signedIn('u');
      expect(await listed('u')).toHaveLength(2);
    });

    it('ending an id that was never stored costs nothing: it can still be used', async () => {
      open();
      const sid = randomUUID();
      expect(await own.destroy(sid)).toBe('absent');
      expect(await own.create(sid, change())).toMatchObject({ outcome: 'created' });
    });
  });
}
