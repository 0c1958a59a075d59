import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { expect } from 'vitest';
import type { FlatRepository } from '../support/flat-repository.js';
import { change } from './session-repository.contract.js';

/** Places for sessions that a sequence of actions works on, and users. */
const PLACES = 5;
const USERS = ['user-0', 'user-1'];
/** How many sessions a user may have. */
export const MAX = 2;

const KINDS = [
  ...(['signIn', 'signOut', 'change', 'touch', 'destroy', 'signOutEverywhere', 'revokeAll'] as const),
  ...(['move', 'moveWithGrace', 'stepUp', 'createFrom'] as const),
];

/** What a request does to the session in one of the places, for one of two users. */
export type Action =
  | { readonly kind: (typeof KINDS)[number]; readonly place: number; readonly user: number }
  | { readonly kind: 'create'; readonly place: number; readonly user: number | null };

const place = fc.nat(PLACES - 1);
const user = fc.nat(USERS.length - 1);

/** Any action; creations are as likely as all others together, so that there is something to act on. */
export const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('create' as const), place, user: fc.option(user) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom(...KINDS), place, user }) },
);

/** A session's user has authenticated: in which order, among all that happened, that was over. */
interface Authentication {
  readonly root: string;
  readonly userId: string;
  readonly overAt: number;
}

/**
 * Runs actions side by side, and keeps what has to be true whatever their order was.
 */
export class SessionModel {
  private readonly places = Array.from({ length: PLACES }, () => randomUUID() as string);
  /** Every id that was ever in use. */
  private readonly sids = new Set<string>(this.places);
  /** The first id of each session that was moved. */
  private readonly roots = new Map<string, string>();
  private readonly successors = new Map<string, string>();
  private readonly authentications: Authentication[] = [];
  private readonly signOuts: { readonly userId: string; readonly begunAt: number }[] = [];
  private readonly destroyed: string[] = [];
  private step = 0;

  constructor(private repository: FlatRepository) {}

  /** Does one action. */
  async perform(one: Action): Promise<void> {
    const { repository } = this;
    const sid = this.places[one.place] ?? '';
    const userId = one.user === null ? null : (USERS[one.user] ?? '');
    switch (one.kind) {
      case 'create': {
        const { outcome } = await repository.create(sid, change({ userId, isSignIn: userId !== null }));
        if (outcome === 'created') this.authenticated(sid, userId);
        return;
      }
      case 'signIn': {
        const { outcome } = await repository.commit(sid, change({ userId, isSignIn: true }));
        if (outcome === 'committed') this.authenticated(sid, userId);
        return;
      }
      case 'signOut':
        await repository.commit(sid, change({ userId: null }));
        return;
      case 'change': {
        const loaded = (await repository.load(sid))?.userId ?? null;
        await repository.commit(sid, change({ set: { n: one.user }, userId: loaded, keepsUser: true }));
        return;
      }
      case 'touch':
        await repository.touch(sid, 3_600_000, (await repository.load(sid))?.userId ?? null);
        return;
      case 'destroy':
        if ((await repository.destroy(sid)) === 'destroyed') this.destroyed.push(sid);
        return;
      case 'signOutEverywhere': {
        const begunAt = this.step++;
        await repository.signOut(userId ?? '');
        this.signOuts.push({ userId: userId ?? '', begunAt });
        return;
      }
      case 'revokeAll': {
        const sessions = await repository.listByUser(userId ?? '');
        await Promise.all(sessions.map(({ id }) => repository.destroyStored(id, userId ?? '')));
        return;
      }
      case 'move':
      case 'moveWithGrace':
        await this.move(one.place, sid, one.kind === 'move' ? 0 : 60_000);
        return;
      case 'stepUp': {
        // The user is put back by a request that was under way: not a sign-in.
        const loaded = (await repository.load(sid))?.userId ?? null;
        const to = await this.move(one.place, sid, 60_000);
        if (to) await repository.commit(to, change({ set: { n: 1 }, userId: loaded, keepsUser: true }));
        return;
      }
      case 'createFrom':
        await this.createFrom(one.place, sid);
        return;
    }
  }

  /** Compares what is stored with what has to be true, by way of another repository over the same place. */
  checkOver(repository: FlatRepository): Promise<void> {
    this.repository = repository;
    return this.check();
  }

