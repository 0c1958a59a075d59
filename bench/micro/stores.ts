import { randomBytes } from 'node:crypto';
import type { Request } from 'express';
import type session from 'express-session';
import { Redis } from 'ioredis';
import type { SessionDurability } from 'nestjs-ha-session';
import type { RedisTarget } from '../http/variants.js';

/** A store without any HTTP around it. */
export interface OpenStore {
  readonly store: session.Store;
  close(): unknown;
}

export const STORE_NAMES = [
  'connect-redis-8',
  'connect-redis-9',
  'ours',
  'ours-user',
  'ours-encrypted',
  'ours-replicated',
] as const;

/** `ours-user` also keeps the index of each user's sessions; `ours-encrypted` encrypts what it stores. */
export type StoreName = (typeof STORE_NAMES)[number];

const IDLE_SECONDS = 1_200;

/** Opens a store. @param target - where its Redis is; with Sentinels for those that want them */
export async function openStore(name: StoreName, { host, port, sentinel }: RedisTarget): Promise<OpenStore> {
  switch (name) {
    case 'connect-redis-8': {
      const { RedisStore } = await import('connect-redis-8');
      const client = new Redis({ host, port });
      return { store: new RedisStore({ client, ttl: IDLE_SECONDS }), close: () => client.disconnect() };
    }
    case 'connect-redis-9': {
      const [{ RedisStore }, { createClient }] = await Promise.all([import('connect-redis-9'), import('redis')]);
      const client = await createClient({ socket: { host, port } }).connect();
      return { store: new RedisStore({ client, ttl: IDLE_SECONDS }), close: () => client.destroy() };
    }
    case 'ours':
    case 'ours-user':
    case 'ours-encrypted':
    case 'ours-replicated': {
      const { RedisSessionStore } = await import('nestjs-ha-session');
      const durability: SessionDurability = name === 'ours-replicated' ? 'replicated' : 'primary';
      const redis = sentinel ? { sentinels: [...sentinel.sentinels], name: sentinel.name } : { host, port };
      const store = new RedisSessionStore({
        application: 'bench',
        idleTimeoutMs: IDLE_SECONDS * 1_000,
        // A touch that is answered without Redis would measure nothing.
        touchIntervalMs: 0,
        redis,
        durability,
        ...(name === 'ours-encrypted' && { encryption: { keys: [randomBytes(32)] } }),
        ...(name === 'ours-user' && { userId: (data) => (data as { user?: { id: string } }).user?.id }),
      });
      return { store, close: () => store.close() };
    }
  }
}

type LiveSession = session.Session & Partial<session.SessionData> & { visits?: number };

/** The session of a request, as express-session's middleware would make it. */
export function liveSession(store: session.Store, sid: string, data: object): LiveSession {
  const request = { sessionID: sid, sessionStore: store } as unknown as Request;
  const copy = { ...data, cookie: { originalMaxAge: null } } as unknown as session.SessionData;
  const live = store.createSession(request, copy) as LiveSession;
  (request as { session: unknown }).session = live;
  return live;
}

/** Loads the session of a request, with what the store remembers of it. */
export async function loadLive(store: session.Store, sid: string): Promise<LiveSession> {
  const data = await get(store, sid);
  if (!data) throw new Error(`no session ${sid}`);
  const request = { sessionID: sid, sessionStore: store } as unknown as Request;
  return store.createSession(request, data);
}

export function get(store: session.Store, sid: string): Promise<session.SessionData | null | undefined> {
  return promised((done) => store.get(sid, done));
}

export function set(store: session.Store, sid: string, data: object): Promise<void> {
  return promised((done) => store.set(sid, data as session.SessionData, done));
}

export function touch(store: session.Store, sid: string, data: object): Promise<void> {
  return promised((done) => store.touch?.(sid, data as session.SessionData, done));
}

export function destroy(store: session.Store, sid: string): Promise<void> {
  return promised((done) => store.destroy(sid, done));
}

export function length(store: session.Store): Promise<number> {
  return promised((done) => store.length?.(done));
}

function promised<T>(call: (done: (error?: unknown, value?: unknown) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, value) => {
      if (error instanceof Error) reject(error);
      else resolve(value as T);
    });
  });
}
