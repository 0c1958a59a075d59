import type { OptionFaults } from './option-faults.js';
import { COOKIE_NAME_HINTS } from './option-names.js';
import type { ResolvedCookieOptions } from './resolved-session.options.js';
import { cookieSchema } from './session-options.schema.js';
import { SESSION_DEFAULTS } from './session.defaults.js';

const ROOT = 'cookie';

/**
 * Checks the cookie's options and adds what is missing. The result is meaningless when a fault was found.
 *
 * @param input - what the application gave
 * @param isProduction - whether the cookie is secure unless something else is said
 * @param faults - receives each fault, by its path
 * @internal
 */
export function resolveCookieOptions(
  input: unknown,
  isProduction: boolean,
  faults: OptionFaults,
): ResolvedCookieOptions {
  if (typeof input === 'function') {
    faults.add(
      ROOT,
      'must be an object, not a function. What depends on the request goes to `cookie.forRequest`, a function; the name is fixed.',
    );
    return SESSION_DEFAULTS.cookie;
  }
  const given = input === undefined ? {} : faults.check(cookieSchema, input, { path: ROOT, hints: COOKIE_NAME_HINTS });
  const production = isProduction ? { secure: SESSION_DEFAULTS.productionCookieSecure } : {};
  const cookie = { ...SESSION_DEFAULTS.cookie, ...production, ...given } as ResolvedCookieOptions;
  checkSecurity(cookie, faults);
  checkPrefix(cookie, faults);
  return Object.freeze(cookie);
}

/** Adds a fault for what browsers refuse silently. */
function checkSecurity(cookie: ResolvedCookieOptions, faults: OptionFaults): void {
  if (cookie.secure !== false || faults.has(`${ROOT}.secure`)) return;
  const remedy = 'browsers drop such a cookie. Say secure: true';
  if (cookie.sameSite === 'none') {
    faults.add(`${ROOT}.sameSite`, `cannot be "none" with secure: false; ${remedy}, or sameSite: "lax".`);
  }
  if (cookie.partitioned) faults.add(`${ROOT}.partitioned`, `cannot be true with secure: false; ${remedy}.`);
}

/** RFC 6265bis, section 4.1.3: a name with one of these prefixes is a promise that the browser enforces. */
function checkPrefix(cookie: ResolvedCookieOptions, faults: OptionFaults): void {
  const [prefix] = /^__(host|secure)-/i.exec(cookie.name) ?? [];
  if (prefix === undefined) return;
  const demand = (key: 'secure' | 'path' | 'domain', isMet: boolean, wanted: string): void => {
    if (!isMet && !faults.has(`${ROOT}.${key}`))
      faults.add(
        `${ROOT}.${key}`,
        `must be ${wanted}, as the cookie's name begins with ${prefix}: browsers drop it else.`,
      );
  };
  demand('secure', cookie.secure === true, 'true');
  if (prefix.toLowerCase() !== '__host-') return;
  demand('path', cookie.path === '/', '"/"');
  demand('domain', cookie.domain === undefined, 'left out');
}
