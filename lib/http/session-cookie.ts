import { createHmac, timingSafeEqual } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type session from 'express-session';
import type { CookieOptions } from 'express-session';
import { LRUCache } from 'lru-cache';
import { SessionCookieError } from '../errors/session-cookie.error.js';
import type { MigrationOptions, ResolvedSessionOptions } from '../options/resolved-session.options.js';
import type { SessionCookieOptions } from '../options/session.options.js';
import type { RawRequest } from './raw-http.js';
import { expiredCopy, restoredForm, SessionCookie } from './cookie-attributes.js';
import type { StoredCookie } from './cookie-attributes.js';

/** How many verified cookies are remembered: one takes some 300 bytes, and users who are active at the same time are what counts. */
const REMEMBERED_COOKIES = 10_000;
/** How many cookies of one name are tried: a browser has one for each path and domain that it was set for. */
const MAX_TRIED = 8;

const NONE: readonly VerifiedCookie[] = [];

/** A cookie whose signature is right. @internal */
export interface VerifiedCookie {
  readonly sid: string;
  /** Whether an older secret has signed it: it is sent anew then. */
  readonly isOld: boolean;
}

/** What of the options concerns the cookie. @internal */
export interface SessionCookieSettings extends Pick<ResolvedSessionOptions, 'secrets' | 'proxy'> {
  readonly cookie: SessionCookieOptions;
  /** The cookie of before; `null` or nothing: there was none. */
  readonly migrateFrom?: Pick<MigrationOptions, 'cookieName' | 'secrets' | 'mirrors'> | null | undefined;
}

/**
 * The cookies of one middleware: which requests they are meant for, what a request brings, how a response sends one.
 *
 * @internal
 */
export class SessionCookies {
  readonly name: string;
  /** Any of them verifies; the first of them signs. */
  private readonly verifying: readonly string[];
  /** The options for requests over a connection that is not secure, and over one that is. */
  private readonly forms: readonly [CookieOptions, CookieOptions];
  /** By their text: a verified cookie costs no HMAC the next time. Forged ones are not kept. */
  private readonly verified = new LRUCache<string, VerifiedCookie>({ max: REMEMBERED_COOKIES });
  /** The cookies of another name that the application had before; `undefined`: it had none. */
  private readonly former: SessionCookies | undefined;

  constructor(private readonly settings: SessionCookieSettings) {
    const { cookie, migrateFrom, secrets } = settings;
    this.name = cookie.name ?? 'connect.sid';
    this.forms = [resolveForm(cookie, false), resolveForm(cookie, true)];
    this.verifying = [...secrets, ...(migrateFrom?.secrets ?? [])];
    const name = migrateFrom?.cookieName;
    const [signing, ...others] = migrateFrom?.secrets ?? secrets;
    if (name && signing !== undefined)
      this.former = new SessionCookies({
        ...settings,
        cookie: { ...cookie, name },
        secrets: [signing, ...others],
        migrateFrom: null,
      });
  }

  /** Whether a request's path is one that the cookie is meant for. */
  covers(request: RawRequest): boolean {
    const { cookie } = this.settings;
    const path = (cookie.forRequest ? this.formOf(request).path : cookie.path) ?? '/';
    return path === '/' || cookiePathMatches(path, requestPathOf(request));
  }

  /** The verified cookies that a request brings, in their order and each once: a browser may send several of one name. */
  read(request: RawRequest): readonly VerifiedCookie[] {
    const own = this.readOwn(request);
    if (!this.former) return own;
    const known = new Set(own.map(({ sid }) => sid));
    const former = this.former.read(request).filter(({ sid }) => !known.has(sid));
    return [...own, ...former.map(({ sid }) => ({ sid, isOld: true }))];
  }

  /** Whether a request brings a cookie of this name, or of the name of before, verified or not. */
  isBrought(request: RawRequest): boolean {
    return this.count(request) > 0 || (this.former?.isBrought(request) ?? false);
  }

  private readOwn(request: RawRequest): readonly VerifiedCookie[] {
    const found = this.valuesIn(request).flatMap((value) => this.verify(value) ?? []);
    if (found.length < 2) return found.length === 0 ? this.parsedByOthers(request) : found;
    return found
      .filter(({ sid }, index) => found.findIndex((other) => other.sid === sid) === index)
      .slice(0, MAX_TRIED);
  }

