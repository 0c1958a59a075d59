import { inspect } from 'node:util';

/** Options whose values no log may show, wherever they stand. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  'secrets',
  'password',
  'sentinelPassword',
  'tls',
  'sentinelTLS',
  // Of the application: its own options are in it, with the password.
  'client',
]);
const HIDDEN = '[hidden]';

/**
 * Freezes options; `inspect` and `JSON.stringify` show them without secrets, wherever a log comes across them.
 *
 * @internal
 */
export function concealed<T extends object>(options: T): Readonly<T> {
  const show = (): object =>
    Object.fromEntries(
      Object.entries(options).map(([name, value]) => [
        name,
        SECRET_NAMES.has(name) && value ? HIDDEN : (value as unknown),
      ]),
    );
  Object.defineProperties(options, { toJSON: { value: show }, [inspect.custom]: { value: show } });
  return Object.freeze(options);
}