  /** Compares what is stored with what has to be true. */
  async check(): Promise<void> {
    const live = new Map<string, { readonly sid: string; readonly userId: string | null }>();
    for (const sid of this.sids) {
      const stored = await this.repository.load(sid);
      if (stored && !stored.isRotated) live.set(stored.id, { sid, userId: stored.userId });
    }
    expect(await this.repository.count(), 'the count').toBe(live.size);
    for (const userId of USERS) {
      const listed = (await this.repository.listByUser(userId)).map(({ id }) => id).sort();
      const expected = [...live].filter(([, session]) => session.userId === userId).map(([id]) => id);
      expect(listed, `the sessions of ${userId}`).toEqual(expected.sort());
      expect(expected.length, `the limit of ${userId}`).toBeLessThanOrEqual(MAX);
    }
    for (const { sid, userId } of live.values()) this.checkSignOuts(sid, userId);
    for (const sid of this.destroyed) await this.checkEnded(sid);
    for (const [sid, to] of this.successors) await this.checkGrace(sid, to);
  }

  /** No session lives whose user had authenticated before a sign-out everywhere began. */
  private checkSignOuts(sid: string, userId: string | null): void {
    if (userId === null) return;
    const root = this.rootOf(sid);
    const mine = this.authentications.filter((one) => one.root === root && one.userId === userId);
    const latest = Math.max(-1, ...mine.map(({ overAt }) => overAt));
    for (const signOut of this.signOuts.filter((one) => one.userId === userId)) {
      expect(latest, `a session of ${userId} from before a sign-out everywhere`).toBeGreaterThan(signOut.begunAt);
    }
  }

  /** Neither a session that was ended lives, nor one that it was moved to. */
  private async checkEnded(sid: string): Promise<void> {
    for (let one: string | undefined = sid; one !== undefined; one = this.successors.get(one)) {
      expect(await this.repository.load(one), 'a session that was ended, or its successor').toBeNull();
    }
  }

  /** An id that was given up reads nothing but what its successor's user may see, and only while the successor lives. */
  private async checkGrace(sid: string, to: string): Promise<void> {
    const old = await this.repository.load(sid);
    if (!old) return;
    let last = to;
    for (let next = this.successors.get(last); next !== undefined; next = this.successors.get(last)) last = next;
    const successor = await this.repository.load(last);
    const userId = old.userId === null ? null : successor?.userId;
    expect({ isRotated: old.isRotated, userId: old.userId }).toEqual({ isRotated: successor !== null, userId });
  }

  private async move(at: number, sid: string, graceMs: number): Promise<string | undefined> {
    const to = this.repository.successorSid(sid, randomUUID());
    this.sids.add(to);
    const userId = (await this.repository.load(sid))?.userId ?? null;
    const { outcome } = await this.repository.move(sid, { to, graceMs, keep: 'all', change: change({ userId }) });
    if (outcome !== 'moved') return undefined;
    expect(this.successors.has(sid), 'a session that was moved twice').toBe(false);
    this.successors.set(sid, to);
    this.roots.set(to, this.rootOf(sid));
    this.places[at] = to;
    return to;
  }

  private async createFrom(at: number, sid: string): Promise<void> {
    const { repository } = this;
    const userId = (await repository.load(sid))?.userId ?? null;
    if (userId === null) return;
    const fresh = repository.successorSid(sid, randomUUID());
    this.sids.add(fresh);
    const { outcome } = await repository.create(fresh, change({ userId, isSignIn: true }), { sid, userId });
    if (outcome !== 'created') return;
    // It inherits how its user authenticated: at the latest when that of the source was over.
    const source = this.authentications.filter((one) => one.root === this.rootOf(sid) && one.userId === userId);
    const overAt = Math.max(-1, ...source.map((one) => one.overAt));
    this.authentications.push({ root: fresh, userId, overAt });
    this.places[at] = fresh;
  }

  private authenticated(sid: string, userId: string | null): void {
    if (userId !== null) this.authentications.push({ root: this.rootOf(sid), userId, overAt: this.step++ });
  }

  private rootOf(sid: string): string {
    return this.roots.get(sid) ?? sid;
  }
}