  /** How many cookies of this name a request brings, verified or not. */
  count(request: RawRequest): number {
    return this.valuesIn(request).length;
  }

  /** The cookie of a new session. */
  create(request: RawRequest): SessionCookie {
    const form = this.formOf(request);
    const cookie = new SessionCookie(form);
    if (typeof form.maxAge === 'number') cookie.maxAge = form.maxAge;
    return cookie;
  }

  /** The cookie of a stored session: its own life, and the attributes of the configuration as it is now. */
  restore(request: RawRequest, stored: StoredCookie | null, remainingMs: number): SessionCookie {
    if (!stored) return this.create(request);
    const { cookie } = this.settings;
    const form = restoredForm(cookie, this.formOf(request), stored);
    return new SessionCookie(form, stored, Date.now() + remainingMs);
  }

  /** The `Set-Cookie` line of a session. @throws SessionCookieError when the application gave the cookie what no cookie can have. */
  line(cookie: session.Cookie, sid: string): string {
    const [secret] = this.settings.secrets;
    try {
      return serialize(cookie, this.name, `s:${sid}.${signatureOf(sid, secret)}`);
    } catch (cause) {
      if (!(cause instanceof Error)) throw cause;
      throw new SessionCookieError(attributeIn(cause.message), cause.message, { cause });
    }
  }

  /** The lines of a session: its cookie, and for the one of before the same, or its end when nobody reads it any more. */
  lines(cookie: session.Cookie, sid: string, request: RawRequest): readonly string[] {
    const line = this.line(cookie, sid);
    if (!this.former) return [line];
    if (this.settings.migrateFrom?.mirrors) return [line, this.former.line(cookie, sid)];
    return this.former.isBrought(request) ? [line, this.former.expiredLine(cookie)] : [line];
  }

  /** The lines that take a session's cookies away from the client. */
  expiredLines(cookie: session.Cookie, request: RawRequest): readonly string[] {
    const line = this.expiredLine(cookie);
    return this.former?.isBrought(request) ? [line, this.former.expiredLine(cookie)] : [line];
  }

  /** The `Set-Cookie` line that takes a cookie away from the client: same path and domain, long expired. */
  expiredLine(cookie: session.Cookie): string {
    return serialize(expiredCopy(cookie), this.name, '');
  }

  /** The lines that take away other cookies of this name, as far as a response can reach them: other paths, and the host's own. */
  strayLines(cookie: session.Cookie, request: RawRequest): string[] {
    const { path = '/', domain } = cookie;
    const parts = requestPathOf(request).split('/').filter(Boolean);
    const paths = new Set(['/', path, ...parts.map((_part, index) => `/${parts.slice(0, index + 1).join('/')}`)]);
    const scopes = [...paths].flatMap((one) => [
      { path: one, domain: undefined },
      ...(domain === undefined ? [] : [{ path: one, domain }]),
    ]);
    const others = scopes.filter((scope) => scope.path !== path || scope.domain !== domain);
    return others.slice(0, MAX_TRIED).map((scope) => this.expiredLine(Object.assign(expiredCopy(cookie), scope)));
  }

  /** Whether the client's connection is secure, by express-session's rules for `proxy`. */
  isSecure(request: RawRequest): boolean {
    const { proxy } = this.settings;
    if ((request.socket as Partial<TLSSocket>).encrypted) return true;
    if (proxy === undefined) return request.secure === true;
    return proxy && forwardedProtocolOf(request) === 'https';
  }

  private formOf(request: RawRequest): CookieOptions {
    const { cookie } = this.settings;
    const isSecure = this.isSecure(request);
    if (!cookie.forRequest) return this.forms[isSecure ? 1 : 0];
    return resolveForm({ ...cookie, ...cookie.forRequest(request) }, isSecure);
  }

