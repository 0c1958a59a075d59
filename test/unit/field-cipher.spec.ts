import { createSecretKey, randomBytes } from 'node:crypto';
import { setImmediate as endOfTurn } from 'node:timers/promises';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resolveEncryption } from '../../lib/options/resolve-encryption.js';
import { OptionFaults } from '../../lib/options/option-faults.js';
import { fieldKey, SessionCipher } from '../../lib/store/field-cipher.js';
import { FieldKeyRing } from '../../lib/store/field-key-ring.js';
import { faultsWith, MINIMUM, STRONG } from './options-faults.support.js';
import { resolveSessionOptions } from '../../lib/options/resolve-session-options.js';

const newKey = () => fieldKey(createSecretKey(randomBytes(32)));
const [first, second] = [newKey(), newKey()];
const cipher = new SessionCipher([first], 'app\0session');
const REDIS = { host: '127.0.0.1' };

describe('a sealed text', () => {
  it('is opened where it was sealed, whatever it says', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (...bytes) => {
        const [field, text] = bytes.map((some) => Buffer.from(some).toString()) as [string, string];
        expect(cipher.open(field, cipher.seal(field, text))).toEqual({ outcome: 'opened', text });
      }),
    );
  });

  it('says nothing of the text but its length', () => {
    const sealed = cipher.seal('user', '{"name":"Ada Lovelace"}');
    expect(sealed).toMatch(/^e1:[\w-]{6}:[\w-]+$/);
    expect(Buffer.from(sealed.slice(10), 'base64url').toString('latin1')).not.toMatch(/name|Ada|Lovelace/);
    expect(sealed).toHaveLength(cipher.seal('user', '{"name":"Eve Lovelace"}').length);
  });

  it('is the same for the same text in the same place, and another everywhere else', () => {
    const other = new SessionCipher([first], 'app\0other');
    const neighbour = new SessionCipher([first], 'app2\0session');
    const rotated = new SessionCipher([second, first], 'app\0session');
    const all = [
      cipher.seal('a', '1'),
      cipher.seal('a', '2'),
      cipher.seal('b', '1'),
      ...[other, neighbour, rotated].map((one) => one.seal('a', '1')),
    ];
    expect(new Set(all).size).toBe(all.length);
    expect(new SessionCipher([first], 'app\0session').seal('a', '1')).toBe(all[0]);
  });

  it('is opened in no other field, session, application or with another key', () => {
    const sealed = cipher.seal('role', '"admin"');
    expect(cipher.open('user', sealed)).toEqual({ outcome: 'forged' });
    for (const context of ['app\0other', 'app2\0session', 'app\0session2'])
      expect(new SessionCipher([first], context).open('role', sealed)).toEqual({ outcome: 'forged' });
    expect(new SessionCipher([second], 'app\0session').open('role', sealed)).toEqual({
      outcome: 'unknownKey',
      key: first.name,
    });
    const renamed = sealed.replace(first.name, second.name);
    expect(new SessionCipher([second], 'app\0session').open('role', renamed)).toEqual({ outcome: 'forged' });
  });

  it('is opened with a former key, and sealed anew with the first', () => {
    const rotated = new SessionCipher([second, first], 'app\0session');
    expect(rotated.open('a', cipher.seal('a', '1'))).toEqual({ outcome: 'opened', text: '1' });
    expect(rotated.seal('a', '1')).toContain(second.name);
  });

  it('with any bit changed is forged', () => {
    const sealed = cipher.seal('a', '{"n":1}');
    const body = Buffer.from(sealed.slice(10), 'base64url');
    for (let bit = 0; bit < body.length * 8; bit++) {
      const changed = Buffer.from(body);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(cipher.open('a', sealed.slice(0, 10) + changed.toString('base64url'))).toEqual({ outcome: 'forged' });
    }
    for (let length = 0; length < sealed.length; length++)
      expect(cipher.open('a', sealed.slice(0, length)).outcome).not.toBe('opened');
  });

  it('is told from plain JSON', () => {
    for (const text of ['1', '"e1:x"', '{}', 'null', '']) expect(cipher.open('a', text)).toEqual({ outcome: 'plain' });
  });
});

