import session from 'express-session';
import type { CookieOptions } from 'express-session';
import { SessionCookieError } from '../errors/session-cookie.error.js';
import { SESSION_LIMITS } from '../options/session.defaults.js';
import type { SessionCookieOptions } from '../options/session.options.js';

/** The attributes that a configuration gives a cookie, beside its life. */
const ATTRIBUTES = ['path', 'httpOnly', 'secure', 'sameSite', 'domain', 'partitioned', 'priority'] as const;

const { maxCookieLifeMs } = SESSION_LIMITS;

type Attribute = (typeof ATTRIBUTES)[number];

/** A cookie as a store keeps it. @internal */
export type StoredCookie = Readonly<Record<string, unknown>>;

/** The constructor of express-session's `Cookie`, with the members that its types leave out. */
interface CookieShape extends Omit<session.Cookie, 'maxAge' | 'expires' | Attribute>, Record<Attribute, unknown> {
  _expires: Date | null | boolean;
  maxAge: number | null | undefined;
  expires: Date | null | undefined;
  readonly data: Record<string, unknown>;
  toJSON(): Record<string, unknown>;
}

const ExpressCookie = session.Cookie as unknown as new (options?: object) => CookieShape;

/**
 * The cookie of a live session: express-session's, which remembers when it was given what no cookie can have, and knows which of
 * its attributes are the session's own. Those stay when the configuration changes; all others follow it.
 *
 * @internal
 */
export class SessionCookie extends ExpressCookie {
  readonly #form: Readonly<Partial<Record<string, unknown>>>;
  readonly #own: readonly string[];
  readonly #lifeMs: unknown;
  #fault: SessionCookieError | undefined;

  /**
   * @param form - its attributes to begin with
   * @param stored - as the store has it: life and own attributes
   * @param expiresAtMs - when a cookie with a life ends
   */
  constructor(form: CookieOptions, stored?: StoredCookie, expiresAtMs = 0) {
    super();
    this.#form = form as Partial<Record<string, unknown>>;
    for (const name of ATTRIBUTES) {
      const value = this.#form[name];
      if (value !== undefined && this[name] !== value) this[name] = value;
    }
    const life = stored?.['originalMaxAge'];
    if (typeof life === 'number') {
      this._expires = new Date(expiresAtMs);
      this.originalMaxAge = life;
    }
    this.#own = ownNames(stored);
    this.#lifeMs = this.originalMaxAge ?? null;
  }

  /** Attributes that the application gave to this session alone; `undefined`: none. */
  get own(): readonly string[] | undefined {
    let own = this.#own;
    for (const name of ATTRIBUTES) if (this[name] !== this.#form[name] && !own.includes(name)) own = [...own, name];
    return own.length > 0 ? own : undefined;
  }

  /** Whether the application has given it another life or other attributes in this request. */
  get isChanged(): boolean {
    const isSame = ATTRIBUTES.every((name) => this[name] === this.#form[name]);
    return !isSame || (this.originalMaxAge ?? null) !== this.#lifeMs;
  }

  override get maxAge(): number | null | undefined {
    return this._expires instanceof Date ? this._expires.valueOf() - Date.now() : (this._expires as null);
  }

  /** In one step: express-session asks the clock twice, so that a millisecond is lost each time. */
  override set maxAge(ms: number | null | undefined) {
    const given: unknown = ms;
    // express-session's own error, and its own leniency.
    if (given && typeof given !== 'number' && !(given instanceof Date)) {
      throw new TypeError('maxAge must be a number or Date');
    }
    if (typeof ms !== 'number') {
      this.expires = ms;
      return;
    }
    const date = new Date(Date.now() + ms);
    if (!this.#isValid('maxAge', date, ms)) return;
    const lifeMs = Math.min(ms, maxCookieLifeMs);
    this._expires = new Date(Date.now() + lifeMs);
    this.originalMaxAge = lifeMs;
  }

  override get expires(): Date | null | undefined {
    return this._expires as Date | null;
  }

  override set expires(date: Date | null | undefined) {
    if (date instanceof Date && !this.#isValid('expires', date, date)) return;
    // Longer than browsers keep a cookie, nobody has one.
    const latest = new Date(Date.now() + maxCookieLifeMs);
    this._expires = (date instanceof Date && date > latest ? latest : date) as null;
    this.originalMaxAge = this.maxAge as number | null;
  }

  /**
   * Looks whether what was assigned can be sent: before anything is stored.
   *
   * @throws SessionCookieError when it cannot; its stack is that of the assignment.
   */
  check(): void {
    if (this.#fault) throw this.#fault;
  }

  #isValid(attribute: string, date: Date, given: unknown): boolean {
    const isValid = !Number.isNaN(date.valueOf());
    const reason = 'it must be a finite number of milliseconds or a valid date';
    // express-session's constructor comes here before there is anything of ours.
    if (#fault in this)
      this.#fault = isValid ? undefined : new SessionCookieError(attribute, `${reason}, not ${String(given)}`);
    return isValid;
  }

  override toJSON(): Record<string, unknown> {
    const { own, data } = this;
    return own ? { ...data, own } : data;
  }
}

/**
 * The attributes of a stored session's cookie: the session's own, and else the configuration's. What depends on the request (`auto`,
 * `forRequest`) stays as it was, but a connection that is secure now makes the cookie secure.
 *
 * @internal
 */
export function restoredForm(options: SessionCookieOptions, form: CookieOptions, stored: StoredCookie): CookieOptions {
  const known = form as Readonly<Record<string, unknown>>;
  // Nearly always: nothing is made for it then.
  if (stored['own'] === undefined && isSameForm(stored, known)) return form;
  const own = ownNames(stored);
  const restored: Record<string, unknown> = {};
  for (const name of ATTRIBUTES) {
    const before = stored[name] ?? undefined;
    const isKept = own.includes(name) || (before !== undefined && dependsOnRequest(options, name));
    restored[name] =
      isKept && !(name === 'secure' && form.secure === true && !own.includes(name)) ? before : known[name];
  }
  return restored;
}

function isSameForm(stored: StoredCookie, known: Readonly<Record<string, unknown>>): boolean {
  for (const name of ATTRIBUTES) if ((stored[name] ?? undefined) !== known[name]) return false;
  return true;
}

/** Whether it is a cookie of ours: an application may put another one in its place. @internal */
export function isSessionCookie(cookie: unknown): cookie is SessionCookie {
  return cookie instanceof SessionCookie;
}

/** A copy of a cookie that has expired. @internal */
export function expiredCopy(cookie: session.Cookie): session.Cookie {
  const { data } = cookie as session.Cookie & { readonly data: Record<string, unknown> };
  return new ExpressCookie({ ...data, expires: new Date(0) }) as unknown as session.Cookie;
}

function dependsOnRequest({ forRequest, secure, sameSite }: SessionCookieOptions, name: Attribute): boolean {
  if (forRequest) return true;
  return (name === 'secure' && secure === 'auto') || (name === 'sameSite' && sameSite === 'auto');
}

function ownNames(stored: StoredCookie | undefined): readonly string[] {
  const own = stored?.['own'];
  return Array.isArray(own)
    ? own.filter((name): name is string => (ATTRIBUTES as readonly unknown[]).includes(name))
    : NO_NAMES;
}

const NO_NAMES: readonly string[] = [];