  private valuesIn(request: RawRequest): string[] {
    const { cookie } = request.headers;
    const values: string[] = [];
    if (cookie === undefined) return values;
    for (let start = 0; start < cookie.length;) {
      let end = cookie.indexOf(';', start);
      if (end === -1) end = cookie.length;
      const equals = cookie.indexOf('=', start);
      if (equals !== -1 && equals < end && cookie.slice(start, equals).trim() === this.name) {
        values.push(cookie.slice(equals + 1, end).trim());
      }
      start = end + 1;
    }
    return values;
  }

  private verify(text: string): VerifiedCookie | undefined {
    const known = this.verified.get(text);
    if (known) return known;
    const cookie = this.verifyDecoded(decoded(text));
    if (cookie) this.verified.set(text, cookie);
    return cookie;
  }

  private verifyDecoded(value: string): VerifiedCookie | undefined {
    const dot = value.lastIndexOf('.');
    if (!value.startsWith('s:') || dot < 3) return undefined;
    const sid = value.slice(2, dot);
    const signature = Buffer.from(value.slice(dot + 1));
    const index = this.verifying.findIndex((secret) => {
      const expected = Buffer.from(signatureOf(sid, secret));
      return expected.length === signature.length && timingSafeEqual(expected, signature);
    });
    return index === -1 ? undefined : { sid, isOld: index > 0 };
  }

  /** As express-session does it: what the `cookie-parser` middleware has read counts where the header has none. */
  private parsedByOthers(request: RawRequest): readonly VerifiedCookie[] {
    const { signedCookies, cookies } = request;
    const sid = signedCookies?.[this.name];
    if (typeof sid === 'string' && sid !== '') return [{ sid, isOld: false }];
    const value = cookies?.[this.name];
    const cookie = typeof value === 'string' ? this.verifyDecoded(value) : undefined;
    return cookie ? [cookie] : NONE;
  }
}

/** What the nearest proxy says of the client's connection, or `undefined`. @internal */
export function forwardedProtocolOf(request: RawRequest): string | undefined {
  const header = request.headers['x-forwarded-proto'];
  return (Array.isArray(header) ? header[0] : header)?.split(',')[0]?.trim().toLowerCase();
}

/**
 * Whether a cookie with this path is meant for this request: RFC 6265 section 5.1.4. express-session compares the beginning of
 * the text only, so that `/admin` would match `/administrator` too.
 */
function cookiePathMatches(cookiePath: string, requestPath: string): boolean {
  if (!requestPath.startsWith(cookiePath)) return false;
  return requestPath.length === cookiePath.length || cookiePath.endsWith('/') || requestPath[cookiePath.length] === '/';
}

/** The request's path as the client sent it, whatever a router has cut off since. */
function requestPathOf(request: RawRequest): string {
  const url = request.originalUrl ?? request.url ?? '/';
  // A proxy's absolute form: `GET http://host/path`.
  const path = url.startsWith('/') || !URL.canParse(url) ? url : new URL(url).pathname;
  const end = path.search(/[?#]/);
  return end === -1 ? path : path.slice(0, end);
}

/** The cookie options of one request, `auto` resolved; also where they come from a function, which express-session forgets. */
function resolveForm(cookie: SessionCookieOptions, isRequestSecure: boolean): CookieOptions {
  const { name: _name, forRequest: _forRequest, secure, sameSite, ...rest } = cookie;
  return Object.freeze({
    path: '/',
    httpOnly: true,
    ...rest,
    ...(secure === undefined ? {} : { secure: secure === 'auto' ? isRequestSecure : secure }),
    sameSite: sameSite === 'auto' ? (isRequestSecure ? 'none' : 'lax') : (sameSite ?? 'lax'),
  });
}

/** What the `cookie-signature` package makes of an id. */
function signatureOf(sid: string, secret: string): string {
  return createHmac('sha256', secret).update(sid).digest('base64').replace(/=+$/, '');
}

/** A cookie's value as the `cookie` package reads it. */
function decoded(text: string): string {
  const value = text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
  if (!value.includes('%')) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** `serialize` is part of express-session's Cookie and missing from its types. */
function serialize(cookie: session.Cookie, name: string, value: string): string {
  return (cookie as session.Cookie & { serialize(name: string, value: string): string }).serialize(name, value);
}

/** The `cookie` package says "option domain is invalid". */
function attributeIn(message: string): string {
  return /option (\w+)/.exec(message)?.[1] ?? 'value';
}
