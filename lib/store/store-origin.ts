import type { SessionData, Store } from 'express-session';
import type { OriginSession, SessionOrigin } from '../core/session-origin.js';
import { promised } from './callback.js';

/**
 * The sessions of any express-session store, by that contract alone: it says neither how long a session lives nor whether it has
 * changed meanwhile, so both are found out as far as its data shows them.
 *
 * @internal
 */
export class StoreOrigin implements SessionOrigin {
  constructor(private readonly store: Pick<Store, 'get' | 'set' | 'destroy'>) {}

  async read(sid: string): Promise<OriginSession | null> {
    const data = await promised<SessionData | null>((done) => {
      this.store.get(sid, done);
    }).catch(nullWhenMissing);
    if (!data) return null;
    // As other stores keep it, also when this one hands out its own objects.
    const revision = JSON.stringify(data);
    return { data: JSON.parse(revision) as Record<string, unknown>, remainingMs: null, revision };
  }

  async write(
    sid: string,
    data: Readonly<Record<string, unknown>>,
    lifeMs: number,
    before: OriginSession | null,
  ): Promise<boolean> {
    const now = await this.read(sid);
    if (now?.revision !== before?.revision) return false;
    const session = { ...data, cookie: cookieOf(data['cookie'], lifeMs) };
    await promised((done) => {
      this.store.set(sid, session as unknown as SessionData, done);
    });
    return true;
  }

  async remove(sid: string): Promise<void> {
    await promised((done) => {
      this.store.destroy(sid, done);
    });
  }
}

/** A cookie as stores ask it for its life: by a date, or by a length that is not stored. */
function cookieOf(given: unknown, lifeMs: number): object {
  const cookie = { ...(given as Record<string, unknown>) };
  if (typeof cookie['originalMaxAge'] !== 'number') return cookie;
  cookie['expires'] = new Date(Date.now() + lifeMs);
  return Object.defineProperty(cookie, 'maxAge', { value: lifeMs, enumerable: false });
}

function nullWhenMissing(error: unknown): null {
  if (typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT') return null;
  throw error;
}
