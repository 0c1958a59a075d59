import { SessionUnavailableError } from '../errors/session-unavailable.error.js';
import { encryptionKey } from '../options/resolve-encryption.js';
import type { EncryptionOptions } from '../options/resolved-session.options.js';
import { fieldKey } from './field-cipher.js';
import type { FieldKey } from './field-cipher.js';

/** The keys of the ring: the first seals, all open. @internal */
export type FieldKeys = readonly [FieldKey, ...FieldKey[]];

/** A key that is not known is asked for at most this often: whoever writes to Redis could have it asked for at will. */
const UNKNOWN_KEY_PAUSE_MS = 10_000;

/**
 * The keys of the fields, as the option gives them or a provider brings them.
 *
 * @internal
 */
export class FieldKeyRing {
  private keys: FieldKeys | undefined;
  private askedAtMs = -Infinity;
  private asking: Promise<FieldKeys> | undefined;

  constructor(private readonly options: Pick<EncryptionOptions, 'keys' | 'refreshMs'>) {
    if (typeof options.keys !== 'function') this.keys = ringOf(options.keys.map(fieldKey));
  }

  /**
   * The keys. A provider is asked before the first use, and again beside a use once they are older than `refreshMs`.
   *
   * @throws SessionUnavailableError when a provider has never brought any.
   */
  current(): FieldKeys | Promise<FieldKeys> {
    const { keys } = this;
    if (!keys) return this.ask();
    if (this.isOlderThan(this.options.refreshMs)) void this.ask().catch(ignore);
    return keys;
  }

  /** The keys, asked for anew since one was met that is not among them; as they are when that was done a moment ago. */
  async renewed(): Promise<FieldKeys> {
    const { keys } = this;
    if (keys && !this.isOlderThan(UNKNOWN_KEY_PAUSE_MS)) return this.asking ?? keys;
    return this.ask().catch((error: unknown) => {
      if (keys) return keys;
      throw error;
    });
  }

  private isOlderThan(ms: number): boolean {
    return typeof this.options.keys === 'function' && performance.now() - this.askedAtMs > ms;
  }

  private ask(): Promise<FieldKeys> {
    this.asking ??= this.fetch().finally(() => {
      this.asking = undefined;
    });
    return this.asking;
  }

  private async fetch(): Promise<FieldKeys> {
    const { keys: provider } = this.options;
    if (typeof provider !== 'function') return ringOf(provider.map(fieldKey));
    this.askedAtMs = performance.now();
    let given: unknown;
    try {
      given = await provider();
    } catch (cause) {
      throw new SessionUnavailableError('keys', 'The keys of the sessions cannot be fetched', { cause });
    }
    const keys = Array.isArray(given) ? given.map(encryptionKey) : [];
    if (keys.length === 0 || keys.includes(null)) {
      throw new SessionUnavailableError('keys', 'What brings the keys of the sessions must return keys of 32 bytes');
    }
    this.keys = ringOf(keys.flatMap((key) => (key ? [fieldKey(key)] : [])));
    return this.keys;
  }
}

function ringOf([first, ...others]: readonly FieldKey[]): FieldKeys {
  if (!first) throw new Error('unreachable: the options have at least one key');
  return [first, ...others];
}

function ignore(): void {
  // The keys at hand go on; the next use asks again.
}
