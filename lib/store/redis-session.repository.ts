import { ChangeTokens } from '../core/session-id.js';
import type { SessionLink } from '../core/session-link.js';
import type { SessionChange, StoredSession, UserLimit } from '../core/session-record.js';
import type { RedisKeyLayout, SessionKeys } from './redis-key-layout.js';
import type { SessionReply } from '../scripts/script-reply.js';
import * as scripts from '../scripts/scripts.generated.js';
import { expectations, fieldName, pairs, smallFlag } from './redis-change-args.js';
import { RedisScriptCalls } from './redis-script-calls.js';
import { cookieCode, parseStoredSession } from './redis-session.record.js';
import { RedisUserIndex } from './redis-user-index.js';
import type { UserChange, UserIndexEntry } from './redis-user-index.js';
import { EXPIRY_PAGE_COUNT } from './session-repository.js';
import type {
  CommitOutcome,
  CreateOutcome,
  SessionRepository,
  StoredState,
  TouchOutcome,
} from './session-repository.js';

/** How many sessions are asked for at a time when all are walked. */
const PAGE_COUNT = 200;

/** Settings of the Redis repository. @internal */
export interface RedisSessionRepositoryOptions {
  /** Longest life of a session, or `null`. @unit milliseconds */
  readonly absoluteTimeoutMs: number | null;
  /** How long an ended session's id stays unusable; longer than any operation may take. @unit milliseconds */
  readonly tombstoneMs: number;
  /** How many sessions one user may have, or `null`. */
  readonly userLimit: UserLimit | null;
}

/**
 * Sessions in Redis: one hash each, one script per change of state.
 *
 * @internal
 */
export class RedisSessionRepository implements SessionRepository {
  private readonly calls: RedisScriptCalls;
  private readonly users: RedisUserIndex;
  private readonly tokens = new ChangeTokens();

  constructor(
    private readonly link: SessionLink,
    private readonly layout: RedisKeyLayout,
    private readonly options: RedisSessionRepositoryOptions,
  ) {
    this.calls = new RedisScriptCalls(link);
    this.users = new RedisUserIndex(this.calls, layout, options.userLimit);
  }

  load(sid: string, signal?: () => AbortSignal): Promise<StoredSession | null> {
    return this.loadFrom(this.layout.session(sid), signal);
  }

  async create(sid: string, change: SessionChange): Promise<CreateOutcome> {
    const keys = this.layout.session(sid);
    // Most changes concern no index but what the script itself keeps: they need not wait for anything else.
    const isIndexed = this.users.isConcernedBy(change);
    const evicted = isIndexed ? await this.makeRoom(keys, change) : [];
    if (!evicted) return { outcome: 'refused' };
    const reply = await this.calls.change(scripts.createSession, this.keysOf(keys, change), [
      this.tokens.next(),
      keys.id,
      change.idleTimeoutMs,
      this.options.absoluteTimeoutMs ?? 0,
      cookieCode(change.cookie ?? ''),
      change.userId ?? '',
      change.about ?? '',
      smallFlag(change),
      ...pairs(change.set),
    ]);
    if (!reply.done) return { outcome: reply.reason === 'ended' ? 'ended' : 'exists' };
    if (isIndexed) await this.users.complete(keys, change);
    return { outcome: 'created', ...stateOf(reply), evicted, expired: reply.rest.slice(2).map(String) };
  }

  async commit(sid: string, change: SessionChange): Promise<CommitOutcome> {
    const keys = this.layout.session(sid);
    const isIndexed = this.users.isConcernedBy(change);
    const evicted = isIndexed ? await this.makeRoom(keys, change) : [];
    if (!evicted) return { outcome: 'refused' };
    const reply = await this.calls.change(scripts.commitSession, this.keysOf(keys, change), [
      this.tokens.next(),
      keys.id,
      change.idleTimeoutMs,
      this.options.tombstoneMs,
      change.cookie === null ? '-' : cookieCode(change.cookie ?? ''),
      change.userId ?? '',
      change.owner ?? '',
      change.about ?? '',
      smallFlag(change),
      change.keepsUser ? 1 : 0,
      change.set.size,
      change.remove.length,
      ...pairs(change.set),
      ...change.remove.map(fieldName),
      ...expectations(change),
    ]);
    if (!reply.done) return refusal(reply.reason, reply.names);
    if (isIndexed && change.isSignIn) await this.users.complete(keys, change);
    const [user, former] = [String(reply.rest[2] ?? ''), String(reply.rest[3] ?? '')];
    if (user !== (change.userId ?? '') || former !== user) await this.settleUsers(keys, change, user, former);
    return { outcome: 'committed', ...stateOf(reply), evicted, expired: [] };
  }

