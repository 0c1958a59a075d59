import { createSecretKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { OptionFaults } from './option-faults.js';
import { describeKind, isArray, isObject } from './option-values.js';
import type { EncryptionOptions } from './resolved-session.options.js';
import { SESSION_DEFAULTS } from './session.defaults.js';
import { encryptionSchema } from './session-options.schema.js';

const PATH = 'encryption';
const KEY_BYTES = 32;
const RULE = 'a key of 32 bytes: a Buffer, or text in base64 or hexadecimal';
const REMEDY = 'Make one with `openssl rand -base64 32` and keep it apart from Redis.';

/**
 * Encryption of what is stored; no message shows a key.
 *
 * @internal
 */
export function resolveEncryption(given: unknown, faults: OptionFaults): EncryptionOptions | null {
  if (given === undefined) return null;
  if (!isObject(given)) {
    faults.add(PATH, `must be an object { keys }, not ${describeKind(given)}.`);
    return null;
  }
  const { keys, acceptPlaintext, refreshMs } = faults.check(encryptionSchema, given, { path: PATH });
  const { encryption: defaults } = SESSION_DEFAULTS;
  if (typeof keys !== 'function' && refreshMs !== undefined) {
    faults.add(`${PATH}.refreshMs`, 'has an effect with a function as keys only: leave it out.');
  }
  return Object.freeze({
    keys: typeof keys === 'function' ? (keys as () => unknown) : resolveKeys(keys, faults),
    acceptPlaintext: acceptPlaintext ?? defaults.acceptPlaintext,
    refreshMs: refreshMs ?? defaults.refreshMs,
  });
}

function resolveKeys(given: unknown, faults: OptionFaults): readonly KeyObject[] {
  const path = `${PATH}.keys`;
  if (faults.has(path)) return [];
  if (!isArray(given) || given.length === 0) {
    const shown = isArray(given) ? 'an empty array' : describeKind(given);
    faults.add(path, `must be an array of keys, the first of which encrypts, or a function, not ${shown}. ${REMEDY}`);
    return [];
  }
  const keys = given.map((value, index) => {
    const key = encryptionKey(value);
    if (!key) faults.add(`${path}[${index}]`, `must be ${RULE}, not ${describeKey(value)}. ${REMEDY}`);
    return key;
  });
  keys.forEach((key, index) => {
    const first = keys.findIndex((other) => key && other?.equals(key));
    if (key && first < index) faults.add(`${path}[${index}]`, `is the same as ${path}[${first}]: give each once.`);
  });
  return Object.freeze(keys.filter((key) => key !== null));
}

/** The key that a value stands for, or `null`; a key object shows its bytes to nobody. @internal */
export function encryptionKey(value: unknown): KeyObject | null {
  const bytes = value instanceof Uint8Array ? value : typeof value === 'string' ? bytesOf(value) : null;
  return bytes?.length === KEY_BYTES ? createSecretKey(bytes) : null;
}

function bytesOf(text: string): Buffer | null {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  return /^[\w+/-]{43}=?$/.test(text) ? Buffer.from(text, 'base64') : null;
}

function describeKey(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return typeof value === 'string' && value !== '' ? `text of ${value.length} characters` : describeKind(value);
}
