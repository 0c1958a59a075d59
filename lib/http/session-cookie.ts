import { createHmac } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import session from 'express-session';
import type { CookieOptions } from 'express-session';
import type { SessionCookieOptions } from '../options/session.options.js';
import type { CycleRequest } from './cycle-request.js';
import type { LiveSession } from './session.types.js';

/**
 * Whether a cookie with this path is meant for this request: RFC 6265 section 5.1.4. express-session compares the beginning of
 * the text only, so that `/admin` would match `/administrator` too.
 *
 * @internal
 */
export function cookiePathMatches(cookiePath: string, requestPath: string): boolean {
  if (!requestPath.startsWith(cookiePath)) return false;
  return requestPath.length === cookiePath.length || cookiePath.endsWith('/') || requestPath[cookiePath.length] === '/';
}

/** The request's path as the client sent it, whatever a router has cut off since. @internal */
export function requestPathOf(request: CycleRequest): string {
  const url = request.originalUrl ?? request.url ?? '/';
  // A proxy's absolute form: `GET http://host/path`.
  const path = url.startsWith('/') || !URL.canParse(url) ? url : new URL(url).pathname;
  const end = path.search(/[?#]/);
  return end === -1 ? path : path.slice(0, end);
}

/** Whether the client's connection is secure, by express-session's rules for `proxy`. @internal */
export function isSecure(request: CycleRequest, proxy: boolean | undefined): boolean {
  if ((request.socket as Partial<TLSSocket>).encrypted) return true;
  if (proxy === undefined) return request.secure === true;
  return proxy && forwardedProtocolOf(request) === 'https';
}

/** What the nearest proxy says of the client's connection, or `undefined`. @internal */
export function forwardedProtocolOf(request: CycleRequest): string | undefined {
  const header = request.headers['x-forwarded-proto'];
  return (Array.isArray(header) ? header[0] : header)?.split(',')[0]?.trim().toLowerCase();
}

/** The cookie options of one request, `auto` resolved; also where they come from a function, which express-session forgets. @internal */
export function resolveCookieOptions(cookie: SessionCookieOptions, isRequestSecure: boolean): CookieOptions {
  const { name: _name, forRequest: _forRequest, secure, sameSite, ...rest } = cookie;
  return {
    ...rest,
    ...(secure === undefined ? {} : { secure: secure === 'auto' ? isRequestSecure : secure }),
    sameSite: sameSite === 'auto' ? (isRequestSecure ? 'none' : 'lax') : (sameSite ?? 'lax'),
  };
}

/** The cookie's value for an id: what the `cookie-signature` package makes of it, with the prefix of express-session. @internal */
export function signedCookieValue(sid: string, secret: string): string {
  return `s:${sid}.${createHmac('sha256', secret).update(sid).digest('base64').replace(/=+$/, '')}`;
}

/** A `Set-Cookie` line for a live session's cookie. @internal */
export function serializeCookie(cookie: session.Cookie, name: string, value: string): string {
  // `serialize` is part of express-session's Cookie and missing from its types.
  return (cookie as session.Cookie & { serialize(name: string, value: string): string }).serialize(name, value);
}

/** A `Set-Cookie` line that takes a cookie away from the client: same path and domain, long expired. @internal */
export function serializeExpiredCookie(cookie: session.Cookie, name: string): string {
  const Cookie = session.Cookie as unknown as new (options: object) => session.Cookie;
  const { data } = cookie as session.Cookie & { data: object };
  return serializeCookie(new Cookie({ ...data, expires: new Date(0) }), name, '');
}

/** express-session's `touch`, without the millisecond that its cookie loses each time by asking the clock twice. @internal */
export function restartMaxAge(session: LiveSession): void {
  const { originalMaxAge } = session.cookie;
  session.touch();
  session.cookie.originalMaxAge = originalMaxAge;
}
