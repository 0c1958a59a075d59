import type { INestApplicationContext } from '@nestjs/common';
import type { SessionData, Store } from 'express-session';
import { SESSION_MIDDLEWARE, SESSION_OPTIONS, SESSION_STORE } from '../core/session.tokens.js';
import { SessionUnsupportedError } from '../errors/session-unsupported.error.js';
import type { LiveSession } from '../http/session.types.js';
import type { ResolvedSessionOptions } from '../options/resolved-session.options.js';
import type { SessionMiddleware } from '../session-middleware.js';
import { promised } from '../store/callback.js';
import { sessionIdIn } from './session-cookie.reader.js';
import { SessionExchange } from './session-exchange.js';

/** What a session holds; its cookie is the middleware's matter. @public */
export type SessionTestData = Partial<SessionData> & { readonly cookie?: never };

/** A session made by {@link signInAs}. @public */
export interface SignedIn {
  /** `name=value` for a `Cookie` header: supertest's `.set('Cookie', cookie)`. */
  readonly cookie: string;
  /** The session's id in clear, as `req.sessionID`. */
  readonly sid: string;
}

/**
 * Makes a session with this data, in the store that the application uses, and the cookie that carries it.
 *
 * @remarks The application's own session middleware makes both, so name, signature, `genid`, `userId` and all else are as
 *   they would be after a real login; no route, guard or password is needed.
 * @param app - The application, or a testing module once compiled.
 * @param data - What the login would have put into the session; at least one field.
 * @throws TypeError when `data` holds nothing, and whatever the store says when it cannot store the session.
 * @public
 */
export async function signInAs(app: INestApplicationContext, data: SessionTestData): Promise<SignedIn> {
  if (Object.keys(data).length === 0) {
    throw new TypeError('signInAs needs at least one field: a session that holds nothing gets no cookie.');
  }
  const { cookie } = optionsOf(app);
  const middleware = app.get<SessionMiddleware>(SESSION_MIDDLEWARE, { strict: false });
  const exchange = new SessionExchange(cookie.path, cookie.secure === true);
  const request: typeof exchange.request & { session?: LiveSession | null } = exchange.request;
  await promised<void>((done) => {
    middleware(request, exchange.response, done);
  });
  const { session } = request;
  if (!session) {
    throw new Error('The session middleware made no session: its store says that it is disconnected.');
  }
  Object.assign(session, data);
  // Saved here and not by the response, so that a store's error arrives as it is.
  await promised<void>((done) => {
    session.save(done);
  });
  const sid = session.id;
  const line = (await exchange.end()).find((candidate) => sessionIdIn(candidate, cookie.name) === sid);
  if (line === undefined) {
    throw new Error('The session was stored, but the session middleware sent no cookie for it.');
  }
  return { cookie: line.split(';')[0] ?? '', sid };
}

/**
 * Reads a session from the application's store, as a request would find it now.
 *
 * @param app - The application, or a testing module once compiled.
 * @param cookieOrSid - A session's id, a `Cookie` header, or the `set-cookie` of a response.
 * @returns the session's data with its cookie, or `null` when there is none.
 * @throws whatever the store says when it cannot read the session.
 * @public
 */
export async function readSession(
  app: INestApplicationContext,
  cookieOrSid: string | readonly string[],
): Promise<SessionData | null> {
  const sid = sessionIdIn(cookieOrSid, optionsOf(app).cookie.name);
  if (sid === null) {
    return null;
  }
  const data = await promised<SessionData | null>((done) => {
    storeOf(app).get(sid, done);
  });
  return data ?? null;
}

/**
 * Ends every session of the application.
 *
 * @param app - The application, or a testing module once compiled.
 * @throws SessionUnsupportedError when the application's own `store` has no `clear`, and whatever the store says.
 * @public
 */
export async function clearSessions(app: INestApplicationContext): Promise<void> {
  const store = storeOf(app);
  if (typeof store.clear !== 'function') {
    throw new SessionUnsupportedError('clearSessions()', 'a `store` with a `clear` method');
  }
  await promised<void>((done) => {
    store.clear?.(done);
  });
}

function optionsOf(app: INestApplicationContext): ResolvedSessionOptions {
  return app.get<ResolvedSessionOptions>(SESSION_OPTIONS, { strict: false });
}

function storeOf(app: INestApplicationContext): Store {
  return app.get<Store>(SESSION_STORE, { strict: false });
}
