import { changeToken } from '../core/session-id.js';
import type { SessionLink } from '../core/session-link.js';
import type { SessionChange, StoredSession } from '../core/session-record.js';
import type { Script } from '../core/script.js';
import type { RedisKeyLayout, SessionKeys } from '../redis/redis-key-layout.js';
import type { SessionReply } from '../scripts/script-reply.js';
import { numberReply, sessionReply, textsReply } from '../scripts/script-reply.js';
import * as scripts from '../scripts/scripts.generated.js';
import { parseStoredSession } from './redis-session.record.js';
import type { CommitOutcome, CreateOutcome, SessionRepository, StoredState, TouchOutcome } from './session-repository.js';

/** How many sessions are asked for at a time when all are walked. */
const PAGE_COUNT = 200;

/** Settings of the Redis repository. @internal */
export interface RedisSessionRepositoryOptions {
  /** Longest life of a session, or `null`. @unit milliseconds */
  readonly absoluteTimeoutMs: number | null;
  /** How long an ended session's id stays unusable; longer than any operation may take. @unit milliseconds */
  readonly tombstoneMs: number;
}

/**
 * Sessions in Redis: one hash each, one script per change of state.
 *
 * @internal
 */
export class RedisSessionRepository implements SessionRepository {
  constructor(
    private readonly link: SessionLink,
    private readonly layout: RedisKeyLayout,
    private readonly options: RedisSessionRepositoryOptions,
  ) {}

  async load(sid: string): Promise<StoredSession | null> {
    return this.loadFrom(this.layout.session(sid));
  }

  async create(sid: string, change: SessionChange): Promise<CreateOutcome> {
    const keys = this.layout.session(sid);
    await this.indexUserFirst(keys, change.userId, change.idleTimeoutMs);
    const reply = await this.change(scripts.createSession, this.keysOf(keys, change.userId), [
      changeToken(),
      keys.id,
      change.idleTimeoutMs,
      this.options.absoluteTimeoutMs ?? 0,
      change.cookie ?? '',
      change.userId ?? '',
      ...pairs(change.set),
    ]);
    return reply ? { outcome: 'created', ...stateOf(reply) } : { outcome: 'exists' };
  }

  async commit(sid: string, change: SessionChange): Promise<CommitOutcome> {
    const keys = this.layout.session(sid);
    await this.indexUserFirst(keys, change.userId, change.idleTimeoutMs);
    const reply = await this.change(scripts.commitSession, this.keysOf(keys, change.userId), [
      changeToken(),
      keys.id,
      change.idleTimeoutMs,
      this.options.tombstoneMs,
      change.cookie === null ? '-' : (change.cookie ?? ''),
      change.userId ?? '',
      change.set.size,
      ...pairs(change.set),
      ...change.remove.map((name) => `d:${name}`),
    ]);
    if (!reply) return { outcome: 'gone' };
    await this.unindexFormerUser(keys, reply, change);
    return { outcome: 'committed', ...stateOf(reply) };
  }

  async replace(sid: string, change: SessionChange): Promise<StoredState> {
    const keys = this.layout.session(sid);
    await this.indexUserFirst(keys, change.userId, change.idleTimeoutMs);
    const reply = await this.change(scripts.replaceSession, this.keysOf(keys, change.userId), [
      changeToken(),
      keys.id,
      change.idleTimeoutMs,
      this.options.tombstoneMs,
      this.options.absoluteTimeoutMs ?? 0,
      change.cookie ?? '',
      change.userId ?? '',
      ...pairs(change.set),
    ]);
    if (!reply) return { remainingMs: 0, version: 0 };
    await this.unindexFormerUser(keys, reply, change);
    return stateOf(reply);
  }

  async touch(sid: string, idleTimeoutMs: number, userId: string | null): Promise<TouchOutcome> {
    const keys = this.layout.session(sid);
    await this.indexUserFirst(keys, userId, idleTimeoutMs);
    const index = userId !== null && this.layout.isSingleSlot ? [this.layout.user(userId)] : [];
    const reply = await this.change(scripts.touchSession, [keys.session, keys.live, ...index], [keys.id, idleTimeoutMs]);
    return reply ? { outcome: 'touched', ...stateOf(reply) } : { outcome: 'gone' };
  }

