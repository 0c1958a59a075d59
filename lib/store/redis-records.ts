import { ChangeTokens } from '../core/session-id.js';
import type { SessionChange, StoredSession } from '../core/session-record.js';
import * as scripts from '../scripts/scripts.generated.js';
import type { ScriptLink } from '../scripts/script-arguments.js';
import { PLAIN_SIGN_IN } from './plain-sign-in.js';
import { authenticationText, expectations, isSmall, restorable } from './redis-change-args.js';
import type { RedisEndings } from './redis-endings.js';
import type { RedisKeyLayout, SessionKeys } from './redis-key-layout.js';
import type { RedisProviders } from './redis-providers.js';
import type { RedisSessionReader } from './redis-session.reader.js';
import { cookieCode } from './redis-session.reader.js';
import type { RedisUserIndex, UserChange } from './redis-user-index.js';
import { RedisUserLimits } from './redis-user-limits.js';
import type {
  CommitOutcome,
  CreateOutcome,
  MoveOutcome,
  SessionMove,
  SessionRecords,
  SessionSource,
  StoredState,
  TouchOutcome,
} from './session-repository.js';

/** How often a move begins anew because another request has changed whose session it is. */
const MAX_USER_CHANGES = 5;

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
  private readonly limits: RedisUserLimits;
  private readonly commits: ScriptLink;

  constructor(
    private readonly link: ScriptLink,
    private readonly layout: RedisKeyLayout,
    private readonly reader: RedisSessionReader,
    private readonly users: RedisUserIndex,
    private readonly endings: RedisEndings,
    private readonly providers: RedisProviders,
    private readonly options: RedisRecordsOptions,
  ) {
    this.limits = new RedisUserLimits(users, endings);
    this.commits = restorable(link);
  }

  load(sid: string, signal?: () => AbortSignal): Promise<StoredSession | null> {
    return this.reader.load(this.layout.session(sid), signal);
  }

  async create(sid: string, change: SessionChange, source?: SessionSource): Promise<CreateOutcome> {
    const result = await this.providers.around(change, () => this.createOwn(sid, change, source));
    return result ?? (await this.over(sid, { outcome: 'sourceGone' }));
  }

  async commit(sid: string, change: SessionChange): Promise<CommitOutcome> {
    const result = await this.providers.around(change, () => this.commitOwn(sid, change));
    return result ?? (await this.over(sid, { outcome: 'signedOut' }));
  }

  private async createOwn(sid: string, change: SessionChange, source?: SessionSource): Promise<CreateOutcome> {
    const keys = this.layout.session(sid);
    const from = source && source.userId !== null && source.userId === change.userId ? source.sid : undefined;
    const fromKeys = from === undefined ? undefined : this.layout.session(from);
    if (fromKeys && (await this.enterSuccessor(fromKeys, keys, change)) !== change.userId)
      return { outcome: 'sourceGone' };
    const room = await this.limits.makeRoom(keys, change);
    if (!room) return { outcome: 'refused' };
    const reply = await scripts.createSession(
      this.link,
      { ...this.keysOf(keys, change), ended: keys.ended, source: fromKeys?.session },
      {
        token: this.tokens.next(),
        id: keys.id,
        idleMs: change.idleTimeoutMs,
        absoluteMs: this.options.absoluteTimeoutMs ?? 0,
        cookie: cookieCode(change.cookie ?? ''),
        user: change.userId ?? '',
        about: change.about ?? '',
        auth: this.signInOf(change, room.authenticatedAtMs),
        sourced: fromKeys !== undefined,
        small: isSmall(change),
        set: change.set,
      },
    );
    if (reply.outcome === 'source') await this.users.remove(keys.id, change.userId ?? '');
    if (reply.outcome !== 'done') return { outcome: CREATE_OUTCOMES[reply.outcome] };
    if (room.isIndexed) await this.users.complete(keys, change as UserChange);
    return { outcome: 'created', ...stateOf(reply), evicted: room.evicted, expired: reply.expired };
  }

  private async commitOwn(sid: string, change: SessionChange): Promise<CommitOutcome> {
    const keys = this.layout.session(sid);
    const room = await this.limits.makeRoom(keys, change);
    if (!room) return { outcome: 'refused' };
    const auth = change.isSignIn || change.authentication ? this.signInOf(change, room.authenticatedAtMs) : '';
    const own = this.keysOf(keys, change);
    const lock = change.owner === undefined ? undefined : keys.lock;
    const ended = auth === '' || own.user === undefined ? undefined : keys.ended;
    const reply = await scripts.commitSession(
      this.commits,
      { ...own, lock, ended },
      {
        token: this.tokens.next(),
        id: keys.id,
        idleMs: change.idleTimeoutMs,
        tombstoneMs: this.options.tombstoneMs,
        cookie: change.cookie === null ? '-' : cookieCode(change.cookie ?? ''),
        user: change.userId ?? '',
        owner: change.owner ?? '',
        about: change.about ?? '',
        auth,
        small: isSmall(change),
        keepsUser: change.keepsUser,
        maxFields: change.maxFields ?? 0,
        atMost: '',
        set: change.set,
        remove: change.remove,
        expected: expectations(change),
      },
    );
    if (reply.outcome === 'gone') return { outcome: 'gone' };
    if (reply.outcome === 'lock') return { outcome: 'lockLost' };
    if (reply.outcome === 'fields') return { outcome: 'tooManyFields', count: reply.count };
    if (reply.outcome === 'conflict') return { outcome: 'conflict', fields: reply.names.map((name) => name.slice(2)) };
    if (room.isIndexed && change.isSignIn) await this.users.complete(keys, change as UserChange);
    const { user, former = '' } = reply;
    if (user !== (change.userId ?? '') || former !== user) await this.users.settle(keys, change, user, former);
    const evicted = [...room.evicted, ...(await this.limits.keep(keys, change, user))];
    return { outcome: 'committed', ...stateOf(reply), evicted, expired: [] };
  }

  async replace(sid: string, change: SessionChange): Promise<StoredState> {
    const keys = this.layout.session(sid);
    const isIndexed = this.users.isConcernedBy(change);
    const admission = isIndexed ? await this.users.prepare(keys, change) : null;
    const reply = await scripts.replaceSession(
      this.link,
      { ...this.keysOf(keys, change), ended: keys.ended },
      {
        token: this.tokens.next(),
        id: keys.id,
        idleMs: change.idleTimeoutMs,
        tombstoneMs: this.options.tombstoneMs,
        absoluteMs: this.options.absoluteTimeoutMs ?? 0,
        cookie: cookieCode(change.cookie ?? ''),
        user: change.userId ?? '',
        auth: this.signInOf(change, admission?.authenticatedAtMs ?? 0),
        small: isSmall(change),
        set: change.set,
      },
    );
    if (isIndexed) await this.users.complete(keys, change);
    await this.users.settle(keys, change, change.userId ?? '', reply.former ?? '');
    return stateOf(reply);
  }

  async touch(...call: Parameters<SessionRecords['touch']>): Promise<TouchOutcome> {
    const [sid, idleTimeoutMs, userId, provider] = call;
    const work = (): Promise<TouchOutcome> => this.touchOwn(sid, idleTimeoutMs, userId);
    const touched = await this.providers.along({ userId, idleTimeoutMs, provider }, work);
    return touched ?? (await this.over(sid, { outcome: 'gone' }));
  }

  private async touchOwn(sid: string, idleMs: number, userId: string | null): Promise<TouchOutcome> {
    const keys = this.layout.session(sid);
    await this.users.prolong(keys, userId, idleMs);
    const reply = await scripts.touchSession(
      this.link,
      { session: keys.session, live: keys.live, user: this.users.keysFor(userId)?.user },
      { id: keys.id, idleMs, user: userId ?? '' },
    );
    if (reply.outcome === 'gone') return { outcome: 'gone' };
    if (reply.user !== (userId ?? '')) await this.users.settle(keys, { userId, idleTimeoutMs: idleMs }, reply.user, '');
    return { outcome: 'touched', ...stateOf(reply) };
  }

  async destroy(sid: string): Promise<'destroyed' | 'absent'> {
    return (await this.endings.end(this.layout.session(sid))) === null ? 'absent' : 'destroyed';
  }

  successorSid(sid: string, fresh: string): string {
    return this.layout.successorSid(sid, fresh);
  }

  async move(sid: string, move: SessionMove): Promise<MoveOutcome> {
    const moved = await this.providers.around(move.change, () => this.moveOwn(sid, move));
    return moved ?? (await this.over(sid, { outcome: 'gone' }));
  }

  private async moveOwn(sid: string, move: SessionMove): Promise<MoveOutcome> {
    const keys = this.layout.session(sid);
    const next = this.layout.session(move.to);
    let { userId } = move.change;
    for (let tries = 0; tries < MAX_USER_CHANGES; tries++) {
      const user = await this.enterSuccessor(keys, next, { ...move.change, userId });
      if (user === undefined) return { outcome: 'gone' };
      userId = user;
      const reply = await this.runMove(keys, next, move, userId);
      if (reply.outcome === 'done') {
        if (!this.layout.isSingleSlot) await this.users.remove(keys.id, userId ?? '');
        return { outcome: 'moved', ...stateOf(reply), userId };
      }
      // An id that is in use has an entry of its own.
      if (!this.layout.isSingleSlot && reply.outcome !== 'taken') await this.users.remove(next.id, userId ?? '');
      if (reply.outcome !== 'user') return { outcome: MOVE_OUTCOMES[reply.outcome] };
      // Another request has signed somebody in or out meanwhile.
      userId = reply.whose === '' ? null : reply.whose;
    }
    return { outcome: 'gone' };
  }

  /** The identity provider's session is over, and this one with it, or the one that it was moved to. */
  private over<T>(sid: string, outcome: T): Promise<T> {
    return this.destroy(sid).then(() => outcome);
  }

  private runMove(
    keys: SessionKeys,
    next: SessionKeys,
    { graceMs, keep, change, version }: SessionMove,
    userId: string | null,
  ): Promise<scripts.MoveSessionReply> {
    const { session, live, tombstone, ended, lock } = keys;
    const names = {
      ...{ session, live, tombstone, ended, next: next.session, nextTombstone: next.tombstone },
      ...{ lock: change.owner === undefined ? undefined : lock, user: this.users.keysFor(userId)?.user },
    };
    return scripts.moveSession(this.link, names, {
      token: this.tokens.next(),
      id: keys.id,
      nextId: next.id,
      idleMs: change.idleTimeoutMs,
      graceMs,
      tombstoneMs: this.options.tombstoneMs,
      user: userId ?? '',
      owner: change.owner ?? '',
      cookie: change.cookie === null ? '-' : cookieCode(change.cookie ?? ''),
      about: change.about ?? '',
      auth: change.authentication ? this.signInOf({ ...change, userId }, 0) : '',
      version: version ?? 0,
      small: isSmall(change),
      keepsAll: keep === 'all',
      keep: keep === 'all' ? [] : keep,
      set: change.set,
      remove: change.remove,
    });
  }

  /**
   * Enters a session that comes from another into its user's index, where no script can do both. Resolves with whose it is to be;
   * `undefined`: the other is gone, or its user was signed out since.
   */
  private async enterSuccessor(
    source: SessionKeys,
    { id }: SessionKeys,
    { userId, idleTimeoutMs }: SessionChange,
  ): Promise<string | null | undefined> {
    if (this.layout.isSingleSlot) return userId;
    const stored = await this.reader.load(source);
    if (!stored || stored.isRotated) return undefined;
    return (await this.users.enterSuccessor(id, stored, idleTimeoutMs)) ? stored.userId : undefined;
  }

  /** How the user of a change has authenticated. */
  private signInOf({ userId, authentication = PLAIN_SIGN_IN }: SessionChange, atMs: number): string {
    return userId === null ? '' : authenticationText(authentication, atMs, this.options.absoluteTimeoutMs);
  }

  private keysOf({ session, live, tombstone }: SessionKeys, { userId }: SessionChange): OwnKeys {
    return { session, live, tombstone, user: this.users.keysFor(userId)?.user };
  }
}

type OwnKeys = Omit<scripts.CommitSessionKeys, 'lock' | 'ended'>;

const CREATE_OUTCOMES = { taken: 'exists', ended: 'ended', source: 'sourceGone' } as const;
const MOVE_OUTCOMES = { gone: 'gone', lock: 'lockLost', taken: 'exists', changed: 'changed' } as const;

function stateOf(reply: { readonly nowMs: number; readonly version: number; readonly deadline: number }): StoredState {
  return { version: reply.version, remainingMs: Math.max(0, reply.deadline - reply.nowMs) };
}
