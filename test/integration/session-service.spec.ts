import { Test } from '@nestjs/testing';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { INestApplication } from '@nestjs/common';
import { SessionEvents, SessionModule, SessionService } from '../../lib/index.js';
import type { SessionEvent } from '../../lib/index.js';
import { SESSION_REPOSITORY } from '../../lib/core/session.tokens.js';
import type { SessionRepository } from '../../lib/store/session-repository.js';
import { change } from '../contract/session-repository.contract.js';
import { flat } from '../support/flat-repository.js';
import type { FlatRepository } from '../support/flat-repository.js';

describe('SessionService ends sessions', () => {
  let app: INestApplication;
  let sessions: SessionService;
  let repository: FlatRepository;
  const events: SessionEvent[] = [];

  beforeAll(async () => {
    const options = { application: 'service', secret: 'a secret of the tests, long enough', userId: () => null };
    const built = await Test.createTestingModule({ imports: [SessionModule.forRoot(options)] }).compile();
    app = await built.createNestApplication().init();
    sessions = app.get(SessionService);
    repository = flat(app.get<SessionRepository>(SESSION_REPOSITORY));
    app.get(SessionEvents).all.subscribe((event) => events.push(event));
  });
  afterAll(async () => {
    await app.close();
  });

  async function idOfSession(
    userId: string | null,
    authentication?: { method: string; actor: string | null; provider: null },
  ) {
    const sid = randomUUID();
    await repository.create(sid, change({ userId, isSignIn: userId !== null, authentication }));
    return { sid, id: (await repository.load(sid))?.id ?? '' };
  }

  it('one by its id, if it is the user’s who asks', async () => {
    const { sid, id } = await idOfSession('ada');
    expect(await sessions.revoke(id, { userId: 'eve' })).toBe(false);
    expect(await sessions.revoke(id, { userId: '' })).toBe(false);
    expect(await repository.load(sid)).not.toBeNull();
    expect(await sessions.revoke(id, { userId: 'ada' })).toBe(true);
    expect(await repository.load(sid)).toBeNull();
    expect(events.at(-1)).toEqual({ type: 'revoked', id, userId: 'ada', reason: 'revoke' });
    const other = await idOfSession('ada');
    expect(await sessions.revoke(other.id, { ofAnyUser: true })).toBe(true);
    expect(await repository.load(other.sid)).toBeNull();
  });

  it.each(['', 'x', '*', '../../etc', 'a'.repeat(23), `${'a'.repeat(22)}\n`, 'x'.repeat(1_000_000), '{x}'])(
    'none by a text that is no id (%#)',
    async (text) => {
      expect(await sessions.revoke(text, { ofAnyUser: true })).toBe(false);
    },
  );

  it('all of a user, or all there are, and lists when and how their users authenticated', async () => {
    await idOfSession('bob', { method: 'password', actor: 'admin', provider: null });
    await idOfSession('bob');
    await idOfSession(null);
    const listed = await sessions.list('bob');
    expect(listed.map(({ method, actor }) => ({ method, actor }))).toContainEqual({
      method: 'password',
      actor: 'admin',
    });
    expect(
      listed.every(({ authenticatedAt }) => authenticatedAt && Date.now() - authenticatedAt.valueOf() < 60_000),
    ).toBe(true);
    expect(await sessions.signOutEverywhere('bob')).toBe(2);
    expect(await sessions.list('bob')).toEqual([]);
    await idOfSession('bob');
    const count = await sessions.count();
    expect(count).toBeGreaterThanOrEqual(2);
    expect(await sessions.signOutAll()).toBe(count);
    expect(await sessions.count()).toBe(0);
  });

  it('of nobody by an id that strangers could share', async () => {
    for (const userId of [Number.NaN, 'x'.repeat(300), '\uD800']) {
      const error = { code: 'SESSION_USER_ID_INVALID' };
      await expect(sessions.list(userId)).rejects.toMatchObject(error);
      await expect(sessions.signOutEverywhere(userId)).rejects.toMatchObject(error);
      await expect(sessions.revoke('a'.repeat(22), { userId })).rejects.toMatchObject(error);
    }
  });

  it('refuses a grace that is no grace', async () => {
    for (const graceMs of [Infinity, 60_001, -1, Number.NaN]) {
      await expect(sessions.regenerate({ graceMs })).rejects.toThrow(RangeError);
    }
  });
});