describe('the keys', () => {
  const key = randomBytes(32);
  const wanted = createSecretKey(key);
  const resolve = (keys: unknown) => {
    const faults = new OptionFaults();
    const resolved = resolveEncryption({ keys }, faults);
    faults.throwIfAny([]);
    return resolved?.keys as readonly (typeof wanted)[];
  };

  it.each([[key], [new Uint8Array(key)], ['hex'], ['base64'], ['base64url']])('may be given as %s', (form) => {
    const given = typeof form === 'string' ? key.toString(form as BufferEncoding) : form;
    expect(resolve([given])[0]?.equals(wanted)).toBe(true);
  });

  it.each([
    [[], 'encryption.keys: must be an array of keys, the first of which encrypts, or a function, not an empty array.'],
    [
      undefined,
      'encryption.keys: must be an array of keys, the first of which encrypts, or a function, not undefined.',
    ],
    [STRONG, 'encryption.keys: must be an array of keys, the first of which encrypts, or a function, not a string.'],
    [
      [STRONG],
      'encryption.keys[0]: must be a key of 32 bytes: a Buffer, or text in base64 or hexadecimal, not text of 32 characters.',
    ],
    [
      [randomBytes(16)],
      'encryption.keys[0]: must be a key of 32 bytes: a Buffer, or text in base64 or hexadecimal, not 16 bytes.',
    ],
    [
      [key, 7],
      'encryption.keys[1]: must be a key of 32 bytes: a Buffer, or text in base64 or hexadecimal, not a number.',
    ],
  ])('cannot be %j', (keys, fault) => {
    const faults = faultsWith({ redis: REDIS, encryption: { keys } });
    expect(faults).toEqual([`${fault} Make one with \`openssl rand -base64 32\` and keep it apart from Redis.`]);
    expect(faults.join()).not.toContain(STRONG);
  });

  it('are given once each, and for Redis only', () => {
    expect(faultsWith({ redis: REDIS, encryption: { keys: [key, key.toString('hex')] } })).toEqual([
      'encryption.keys[1]: is the same as encryption.keys[0]: give each once.',
    ]);
    expect(faultsWith({ encryption: { keys: [key] } })).toEqual([
      'encryption: needs redis: sessions in this process are stored nowhere. Give redis, or leave it out.',
    ]);
    expect(faultsWith({ redis: REDIS, encryption: { keys: [key], refreshMs: 5_000 } })).toEqual([
      'encryption.refreshMs: has an effect with a function as keys only: leave it out.',
    ]);
  });

  it('are shown by neither inspect nor JSON', () => {
    const options = resolveSessionOptions(
      { ...MINIMUM, redis: REDIS, encryption: { keys: [key] } },
      { isProduction: false },
    );
    const shown = inspect(options, { depth: 9, showHidden: true }) + JSON.stringify(options.encryption);
    for (const form of ['hex', 'base64', 'base64url', 'latin1'] as const)
      expect(shown).not.toContain(key.toString(form));
    expect(shown).not.toMatch(key.toString('hex').replace(/(..)(?!$)/g, '$1 '));
  });
});

describe('a provider of keys', () => {
  const ring = (keys: () => unknown, refreshMs = 300_000) => new FieldKeyRing({ keys, refreshMs });
  const [one, two] = [randomBytes(32), randomBytes(32)];

  it('is asked once, however many wait for it', async () => {
    let count = 0;
    const keys = ring(() => Promise.resolve([one, ++count && two]));
    const all = await Promise.all([keys.current(), keys.current(), keys.current()]);
    expect(count).toBe(1);
    expect(new Set(all).size).toBe(1);
    expect(all[0]?.map(({ name }) => name)).toEqual([one, two].map((bytes) => fieldKey(createSecretKey(bytes)).name));
    await keys.current();
    expect(count).toBe(1);
  });

  it.each([
    ['fails', () => Promise.reject(new Error('the vault is closed'))],
    [
      'throws',
      () => {
        throw new Error('the vault is closed');
      },
    ],
    ['brings none', () => []],
    ['brings something else', () => [one, 'short']],
  ])('that %s is an outage, and asked again', async (_what, provider) => {
    let isBroken = true;
    const keys = ring(() => (isBroken ? provider() : [one]));
    await expect(keys.current()).rejects.toMatchObject({ code: 'SESSION_STORE_UNAVAILABLE', reason: 'keys' });
    isBroken = false;
    expect(await keys.current()).toHaveLength(1);
  });

  it('is asked again beside a use when its keys are old, and its failure then does no harm', async () => {
    let current: unknown[] = [one];
    const keys = ring(() => current, -1);
    const before = await keys.current();
    current = [];
    expect(keys.current()).toBe(before);
    await endOfTurn();
    current = [two, one];
    await keys.current();
    await endOfTurn();
    expect(await keys.current()).toHaveLength(2);
  });

  it('is asked for a key that is not known, and not at everybody’s will', async () => {
    let count = 0;
    const keys = ring(() => (count++, [one]));
    await keys.current();
    for (let time = 0; time < 5; time++) await keys.renewed();
    expect(count).toBe(1);
  });
});