  async replace(sid: string, change: SessionChange): Promise<StoredState> {
    const keys = this.layout.session(sid);
    const isIndexed = this.users.isConcernedBy(change);
    if (isIndexed) await this.users.prepare(keys, change);
    const reply = await this.calls.change(scripts.replaceSession, this.keysOf(keys, change), [
      this.tokens.next(),
      keys.id,
      change.idleTimeoutMs,
      this.options.tombstoneMs,
      this.options.absoluteTimeoutMs ?? 0,
      cookieCode(change.cookie ?? ''),
      change.userId ?? '',
      smallFlag(change),
      ...pairs(change.set),
    ]);
    if (!reply.done) return { remainingMs: 0, version: 0 };
    if (isIndexed) await this.users.complete(keys, change);
    await this.settleUsers(keys, change, change.userId ?? '', String(reply.rest[2] ?? ''));
    return stateOf(reply);
  }

  async touch(sid: string, idleTimeoutMs: number, userId: string | null): Promise<TouchOutcome> {
    const keys = this.layout.session(sid);
    await this.users.prolong(keys, userId, idleTimeoutMs);
    const scriptKeys = [keys.session, keys.live, ...this.users.keyFor(userId)];
    const reply = await this.calls.change(scripts.touchSession, scriptKeys, [keys.id, idleTimeoutMs, userId ?? '']);
    if (!reply.done) return { outcome: 'gone' };
    const user = String(reply.rest[2]);
    if (user !== (userId ?? '')) await this.settleUsers(keys, { userId, idleTimeoutMs }, user, '');
    return { outcome: 'touched', ...stateOf(reply) };
  }

  async destroy(sid: string): Promise<'destroyed' | 'absent'> {
    return this.end(this.layout.session(sid));
  }

  async destroyStored(id: string): Promise<'destroyed' | 'absent'> {
    return this.end(this.layout.stored(id));
  }

  async rotate(sid: string, graceMs: number): Promise<'rotated' | 'gone'> {
    const keys = this.layout.session(sid);
    const args = [keys.id, graceMs, this.options.tombstoneMs];
    const reply = await this.calls.change(scripts.rotateSession, [keys.session, keys.live, keys.tombstone], args);
    if (!reply.done) return 'gone';
    await this.users.remove(keys.id, String(reply.rest[0] ?? ''));
    return 'rotated';
  }

  async count(): Promise<number> {
    const counts = this.buckets().map((bucket) => this.calls.number(scripts.countSessions, [this.layout.live(bucket)]));
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  }

  async *all(): AsyncIterable<StoredSession> {
    for (const bucket of this.buckets()) {
      for (let start = 0; ; start += PAGE_COUNT) {
        const ids = await this.page(bucket, start);
        for (const session of await Promise.all(ids.map((id) => this.loadFrom(this.layout.stored(id))))) {
          if (session) yield session;
        }
        if (ids.length < PAGE_COUNT) break;
      }
    }
  }

  async clear(): Promise<number> {
    let count = 0;
    for (const bucket of this.buckets()) {
      // Every ended session leaves the index, so the first page is always the next one.
      for (let ids = await this.page(bucket, 0); ids.length > 0; ids = await this.page(bucket, 0)) {
        const outcomes = await Promise.all(ids.map((id) => this.destroyStored(id)));
        count += outcomes.filter((outcome) => outcome === 'destroyed').length;
      }
    }
    return count;
  }

  async listByUser(userId: string): Promise<readonly StoredSession[]> {
    const entries = await this.users.entries(userId);
    const loaded = await Promise.all(entries.map((entry) => this.loadEntry(entry, userId)));
    return loaded.filter((session) => session !== null).sort((a, b) => a.createdAtMs - b.createdAtMs);
  }

  async lock(sid: string, owner: string, ttlMs: number): Promise<number> {
    return this.calls.number(scripts.lockSession, [this.layout.session(sid).lock], [owner, ttlMs]);
  }