  async destroy(sid: string): Promise<'destroyed' | 'absent'> {
    return this.destroyStored(this.layout.session(sid));
  }

  async count(): Promise<number> {
    const script = scripts.countSessions;
    const counts = this.buckets().map(async (bucket) =>
      numberReply(script, await this.link.execute({ run: script, keys: [this.layout.live(bucket)], args: [] })),
    );
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  }

  async *all(): AsyncIterable<StoredSession> {
    for (const bucket of this.buckets()) {
      for (let start = 0; ; start += PAGE_COUNT) {
        const ids = await this.page(bucket, start);
        for (const session of await Promise.all(ids.map((id) => this.loadFrom(this.layout.stored(id, bucket))))) {
          if (session) yield session;
        }
        if (ids.length < PAGE_COUNT) break;
      }
    }
  }

  async clear(): Promise<number> {
    let count = 0;
    for (const bucket of this.buckets()) {
      // Every destroyed session leaves the index, so the first page is always the next one.
      for (let ids = await this.page(bucket, 0); ids.length > 0; ids = await this.page(bucket, 0)) {
        const outcomes = await Promise.all(ids.map((id) => this.destroyStored(this.layout.stored(id, bucket))));
        count += outcomes.filter((outcome) => outcome === 'destroyed').length;
      }
    }
    return count;
  }

  private async loadFrom(keys: SessionKeys): Promise<StoredSession | null> {
    const reply = await this.link.execute({ run: 'hgetall', keys: [keys.session], args: [] });
    return parseStoredSession(keys.id, reply, this.link.nowMs());
  }

  private async destroyStored(keys: SessionKeys): Promise<'destroyed' | 'absent'> {
    const reply = await this.change(
      scripts.destroySession,
      [keys.session, keys.live, keys.tombstone],
      [keys.id, this.options.tombstoneMs],
    );
    if (!reply) return 'absent';
    await this.unindexUser(keys, String(reply.rest[0] ?? ''));
    return 'destroyed';
  }

  private async change(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<SessionReply | null> {
    return sessionReply(script, await this.link.execute({ run: script, keys, args: args.map(String) }));
  }

  private keysOf(keys: SessionKeys, userId: string | null): readonly string[] {
    const own = [keys.session, keys.live, keys.tombstone];
    return userId !== null && this.layout.isSingleSlot ? [...own, this.layout.user(userId)] : own;
  }

  /** In Cluster the user's index lives elsewhere: entered before and taken out after, so that it never misses a session. */
  private async indexUserFirst(keys: SessionKeys, userId: string | null, idleTimeoutMs: number): Promise<void> {
    if (userId === null || this.layout.isSingleSlot || idleTimeoutMs <= 0) return;
    const script = scripts.indexUser;
    await this.link.execute({ run: script, keys: [this.layout.user(userId)], args: [keys.id, String(idleTimeoutMs)] });
  }

  private async unindexFormerUser(keys: SessionKeys, reply: SessionReply, change: SessionChange): Promise<void> {
    const former = String(reply.rest[2] ?? '');
    if (former !== change.userId || change.idleTimeoutMs <= 0) await this.unindexUser(keys, former);
  }

  private async unindexUser(keys: SessionKeys, userId: string): Promise<void> {
    if (userId === '') return;
    await this.link.execute({ run: scripts.unindexUser, keys: [this.layout.user(userId)], args: [keys.id] });
  }

  private async page(bucket: number, start: number): Promise<readonly string[]> {
    const script = scripts.pageSessions;
    const reply = await this.link.execute({
      run: script,
      keys: [this.layout.live(bucket)],
      args: [String(start), String(PAGE_COUNT)],
    });
    return textsReply(script, reply);
  }

  private buckets(): readonly number[] {
    return Array.from({ length: this.layout.bucketCount }, (_, bucket) => bucket);
  }
}

function stateOf(reply: SessionReply): StoredState {
  const [version, deadlineMs] = reply.rest;
  return { version: Number(version), remainingMs: Math.max(0, Number(deadlineMs) - reply.nowMs) };
}

function pairs(fields: ReadonlyMap<string, string>): string[] {
  return [...fields].flatMap(([name, text]) => [`d:${name}`, text]);
}
