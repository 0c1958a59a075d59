import type { OptionFaults } from './option-faults.js';
import { describeKind, isArray } from './option-values.js';
import type { MigrationOptions, ResolvedCookieOptions } from './resolved-session.options.js';
import { migrationSchema } from './session-options.schema.js';
import { SESSION_DEFAULTS } from './session.defaults.js';
import { concealed } from './concealed.js';

const ROOT = 'migrateFrom';

/** Options that decide over a migration. */
interface Surroundings {
  readonly cookie: ResolvedCookieOptions;
  readonly secrets: readonly string[];
  readonly hasRedis: boolean;
}

/**
 * Where sessions come from that are not here; `null`: nowhere.
 *
 * @internal
 */
export function resolveMigration(
  given: unknown,
  { cookie, secrets, hasRedis }: Surroundings,
  faults: OptionFaults,
): MigrationOptions | null {
  if (given === undefined) return null;
  const { store, mirror, cookieName, secrets: former } = faults.check(migrationSchema, given, { path: ROOT });
  if (faults.has(ROOT)) return null;
  if (store === undefined && cookieName === undefined && former === undefined)
    faults.add(ROOT, 'names nothing to move from: give store, cookieName or secrets.');
  if (store !== undefined && !hasRedis)
    faults.add(`${ROOT}.store`, 'needs redis: sessions are moved there. Give redis, or leave it out.');
  if (mirror && store === undefined) faults.add(`${ROOT}.mirror`, 'needs store: the one that is kept up to date.');
  if (mirror && former !== undefined && cookieName === undefined)
    faults.add(
      `${ROOT}.secrets`,
      'cannot be given with mirror and the same cookie: instances of before would not know who has signed it. Put their ' +
        'secret first in `secret`, and change it once they are gone.',
    );
  if (cookieName === cookie.name) faults.add(`${ROOT}.cookieName`, 'is the name of the cookie now; leave it out.');
  const own = formerSecrets(former, faults);
  return concealed({
    store: store ?? null,
    mirrors: mirror ?? SESSION_DEFAULTS.migrateFrom.mirror,
    cookieName: cookieName ?? null,
    secrets: own.length > 0 ? own : secrets,
  });
}

/** How good they are is no question any more: they verify what they have signed. */
function formerSecrets(given: unknown, faults: OptionFaults): readonly string[] {
  if (given === undefined) return [];
  const list: unknown[] = isArray(given) ? [...given] : [given];
  list.forEach((secret, index) => {
    const path = isArray(given) ? `${ROOT}.secrets[${index}]` : `${ROOT}.secrets`;
    if (typeof secret !== 'string' || secret === '')
      faults.add(path, `must be text that is not empty, not ${describeKind(secret)}.`);
  });
  if (list.length === 0) faults.add(`${ROOT}.secrets`, 'must be one secret or several, not an empty array.');
  return Object.freeze(list) as readonly string[];
}
