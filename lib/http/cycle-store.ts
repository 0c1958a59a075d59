import type { ServerResponse } from 'node:http';
import type { Cookie, SessionData, Store } from 'express-session';
import { isInspecting } from './inspecting-store.js';
import { RequestSession } from './request-session.js';
import type { CycleRequest } from './cycle-request.js';
import { equipSession } from './session-methods.js';

type Generate = (request: CycleRequest) => void;

/** One cycle's view of a store. @internal */
export interface CycleStore {
  /** Looks like the store itself; what express-session sets on it stays with this view. */
  readonly store: Store;
  /** Gives a request a new session, with the cookie options of this cycle. */
  readonly generate: Generate;
  /** Whether a request's session came out of the store. */
  isLoaded(request: CycleRequest): boolean;
  /** A load that starts while `run` runs ends with the connection of this response: nobody waits for it then. */
  loadUntilClosed(response: ServerResponse, run: () => void): void;
}

/**
 * Makes one cycle's own view of a store.
 *
 * express-session assigns `store.generate`, and with it the cookie options, to the store: a store shared by two cycles would
 * hand out the second one's cookies in both. It also turns every request into an anonymous one while a store says
 * `disconnect`: the view does not pass on such a subscription made by `mount`.
 *
 * @internal
 */
export function viewStore(
  target: Store,
  mount: (view: Store) => void,
  cookieOf: (request: CycleRequest) => Cookie,
): CycleStore {
  let isMounting = true;
  let assigned: Generate | undefined;
  const bound = new Map<PropertyKey, unknown>();
  const loaded = new WeakSet<CycleRequest>();

  const generate: Generate = (request) => {
    if (!assigned) throw new Error('The session middleware is not mounted yet.');
    assigned(request);
    if (request.session) request.session.cookie = cookieOf(request);
    adopt(request);
  };
  let closed: (() => AbortSignal) | undefined;
  const own: Record<PropertyKey, unknown> = {
    generate,
    get(sid: string, callback: (error: unknown, data?: SessionData | null) => void) {
      if (isInspecting(target)) target.loadForRequest(sid, callback, closed);
      else target.get(sid, callback);
    },
    createSession(request: CycleRequest, data: Parameters<Store['createSession']>[1]) {
      const session = target.createSession(request as never, data);
      // Only our own store hands out an object that nobody else has.
      if (isInspecting(target) && session.cookie.originalMaxAge === null) skipHash(data);
      loaded.add(request);
      adopt(request);
      return session;
    },
    regenerate(request: CycleRequest, callback: (error?: unknown) => void) {
      target.destroy(String(request.sessionID), (error) => {
        generate(request);
        callback(error);
      });
    },
  };
  const store = new Proxy(target, {
    get(_target, name) {
      if (Object.hasOwn(own, name)) return own[name];
      if (isMounting && name === 'on') return () => store;
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function' || name === 'constructor') return value;
      let method = bound.get(name);
      if (!method) bound.set(name, (method = value.bind(target) as unknown));
      return method;
    },
    set(_target, name, value: unknown) {
      if (name === 'generate') {
        assigned = value as Generate;
        return true;
      }
      return Reflect.set(target, name, value, target);
    },
  });
  mount(store);
  isMounting = false;
  return {
    store,
    generate,
    isLoaded: (request) => loaded.has(request),
    loadUntilClosed(response, run) {
      closed = () => signalOfClose(response);
      try {
        run();
      } finally {
        closed = undefined;
      }
    },
  };
}

/**
 * express-session serialises and hashes what was loaded, to tell at the end what has changed. Its end never comes here; it asks
 * again only to renew a cookie that has a date.
 */
function skipHash(data: object): void {
  Object.defineProperty(data, 'toJSON', { value: () => 0 });
}

/** Aborts once nobody can take the response any more. */
function signalOfClose(response: ServerResponse): AbortSignal {
  if (response.destroyed) return AbortSignal.abort();
  const controller = new AbortController();
  response.once('close', () => {
    controller.abort();
  });
  return controller.signal;
}

/** A session that a request gets later on has promises as its first one has. */
function adopt(request: CycleRequest): void {
  if (request.session && RequestSession.of(request)) equipSession(request.session);
}
