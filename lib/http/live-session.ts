import session from 'express-session';
import type { Cookie } from 'express-session';
import type { RawRequest } from './raw-http.js';
import type { LiveSession } from './session.types.js';

type Callback = (error?: unknown) => void;

/** Where a raw request keeps what runs its session's methods. @internal */
export const SESSION_REQUEST = Symbol.for('nestjs-ha-session:request');

/** What the methods of a live session ask. @internal */
export interface SessionOperations {
  /** What `req.session` shows, and whether somebody has looked. */
  readonly current: { shown: LiveSession | null | undefined; hasRead: boolean };
  save(session: LiveSession): Promise<void>;
  reload(session: LiveSession): Promise<void>;
  destroy(session: LiveSession): Promise<void>;
  regenerate(): Promise<void>;
}

/** A request with a session of ours. @internal */
export interface SessionRawRequest extends RawRequest {
  [SESSION_REQUEST]?: SessionOperations;
}

/**
 * The session object of a request: one of express-session's class to everybody, with methods that return promises when they get no
 * callback. `req`, `id` and the methods lie on the prototype: nothing is defined for each object.
 */
class RequestSession {
  declare cookie: Cookie;
  readonly #request: SessionRawRequest;
  readonly #id: string;

  constructor(request: SessionRawRequest, id: string, cookie: Cookie) {
    this.#request = request;
    this.#id = id;
    this.cookie = cookie;
  }

  get req(): SessionRawRequest {
    return this.#request;
  }

  get id(): string {
    return this.#id;
  }

  save(callback?: Callback): Promise<void> | this {
    return answer(this, operationsOf(this).save(this as unknown as LiveSession), callback);
  }

  reload(callback?: Callback): Promise<void> | this {
    return answer(this, operationsOf(this).reload(this as unknown as LiveSession), callback);
  }

  destroy(callback?: Callback): Promise<void> | this {
    return answer(this, operationsOf(this).destroy(this as unknown as LiveSession), callback);
  }

  regenerate(callback?: Callback): Promise<void> | this {
    return answer(this, operationsOf(this).regenerate(), callback);
  }
}

// Not by `extends`: express-session's constructor defines two properties on each object.
Object.setPrototypeOf(RequestSession.prototype, session.Session.prototype);
Object.defineProperty(RequestSession.prototype, 'constructor', { value: session.Session });

/** Makes the live session of a request. @internal */
export function createLiveSession(
  request: RawRequest,
  id: string,
  cookie: Cookie,
  data: Readonly<Record<string, unknown>>,
): LiveSession {
  const live = new RequestSession(request, id, cookie);
  // As express-session does it: a field takes no method's place.
  for (const name in data) if (!(name in live)) (live as unknown as Record<string, unknown>)[name] = data[name];
  return live as unknown as LiveSession;
}

/** Gives our methods to a session object that a store has made by express-session's contract. @internal */
export function equipSession(made: session.Session, cookie: Cookie): LiveSession {
  if (Object.getPrototypeOf(made) === session.Session.prototype) Object.setPrototypeOf(made, RequestSession.prototype);
  (made as { cookie: Cookie }).cookie = cookie;
  return made;
}

/** Whether something is a session object of express-session's class, or of a second copy of it. @internal */
export function isSessionObject(value: unknown): value is LiveSession {
  if (value instanceof session.Session) return true;
  return (
    typeof value === 'object' && value !== null && ['save', 'touch', 'cookie', 'id'].every((name) => name in value)
  );
}

function operationsOf(live: RequestSession): SessionOperations {
  const operations = live.req[SESSION_REQUEST];
  if (!operations) throw new Error('This session belongs to no request any more.');
  return operations;
}

function answer<Live>(live: Live, result: Promise<void>, callback: Callback | undefined): Promise<void> | Live {
  if (!callback) {
    // Calls without callback and without `await` have always been legal: a failure must not end the process. The end of the
    // request tries again.
    result.catch(ignore);
    return result;
  }
  // Out of the promise's own chain: an error that a callback throws is its caller's.
  result.then(
    () => {
      process.nextTick(callback);
    },
    (error: unknown) => {
      process.nextTick(callback, error);
    },
  );
  return live;
}

function ignore(): void {
  // See above.
}
