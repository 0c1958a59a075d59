import session from 'express-session';
import { describe, expect, it } from 'vitest';
import { resolveSessionOptions } from '../../lib/options/resolve-session-options.js';
import { DEVELOPMENT, faultsWith, MINIMUM, pathsWith } from './options-faults.support.js';

const redis = { host: '127.0.0.1' };
const store = new session.MemoryStore();
const resolve = (migrateFrom: unknown) => resolveSessionOptions({ ...MINIMUM, redis, migrateFrom }, DEVELOPMENT);

describe('migrateFrom', () => {
  it('is nothing unless it is given, and moves for good unless it is said', () => {
    expect(resolve(undefined).migrateFrom).toBeNull();
    const { migrateFrom, secrets } = resolve({ store });
    expect(migrateFrom).toMatchObject({ store, mirrors: false, cookieName: null, secrets });
  });

  it('takes an express-session store, or what reads, writes and removes sessions', () => {
    const nothing = (): Promise<never> => Promise.reject(new Error());
    const origin = { read: nothing, write: nothing, remove: nothing };
    expect(resolve({ store: origin }).migrateFrom?.store).toBe(origin);
    expect(pathsWith({ redis, migrateFrom: { store: { read: nothing } } })).toEqual(['migrateFrom.store']);
    expect(pathsWith({ redis, migrateFrom: true })).toEqual(['migrateFrom']);
  });

  it('is refused where it would move nothing', () => {
    expect(pathsWith({ redis, migrateFrom: {} })).toEqual(['migrateFrom']);
    expect(pathsWith({ migrateFrom: { store } })).toEqual(['migrateFrom.store']);
    expect(pathsWith({ migrateFrom: { mirror: true, cookieName: 'a' } })).toEqual(['migrateFrom.mirror']);
    expect(pathsWith({ migrateFrom: { cookieName: 'connect.sid' } })).toEqual(['migrateFrom.cookieName']);
    expect(pathsWith({ redis, migrateFrom: { store, mirror: true, secrets: 'of before' } })).toEqual([
      'migrateFrom.secrets',
    ]);
    expect(pathsWith({ migrateFrom: { secrets: [] } })).toEqual(['migrateFrom.secrets']);
    expect(pathsWith({ migrateFrom: { secrets: ['a', ''] } })).toEqual(['migrateFrom.secrets[1]']);
  });

  it('shows no secret, neither in a fault nor in a log', () => {
    const secret = 'the secret of before';
    expect(JSON.stringify(faultsWith({ migrateFrom: { secrets: [secret, 7] } }))).not.toContain(secret);
    expect(JSON.stringify(resolve({ store, secrets: secret }).migrateFrom)).not.toContain(secret);
  });
});
