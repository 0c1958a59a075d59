import { describe, expect, it } from 'vitest';
import { resolveSessionOptions } from '../../lib/options/resolve-session-options.js';
import { DEVELOPMENT, faultsWith, MINIMUM, pathsWith, STRONG } from './options-faults.support.js';

const cookieOf = (cookie: unknown) => resolveSessionOptions({ ...MINIMUM, cookie }, DEVELOPMENT).cookie;

describe('The cookie', () => {
  it('takes all that express-session takes for every session', () => {
    const cookie = {
      name: '__Secure-portal.sid',
      path: '/admin',
      domain: '.example.com',
      httpOnly: true,
      secure: true,
      sameSite: 'none',
      maxAge: 3_600_000,
      partitioned: true,
      priority: 'high',
    };
    expect(cookieOf(cookie)).toEqual(cookie);
  });

  it.each([true, false, 'lax', 'strict', 'none', 'auto'])('can have sameSite %s', (sameSite) => {
    expect(cookieOf({ sameSite }).sameSite).toBe(sameSite);
  });

  it.each([
    [{ name: 'a b' }, 'cookie.name'],
    [{ name: 'a;b' }, 'cookie.name'],
    [{ name: '' }, 'cookie.name'],
    [{ path: 'admin' }, 'cookie.path'],
    [{ path: '/a;b' }, 'cookie.path'],
    [{ path: 5 }, 'cookie.path'],
    [{ domain: 'https://example.com' }, 'cookie.domain'],
    [{ domain: 'example.com:80' }, 'cookie.domain'],
    [{ domain: ['a.com'] }, 'cookie.domain'],
    [{ httpOnly: 'yes' }, 'cookie.httpOnly'],
    [{ secure: 'true' }, 'cookie.secure'],
    [{ sameSite: 'Lax' }, 'cookie.sameSite'],
    [{ maxAge: 0 }, 'cookie.maxAge'],
    [{ maxAge: -1 }, 'cookie.maxAge'],
    [{ maxAge: NaN }, 'cookie.maxAge'],
    [{ maxAge: '1h' }, 'cookie.maxAge'],
    [{ maxAge: new Date(0) }, 'cookie.maxAge'],
    [{ partitioned: 1 }, 'cookie.partitioned'],
    [{ priority: 'urgent' }, 'cookie.priority'],
    [{ signed: true }, 'cookie.signed'],
    [{ encode: String }, 'cookie.encode'],
  ])('cannot be %j', (cookie, path) => {
    expect(pathsWith({ cookie })).toEqual([path]);
  });

  it('has no fixed end', () => {
    expect(faultsWith({ cookie: { expires: new Date(0) } })).toEqual([
      'cookie.expires: is not an option here: one fixed date would end all sessions at once; say `maxAge`, in milliseconds.',
    ]);
  });

  it('is no function', () => {
    expect(faultsWith({ cookie: () => ({}) })).toEqual([
      'cookie: must be an object, not a function. What depends on the request goes to `cookie.forRequest`, a function; the name is fixed.',
    ]);
  });

  it('suggests the value that was meant', () => {
    expect(faultsWith({ cookie: { sameSite: 'Strict' } })).toEqual([
      'cookie.sameSite: must be true, false, "lax", "strict", "none" or "auto", not "Strict". Did you mean "strict"?',
    ]);
  });

  it('is secure where browsers demand it', () => {
    expect(faultsWith({ cookie: { secure: false, sameSite: 'none', partitioned: true } })).toEqual([
      'cookie.sameSite: cannot be "none" with secure: false; browsers drop such a cookie. Say secure: true, or sameSite: "lax".',
      'cookie.partitioned: cannot be true with secure: false; browsers drop such a cookie. Say secure: true.',
    ]);
    expect(faultsWith({ cookie: { secure: 'auto', sameSite: 'none' } })).toEqual([]);
  });

  it('keeps what the prefix of its name promises', () => {
    const host = { name: '__Host-sid', secure: true };
    expect(faultsWith({ cookie: host })).toEqual([]);
    expect(faultsWith({ cookie: { name: '__Host-sid', path: '/a', domain: 'a.com' } })).toEqual([
      "cookie.secure: must be true, as the cookie's name begins with __Host-: browsers drop it else.",
      'cookie.path: must be "/", as the cookie\'s name begins with __Host-: browsers drop it else.',
      "cookie.domain: must be left out, as the cookie's name begins with __Host-: browsers drop it else.",
    ]);
    expect(pathsWith({ cookie: { ...host, path: '/a' } })).toEqual(['cookie.path']);
    expect(pathsWith({ cookie: { ...host, domain: 'a.com' } })).toEqual(['cookie.domain']);
    expect(pathsWith({ cookie: { ...host, name: '__secure-sid', secure: 'auto' } })).toEqual(['cookie.secure']);
    expect(faultsWith({ cookie: { name: '__Secure-sid', secure: true, path: '/a', domain: 'a.com' } })).toEqual([]);
  });

  it('is compared only as far as it is right', () => {
    expect(pathsWith({ cookie: { name: '__Host-sid', secure: 'yes', path: 7 } })).toEqual([
      'cookie.path',
      'cookie.secure',
    ]);
  });

  describe('in production', () => {
    const inProduction = (options: object) =>
      resolveSessionOptions({ application: 'portal', secret: STRONG, ...options }, { isProduction: true });

    it('is secure unless something else is said', () => {
      expect(cookieOf(undefined).secure).toBe('auto');
      expect(inProduction({}).cookie.secure).toBe(true);
      expect(inProduction({ cookie: { name: '__Host-sid' } }).cookie.secure).toBe(true);
      expect(inProduction({ cookie: { secure: 'auto' } }).cookie.secure).toBe('auto');
      expect(inProduction({ cookie: { secure: false } }).cookie.secure).toBe(false);
    });

    it.each([
      [{ secure: 'auto' }, /^`cookie\.secure` is 'auto'.*`secure: true`/],
      [{ secure: false }, /^`cookie\.secure` is false: .*`secure: true`/],
      [{ httpOnly: false }, /^`cookie\.httpOnly` is false: /],
    ])('warns of %j at the start', (cookie, warning) => {
      expect(inProduction({ redis: {}, cookie }).warnings).toEqual([expect.stringMatching(warning)]);
      expect(resolveSessionOptions({ ...MINIMUM, cookie }, DEVELOPMENT).warnings).toEqual([]);
    });

    it('warns of nothing that is well', () => {
      expect(inProduction({ redis: {} }).warnings).toEqual([]);
      expect(inProduction({}).warnings).toEqual([expect.stringContaining('this process only')]);
    });
  });
});
