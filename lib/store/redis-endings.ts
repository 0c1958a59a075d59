import { endSession, signOut } from '../scripts/scripts.generated.js';
import type { EndSessionArgs } from '../scripts/scripts.generated.js';
import type { ScriptLink } from '../scripts/script-arguments.js';
import { indexPages } from './redis-index-pages.js';
import type { IndexEntry } from './redis-index-pages.js';
import type { RedisKeyLayout, SessionKeys } from './redis-key-layout.js';
import type { RedisProviders } from './redis-providers.js';
import { MAX_MOVES } from './redis-session.reader.js';
import type { RedisSessionReader } from './redis-session.reader.js';
import { isReserved } from './redis-user-index.js';
import type { RedisUserIndex } from './redis-user-index.js';
import type { EndedSession, SessionEndings, SignOutScope } from './session-repository.js';

/** Which sessions are meant; without a condition any. */
type Conditions = Partial<Omit<EndSessionArgs, 'id' | 'tombstoneMs'>>;

/** How long the mark of a sign-out is kept: longer than ending a million sessions page by page takes. */
const MARK_LIFE_MS = 3_600_000;

/** Settings of endings in Redis. @internal */
export interface RedisEndingsOptions {
  /** How long an ended session's id stays unusable. @unit milliseconds */
  readonly tombstoneMs: number;
  /** How long the mark of a sign-out is kept. @defaultValue 3600000 @unit milliseconds */
  readonly markLifeMs?: number | undefined;
  /** Ends a session elsewhere, too, by its stored id; called again when it fails and the ending is repeated. */
  readonly onEnded?: ((id: string) => Promise<void>) | undefined;
}

const ANY = { user: '', authenticatedBy: 0, createdBy: 0, except: '', reason: 'logout', bars: false };

/**
 * Ends sessions in Redis.
 *
 * @internal
 */
export class RedisEndings implements SessionEndings {
  private readonly markLifeMs: number;

  constructor(
    private readonly link: ScriptLink,
    private readonly layout: RedisKeyLayout,
    private readonly reader: RedisSessionReader,
    private readonly users: RedisUserIndex,
    private readonly providers: RedisProviders,
    private readonly options: RedisEndingsOptions,
  ) {
    this.markLifeMs = options.markLifeMs ?? MARK_LIFE_MS;
  }

  async destroyStored(id: string, userId?: string): Promise<'destroyed' | 'absent'> {
    const ended = await this.end(this.layout.stored(id), {
      reason: 'revoked',
      ...(userId !== undefined && { user: userId }),
    });
    return ended === null ? 'absent' : 'destroyed';
  }

  async signOut(userId: string, { except }: SignOutScope = {}): Promise<readonly string[]> {
    const spared = except === undefined ? '' : await this.lineageOf(except);
    const { ended, mark } = this.layout.user(userId);
    const markedMs = await signOut(this.link, { ended }, { mark, keepMs: this.markLifeMs });
    const conditions = { user: userId, authenticatedBy: markedMs, except: spared, reason: 'revoked' };
    return this.endPages(
      () => this.users.pages(userId),
      (entry) => this.endEntry(entry, conditions),
    );
  }

  async endProvider(provider: string): Promise<readonly EndedSession[]> {
    await this.providers.end(provider);
    const ended: EndedSession[] = [];
    for await (const mark of this.providers.users(provider)) {
      await this.endPages(
        () => indexPages(this.link, this.layout.indexOf(mark)),
        async ({ id }) => {
          const session = await this.reader.load(this.layout.stored(id));
          if (session?.provider !== provider) return null;
          // Another sign-in of the same user meanwhile is not meant.
          const conditions = { user: session.userId ?? '', authenticatedBy: session.authenticatedAtMs ?? 0 };
          const last = await this.end(this.layout.stored(id), { ...conditions, reason: 'revoked' });
          if (last !== null) ended.push({ id: last, userId: session.userId });
          return last;
        },
      );
    }
    return ended;
  }

  async clear(): Promise<number> {
    let count = 0;
    for (const bucket of this.layout.buckets) {
      const ended = this.layout.ended(bucket);
      const createdBy = await signOut(this.link, { ended }, { mark: 'all', keepMs: this.markLifeMs });
      const ids = await this.endPages(
        () => indexPages(this.link, this.layout.live(bucket)),
        ({ id }) => this.end(this.layout.stored(id, bucket), { createdBy, reason: 'revoked' }),
      );
      count += ids.length;
    }
    return count;
  }

  /**
   * Ends a session of a user, or a place that is reserved for one: it cannot be stored any more. Resolves with the stored id of the
   * session that has ended, or with `null`: another user's session that they are about to sign in to stays, and has to find out.
   */
  async evict(entry: IndexEntry, userId: string): Promise<string | null> {
    const ended = await this.end(this.layout.stored(entry.id), { user: userId, reason: 'limit', bars: true });
    if (ended === null) await this.users.removeEntry(entry, userId);
    return ended;
  }

  /**
   * Ends a session, or the one that it was moved to, if that is meant, and takes it out of its user's index. Resolves with the
   * stored id of the one that has ended, or with `null`.
   */
  async end(keys: SessionKeys, conditions: Conditions = {}): Promise<string | null> {
    const user = this.users.keysFor(conditions.user ?? '')?.user;
    let meant = keys;
    for (let moves = 0; moves <= MAX_MOVES; moves++) {
      const { id, session, live, tombstone } = meant;
      const args = { ...ANY, ...conditions, id, tombstoneMs: this.options.tombstoneMs };
      const reply = await endSession(this.link, { session, live, tombstone, user }, args);
      if (reply.outcome === 'moved') {
        meant = this.layout.stored(reply.next);
        continue;
      }
      if (reply.outcome !== 'done') return null;
      if (user === undefined) await this.users.remove(id, reply.user);
      await this.options.onEnded?.(id);
      return id;
    }
    return null;
  }

  /**
   * An entry of a user's index. A place that is reserved is a sign-in under way and stays. Any other id that is not there may be
   * that of a successor under way, and is barred.
   */
  private async endEntry(entry: IndexEntry, conditions: Conditions & { user: string }): Promise<string | null> {
    const keys = this.layout.stored(entry.id);
    const bars = !isReserved(entry);
    const ended = await this.end(keys, { ...conditions, bars });
    if (ended === null && bars && !this.layout.isSingleSlot && !(await this.reader.load(keys))) {
      await this.users.removeEntry(entry, conditions.user);
    }
    return ended;
  }

  /** Passes over an index until one finds nothing to end: a deadline that is moved back meanwhile takes its entry out of a pass. */
  private async endPages(
    pages: () => AsyncGenerator<readonly IndexEntry[]>,
    end: (entry: IndexEntry) => Promise<string | null>,
  ): Promise<readonly string[]> {
    const ended = new Set<string>();
    for (let before = -1; ended.size > before;) {
      before = ended.size;
      for await (const page of pages()) {
        for (const id of await Promise.all(page.map(end))) if (id !== null) ended.add(id);
      }
    }
    return [...ended];
  }

  /** Stored id of the first of the sessions that were moved to this one. */
  private async lineageOf(id: string): Promise<string> {
    const session = await this.reader.load(this.layout.stored(id));
    return session?.lineage ?? id;
  }
}