  async unlock(sid: string, owner: string): Promise<void> {
    await this.calls.number(scripts.unlockSession, [this.layout.session(sid).lock], [owner]);
  }

  async expire(): Promise<readonly string[]> {
    const pages = this.buckets().map((bucket) =>
      this.calls.texts(scripts.expireSessions, [this.layout.live(bucket)], [EXPIRY_PAGE_COUNT]),
    );
    return (await Promise.all(pages)).flat();
  }

  /** Ends what has to end before this session gets its user; `null` when the user may have no more sessions. */
  private async makeRoom(keys: SessionKeys, change: UserChange): Promise<readonly string[] | null> {
    let surplus = await this.users.prepare(keys, change);
    if (!surplus) {
      // The index may name sessions that have ended: walking it takes them out.
      await this.listByUser(change.userId);
      surplus = await this.users.prepare(keys, change);
    }
    for (const id of surplus ?? []) {
      await this.destroyStored(id);
      await this.users.remove(id, change.userId);
    }
    return surplus;
  }

  private loadFrom(keys: SessionKeys, signal?: () => AbortSignal): Promise<StoredSession | null> {
    const reply = this.link.execute({ run: 'hgetall', keys: [keys.session], args: [] }, { signal });
    return reply.then((hash) => parseStoredSession(keys.id, hash, this.link.nowMs()));
  }

  private async end(keys: SessionKeys): Promise<'destroyed' | 'absent'> {
    const scriptKeys = [keys.session, keys.live, keys.tombstone];
    const reply = await this.calls.change(scripts.destroySession, scriptKeys, [keys.id, this.options.tombstoneMs]);
    if (!reply.done) return 'absent';
    await this.users.remove(keys.id, String(reply.rest[0] ?? ''));
    return 'destroyed';
  }

  private keysOf(keys: SessionKeys, { owner, userId }: SessionChange): readonly string[] {
    const lock = owner === undefined ? [] : [keys.lock];
    return [keys.session, keys.live, keys.tombstone, ...lock, ...this.users.keyFor(userId)];
  }

  /** The session of an index's entry; an entry that is outdated goes. */
  private async loadEntry(entry: UserIndexEntry, userId: string): Promise<StoredSession | null> {
    const session = await this.loadFrom(this.layout.stored(entry.id));
    if (session?.userId === userId && !session.isRotated) return session;
    await this.users.removeEntry(entry, userId);
    return null;
  }

  /** Sets right the indexes of those who are, were, or were taken for the user of a session that was written. */
  private async settleUsers(
    keys: SessionKeys,
    { userId, idleTimeoutMs }: Pick<SessionChange, 'userId' | 'idleTimeoutMs'>,
    user: string,
    former: string,
  ): Promise<void> {
    if (idleTimeoutMs <= 0) return this.users.remove(keys.id, former);
    const doubtful = new Set([former, userId ?? '', user]);
    doubtful.delete('');
    if (user === userId) doubtful.delete(user);
    // Another request has changed whose session it is, and this one has moved the deadline.
    else if (user !== '') await this.users.follow(keys, user, idleTimeoutMs);
    for (const one of doubtful) {
      // By way of the entry: whose session it is may have changed again meanwhile.
      const entry = (await this.users.entries(one)).find(({ id }) => id === keys.id);
      if (entry) await this.loadEntry(entry, one);
    }
  }

  private async page(bucket: number, start: number): Promise<readonly string[]> {
    return this.calls.texts(scripts.pageSessions, [this.layout.live(bucket)], [start, PAGE_COUNT]);
  }

  private buckets(): readonly number[] {
    return Array.from({ length: this.layout.bucketCount }, (_, bucket) => bucket);
  }
}

function stateOf(reply: SessionReply & { readonly done: true }): StoredState {
  const [version, deadlineMs] = reply.rest;
  return { version: Number(version), remainingMs: Math.max(0, Number(deadlineMs) - reply.nowMs) };
}

function refusal(reason: string, names: readonly string[]): CommitOutcome {
  if (reason === 'conflict') return { outcome: 'conflict', fields: names.map((name) => name.slice(2)) };
  return { outcome: reason === 'lock' ? 'lockLost' : 'gone' };
}
