import { ChangeTokens } from '../core/session-id.js';
import type { SessionChange, StoredSession } from '../core/session-record.js';
import * as scripts from '../scripts/scripts.generated.js';
import type { ScriptLink } from '../scripts/script-arguments.js';
import { expectations, isSmall } from './redis-change-args.js';
import type { RedisEndings } from './redis-endings.js';
import type { RedisKeyLayout, SessionKeys } from './redis-key-layout.js';
import type { RedisSessionReader } from './redis-session.reader.js';
import { cookieCode } from './redis-session.record.js';
import type { RedisUserIndex, UserChange } from './redis-user-index.js';
import type { CommitOutcome, CreateOutcome, SessionRecords, StoredState, TouchOutcome } from './session-repository.js';

/** Settings of the Redis repository. @internal */
export interface RedisRecordsOptions {
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
export class RedisRecords implements SessionRecords {
  private readonly tokens = new ChangeTokens();

  constructor(
    private readonly link: ScriptLink,
    private readonly layout: RedisKeyLayout,
    private readonly reader: RedisSessionReader,
    private readonly users: RedisUserIndex,
    private readonly endings: RedisEndings,
    private readonly options: RedisRecordsOptions,
  ) {}

  load(sid: string, signal?: () => AbortSignal): Promise<StoredSession | null> {
    return this.reader.load(this.layout.session(sid), signal);
  }

  async create(sid: string, change: SessionChange): Promise<CreateOutcome> {
    const keys = this.layout.session(sid);
    // Most changes concern no index but the one that the script itself keeps: they need not wait for anything else.
    const isIndexed = this.users.isConcernedBy(change);
    const evicted = isIndexed ? await this.makeRoom(keys, change) : [];
    if (!evicted) return { outcome: 'refused' };
    const reply = await scripts.createSession(this.link, this.keysOf(keys, change), {
      token: this.tokens.next(),
      id: keys.id,
      idleMs: change.idleTimeoutMs,
      absoluteMs: this.options.absoluteTimeoutMs ?? 0,
      cookie: cookieCode(change.cookie ?? ''),
      user: change.userId ?? '',
      about: change.about ?? '',
      small: isSmall(change),
      set: change.set,
    });
    if (reply.outcome === 'taken') return { outcome: 'exists' };
    if (reply.outcome === 'ended') return { outcome: 'ended' };
    if (isIndexed) await this.users.complete(keys, change);
    return { outcome: 'created', ...stateOf(reply), evicted, expired: reply.expired };
  }

  async commit(sid: string, change: SessionChange): Promise<CommitOutcome> {
    const keys = this.layout.session(sid);
    const isIndexed = this.users.isConcernedBy(change);
    const evicted = isIndexed ? await this.makeRoom(keys, change) : [];
    if (!evicted) return { outcome: 'refused' };
    const lock = change.owner === undefined ? undefined : keys.lock;
    const reply = await scripts.commitSession(
      this.link,
      { ...this.keysOf(keys, change), lock },
      {
        token: this.tokens.next(),
        id: keys.id,
        idleMs: change.idleTimeoutMs,
        tombstoneMs: this.options.tombstoneMs,
        cookie: change.cookie === null ? '-' : cookieCode(change.cookie ?? ''),
        user: change.userId ?? '',
        owner: change.owner ?? '',
        about: change.about ?? '',
        small: isSmall(change),
        keepsUser: change.keepsUser,
        set: change.set,
        remove: change.remove,
        expected: expectations(change),
      },
    );
    if (reply.outcome === 'gone') return { outcome: 'gone' };
    if (reply.outcome === 'lock') return { outcome: 'lockLost' };
    if (reply.outcome === 'conflict') return { outcome: 'conflict', fields: reply.names.map((name) => name.slice(2)) };
    if (isIndexed && change.isSignIn) await this.users.complete(keys, change);
    const { user, former = '' } = reply;
    if (user !== (change.userId ?? '') || former !== user) await this.users.settle(keys, change, user, former);
    return { outcome: 'committed', ...stateOf(reply), evicted, expired: [] };
  }

  async replace(sid: string, change: SessionChange): Promise<StoredState> {
    const keys = this.layout.session(sid);
    const isIndexed = this.users.isConcernedBy(change);
    if (isIndexed) await this.users.prepare(keys, change);
    const reply = await scripts.replaceSession(this.link, this.keysOf(keys, change), {
      token: this.tokens.next(),
      id: keys.id,
      idleMs: change.idleTimeoutMs,
      tombstoneMs: this.options.tombstoneMs,
      absoluteMs: this.options.absoluteTimeoutMs ?? 0,
      cookie: cookieCode(change.cookie ?? ''),
      user: change.userId ?? '',
      small: isSmall(change),
      set: change.set,
    });
    if (isIndexed) await this.users.complete(keys, change);
    await this.users.settle(keys, change, change.userId ?? '', reply.former ?? '');
    return stateOf(reply);
  }

  async touch(sid: string, idleTimeoutMs: number, userId: string | null): Promise<TouchOutcome> {
    const keys = this.layout.session(sid);
    await this.users.prolong(keys, userId, idleTimeoutMs);
    const reply = await scripts.touchSession(
      this.link,
      { session: keys.session, live: keys.live, user: this.users.keyFor(userId) },
      { id: keys.id, idleMs: idleTimeoutMs, user: userId ?? '' },
    );
    if (reply.outcome === 'gone') return { outcome: 'gone' };
    if (reply.user !== (userId ?? '')) await this.users.settle(keys, { userId, idleTimeoutMs }, reply.user, '');
    return { outcome: 'touched', ...stateOf(reply) };
  }

  destroy(sid: string): Promise<'destroyed' | 'absent'> {
    return this.endings.end(this.layout.session(sid), 'logout');
  }

  async rotate(sid: string, graceMs: number): Promise<'rotated' | 'gone'> {
    const { session, live, tombstone, id } = this.layout.session(sid);
    const { tombstoneMs } = this.options;
    const reply = await scripts.rotateSession(this.link, { session, live, tombstone }, { id, graceMs, tombstoneMs });
    if (reply.outcome === 'gone') return 'gone';
    await this.users.remove(id, reply.user);
    return 'rotated';
  }

  /** Ends what has to end before this session gets its user; `null` when the user may have no more sessions. */
  private async makeRoom(keys: SessionKeys, change: UserChange): Promise<readonly string[] | null> {
    let surplus = await this.users.prepare(keys, change);
    if (!surplus) {
      // The index may name sessions that have ended: walking it takes them out.
      await this.users.list(change.userId);
      surplus = await this.users.prepare(keys, change);
    }
    for (const id of surplus ?? []) {
      await this.endings.end(this.layout.stored(id), 'limit');
      await this.users.remove(id, change.userId);
    }
    return surplus;
  }

  private keysOf({ session, live, tombstone }: SessionKeys, { userId }: SessionChange): scripts.CreateSessionKeys {
    return { session, live, tombstone, user: this.users.keyFor(userId) };
  }
}

function stateOf(reply: { readonly nowMs: number; readonly version: number; readonly deadline: number }): StoredState {
  return { version: reply.version, remainingMs: Math.max(0, reply.deadline - reply.nowMs) };
}
