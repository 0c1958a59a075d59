import { SessionConfigurationError } from '../../lib/errors/session-configuration.error.js';
import { resolveSessionOptions } from '../../lib/options/resolve-session-options.js';

/** What every application gives at least. */
export const MINIMUM = { application: 'portal', secret: 'a secret of the tests' };

/** A secret that is good enough for production. */
export const STRONG = '0H+7bXnqzYw5JrUe3kVtLm9sPd2cGa8f';

export const DEVELOPMENT = { isProduction: false };

/** The faults that a call tells of, as `path: message`. */
export function faultsOf(call: () => unknown): string[] {
  try {
    call();
  } catch (error) {
    if (!(error instanceof SessionConfigurationError)) throw error;
    return error.faults.map(({ path, message }) => `${path}: ${message}`);
  }
  return [];
}

/** The faults of module options that are right but for the ones given. */
export function faultsWith(options: object): string[] {
  return faultsOf(() => resolveSessionOptions({ ...MINIMUM, ...options }, DEVELOPMENT));
}

/** The paths of the faults of module options that are right but for the ones given. */
export function pathsWith(options: object): string[] {
  return faultsWith(options).map((fault) => fault.slice(0, fault.indexOf(': ')));
}
