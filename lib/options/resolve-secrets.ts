import type { OptionFaults } from './option-faults.js';
import { describeKind, isArray } from './option-values.js';
import { SESSION_LIMITS } from './session.defaults.js';

const ROOT = 'secret';
const REMEDY = 'Make one with `openssl rand -base64 32` and keep it in the environment, not in the code.';

/**
 * Checks the secrets that sign the cookie; no message shows one. The result is meaningless when a fault was found.
 *
 * @param input - what the application gave: one secret or several
 * @param isProduction - whether a secret must withstand guessing
 * @param faults - told of each fault, by its path
 * @internal
 */
export function resolveSecrets(
  input: unknown,
  isProduction: boolean,
  faults: OptionFaults,
): readonly [string, ...string[]] {
  const minLength = isProduction ? SESSION_LIMITS.productionSecretLength : SESSION_LIMITS.developmentSecretLength;
  const rule = `at least ${minLength} characters${isProduction ? ' in production' : ''}`;
  const isList = isArray(input);
  const secrets: unknown[] = isList ? [...input] : [input];
  if (secrets.length === 0) faults.add(ROOT, `must be one secret or several, not an empty array. ${REMEDY}`);
  secrets.forEach((secret, index) => {
    const path = isList ? `${ROOT}[${index}]` : ROOT;
    if (secret === undefined) faults.add(path, `is missing: it must be text of ${rule}. ${REMEDY}`);
    else if (typeof secret !== 'string')
      faults.add(path, `must be text of ${rule}, not ${describeKind(secret)}. ${REMEDY}`);
    else if (secret === '') faults.add(path, `is empty: it must have ${rule}. ${REMEDY}`);
    else if (secret.length < minLength)
      faults.add(path, `is too short (${secret.length}): it must have ${rule}. ${REMEDY}`);
    else if (secrets.indexOf(secret) < index) {
      faults.add(path, `is the same as ${ROOT}[${secrets.indexOf(secret)}]: give each once, the one that signs first.`);
    }
  });
  return Object.freeze(secrets) as readonly [string, ...string[]];
}
