import { randomBytes } from 'node:crypto';
import { resolveStoreOptions } from '../../lib/options/resolve-session-options.js';
import { EncryptedRepository } from '../../lib/store/encrypted.repository.js';
import { FieldKeyRing } from '../../lib/store/field-key-ring.js';
import { flat } from '../support/flat-repository.js';
import { redisPlaces } from './redis-places.js';
import type { RepositoryUnderTest } from './session-repository.contract.js';

/** Encrypted repositories on one real Redis; all have the same key. */
export async function encryptedPlaces(): Promise<RepositoryUnderTest> {
  const { encryption } = resolveStoreOptions({
    application: 'contract',
    redis: {},
    encryption: { keys: [randomBytes(32)] },
  });
  if (!encryption) throw new Error('unreachable: it was given');
  const { open, stop } = await redisPlaces(1);
  return {
    open: (options = {}) => {
      const settings = { application: options.application ?? 'app', acceptPlaintext: false };
      return flat(new EncryptedRepository(open(options), new FieldKeyRing(encryption), settings));
    },
    stop,
  };
}
