import { inBackground } from '../core/background-link.js';
import type { SessionLink } from '../core/session-link.js';
import type { UserLimit } from '../core/session-record.js';
import { RedisDirectory } from './redis-directory.js';
import { RedisEndings } from './redis-endings.js';
import type { RedisEndingsOptions } from './redis-endings.js';
import { RedisImports } from './redis-imports.js';
import type { RedisKeyLayout } from './redis-key-layout.js';
import { RedisLocks } from './redis-locks.js';
import { RedisProviders } from './redis-providers.js';
import { RedisRecords } from './redis-records.js';
import type { RedisRecordsOptions } from './redis-records.js';
import { RedisSessionReader } from './redis-session.reader.js';
import type { UndecodableListener } from './redis-session.reader.js';
import { RedisUserIndex } from './redis-user-index.js';
import type { SessionRepository } from './session-repository.js';

/** Settings of the Redis repository. @internal */
export interface RedisSessionRepositoryOptions extends RedisRecordsOptions, RedisEndingsOptions {
  /** How many sessions one user may have, or `null`. */
  readonly userLimit: UserLimit | null;
  /** Takes note of stored sessions that cannot be read: each counts as none. */
  readonly onUndecodable?: UndecodableListener | undefined;
}

/**
 * Sessions in Redis, over a link.
 *
 * @internal
 */
export class RedisSessionRepository implements SessionRepository {
  readonly records: RedisRecords;
  readonly endings: RedisEndings;
  readonly directory: RedisDirectory;
  readonly locks: RedisLocks;
  readonly imports: RedisImports;

  constructor(link: SessionLink, layout: RedisKeyLayout, options: RedisSessionRepositoryOptions) {
    const background = inBackground(link);
    const reader = new RedisSessionReader(link, layout, options.onUndecodable);
    const users = new RedisUserIndex(link, layout, reader, options.userLimit);
    const providers = new RedisProviders(link, layout);
    this.endings = new RedisEndings(link, layout, reader, users, providers, options);
    this.records = new RedisRecords(link, layout, reader, users, this.endings, providers, options);
    this.directory = new RedisDirectory(link, background, layout, reader, users);
    this.imports = new RedisImports(link, layout, users, options.absoluteTimeoutMs);
    this.locks = new RedisLocks(link, background, layout);
  }
}
