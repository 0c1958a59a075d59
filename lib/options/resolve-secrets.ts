import type { OptionFaults } from './option-faults.js';
import { describeKind, isArray } from './option-values.js';
import { SESSION_LIMITS } from './session.defaults.js';

const ROOT = 'secret';
/** Of 32 random digits all but one in 10^10 have five different ones; hexadecimal and base64 have more. */
const MIN_DIFFERENT = 5;
const REMEDY = 'Make one with `openssl rand -base64 32` and keep it in the environment, not in the code.';

/**
 * Checks the secrets that sign the cookie; no message shows one. The result is meaningless when a fault was found.
 *
 * @param input - what the application gave: one secret or several
 * @param isProduction - whether a secret must withstand guessing
 * @param faults - receives each fault, by its path
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
    else if (isProduction && isRegular(secret))
      faults.add(path, `can be guessed: it repeats itself. It must have ${rule}, made by chance. ${REMEDY}`);
    else if (secrets.indexOf(secret) < index) {
      faults.add(path, `is the same as ${ROOT}[${secrets.indexOf(secret)}]: give each once, the one that signs first.`);
    }
  });
  return Object.freeze(secrets) as readonly [string, ...string[]];
}

/** Fewer than five different characters, or a shorter text again and again: chance makes neither within 32 characters. */
function isRegular(secret: string): boolean {
  return new Set(secret).size < MIN_DIFFERENT || (secret + secret).indexOf(secret, 1) < secret.length;
}
