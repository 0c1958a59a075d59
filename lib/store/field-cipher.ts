import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
/** The length that GCM is made for: NIST SP 800-38D, section 5.2.1.1. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** `e1:<key>:<base64url of nonce, text, tag>`. No JSON text begins like this. */
const SEALED = /^e1:([\w-]{6}):([\w-]+)$/;
/** What sealing adds to a text, at the most. @unit characters */
export const SEALED_EXTRA = 48;
/** How much longer base64url makes a text. */
export const SEALED_FACTOR = 4 / 3;

/** One key of the ring, with the name that sealed texts carry. @internal */
export interface FieldKey {
  /** Six characters that follow from the key: the order of the ring may change. */
  readonly name: string;
  readonly secret: KeyObject;
}

/** A key with its name. @internal */
export function fieldKey(secret: KeyObject): FieldKey {
  return { secret, name: createHmac('sha256', secret).update('name').digest('base64url').slice(0, 6) };
}

/**
 * Whether a text is a field's JSON, another's sealed text, or sealed with a key that is not in the ring.
 *
 * @internal
 */
export type OpenedText =
  | { readonly outcome: 'opened'; readonly text: string }
  | { readonly outcome: 'plain' | 'forged' }
  | { readonly outcome: 'unknownKey'; readonly key: string };

interface SessionSecrets {
  readonly cipher: Buffer;
  readonly nonce: Buffer;
}

/**
 * Seals and opens the texts of one session: AES-256-GCM, with keys that follow from the ring's key, the application and the
 * session's stored id, and with the field's name as additional data. So a text opens in its own place alone.
 *
 * @remarks
 * The nonce follows from the text (as in SIV, RFC 5297): the same text of the same field is sealed alike. That makes a repeated
 * command the same command, and lets a conflict be found by comparing what is stored. A reader of Redis sees whether a field has
 * become again what it was, and about how long it is; nothing else.
 *
 * @internal
 */
export class SessionCipher {
  private readonly secrets = new Map<FieldKey, SessionSecrets>();

  /**
   * @param keys - the first seals, all open
   * @param context - names the session among all that may share the keys
   */
  constructor(
    private readonly keys: readonly [FieldKey, ...FieldKey[]],
    private readonly context: string,
  ) {}

  /** The text as it is stored. */
  seal(field: string, text: string): string {
    const [key] = this.keys;
    const { cipher: cipherKey, nonce: nonceKey } = this.secretsOf(key);
    const nonce = createHmac('sha256', nonceKey).update(`${field}\0${text}`).digest().subarray(0, NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, cipherKey, nonce).setAAD(Buffer.from(field));
    const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `e1:${key.name}:${sealed.toString('base64url')}`;
  }

  /** What a stored text says. */
  open(field: string, stored: string): OpenedText {
    const [, name, body] = SEALED.exec(stored) ?? [];
    if (name === undefined || body === undefined) return { outcome: stored.startsWith('e1:') ? 'forged' : 'plain' };
    const key = this.keys.find((candidate) => candidate.name === name);
    if (!key) return { outcome: 'unknownKey', key: name };
    const sealed = Buffer.from(body, 'base64url');
    if (sealed.length < NONCE_BYTES + TAG_BYTES) return { outcome: 'forged' };
    const end = sealed.length - TAG_BYTES;
    const decipher = createDecipheriv(ALGORITHM, this.secretsOf(key).cipher, sealed.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(field)).setAuthTag(sealed.subarray(end));
    try {
      const text = decipher.update(sealed.subarray(NONCE_BYTES, end), undefined, 'utf8') + decipher.final('utf8');
      return { outcome: 'opened', text };
    } catch {
      return { outcome: 'forged' };
    }
  }

  private secretsOf(key: FieldKey): SessionSecrets {
    let secrets = this.secrets.get(key);
    if (!secrets) {
      const digest = createHmac('sha512', key.secret).update(`session\0${this.context}`).digest();
      secrets = { cipher: digest.subarray(0, KEY_BYTES), nonce: digest.subarray(KEY_BYTES) };
      this.secrets.set(key, secrets);
    }
    return secrets;
  }
}
