import { MemorySessionRepository } from '../../lib/store/memory-session.repository.js';
import { flat } from '../support/flat-repository.js';
import type { RepositoryUnderTest } from './session-repository.contract.js';

/** In-process repositories: the same application is the same place. */
export function memoryPlaces(): Promise<RepositoryUnderTest> {
  const places = new Map<string, MemorySessionRepository>();
  return Promise.resolve({
    open: ({ absoluteTimeoutMs = null, userLimit = null, application = 'app' } = {}) => {
      const key = `${application} ${absoluteTimeoutMs ?? ''} ${JSON.stringify(userLimit)}`;
      const place =
        places.get(key) ?? new MemorySessionRepository({ absoluteTimeoutMs, tombstoneMs: 60_000, userLimit });
      places.set(key, place);
      return flat(place);
    },
    stop: () => Promise.resolve(),
  });
}
