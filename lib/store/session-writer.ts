import type { Request } from 'express';
import type { SessionData } from 'express-session';
import type { SessionEventListener } from '../core/session-events.js';
import { storedId } from '../core/session-id.js';
import type { SessionChange, StoredSession, UserLimit } from '../core/session-record.js';
import { SessionConflictError } from '../errors/session-conflict.error.js';
import { SessionIdTakenError } from '../errors/session-id-taken.error.js';
import { SessionLimitError } from '../errors/session-limit.error.js';
import { SessionLockLostError } from '../errors/session-lock.error.js';
import { SessionTooLargeError } from '../errors/session-too-large.error.js';
import { SessionBaseline } from './session-baseline.js';
import type { SessionDelta } from './session-baseline.js';
import type { EncodedSession } from './session-codec.js';
import { encodeSession } from './session-codec.js';
import type { LateFields } from './late-fields.js';
import type { SessionRecords, SideEffects } from './session-repository.js';

/** Settings of a store over a repository. @internal */
export interface SessionStoreSettings {
  /** @unit milliseconds */
  readonly idleTimeoutMs: number;
  /** @unit milliseconds */
  readonly absoluteTimeoutMs: number | null;
  /** @unit milliseconds */
  readonly touchIntervalMs: number;
  /** Largest session, all fields together. @unit bytes */
  readonly maxBytes: number;
  /** What becomes of a field that somebody else changed too. */
  readonly conflict: 'merge' | 'reject';
  /** How many sessions one user may have, or `null`. */
  readonly userLimit: UserLimit | null;
  /** Whose session it is. */
  readonly userId?: ((session: Partial<SessionData>) => string | number | null | undefined) | undefined;
  /** Where a user who signs in comes from. */
  readonly describe?: ((request: Request) => Readonly<Record<string, string>>) | undefined;
  /** Takes what happens to sessions; without it nobody is told. */
  readonly onEvent?: SessionEventListener | undefined;
}

/** What a live session needs at the end of its request. @internal */
export type PendingWrite = 'nothing' | 'touch' | 'changes';

/**
 * Writes what changed of live sessions: compares each with what the repository is known to hold of it.
 *
 * @internal
 */
export class SessionWriter {
  private readonly baselines = new WeakMap<object, SessionBaseline>();
  private readonly owners = new WeakMap<object, string>();
  /** Sessions found ended when they were to be stored: they are told once and asked for no more. */
  private readonly ended = new WeakSet<object>();
  /** What `pending` has just made of a session that is to be saved at once. */
  private prepared: { readonly data: object; readonly encoded: EncodedSession } | undefined;

  constructor(
    private readonly records: SessionRecords,
    private readonly settings: SessionStoreSettings,
    private readonly late: LateFields,
  ) {}

  /** Takes note of what was loaded for some session data. */
  loaded(data: object, stored: StoredSession): void {
    this.baselines.set(data, SessionBaseline.ofStored(stored));
  }

  /** Hands what is known of session data on to the live session made of it. */
  adopt(data: object, live: object): void {
    const baseline = this.baselines.get(data);
    if (baseline) this.baselines.set(live, baseline);
  }

  /** From now on changes of this live session are stored only while `owner` holds its lock; `undefined`: in any case. */
  setOwner(live: object, owner: string | undefined): void {
    if (owner === undefined) this.owners.delete(live);
    else this.owners.set(live, owner);
  }

  /**
   * What the end of the request has to write. Throws when a field cannot be stored. When these are changes and they are saved
   * before anything else runs, they are not serialised again.
   */
  pending(data: object): PendingWrite {
    if (this.ended.has(data)) return 'nothing';
    const encoded = this.encode(data);
    const needs = this.needsOf(data, encoded);
    if (needs === 'changes') {
      this.prepared = { data, encoded };
      queueMicrotask(this.forget);
    }
    return needs;
  }

  /** Forgets what `pending` has made: whatever runs from now on may change the session. */
  readonly forget = (): void => {
    this.prepared = undefined;
  };

  /** Top-level fields that differ from what is stored. */
  changedFields(data: object): readonly string[] {
    this.forget();
    const encoded = this.encode(data);
    const delta = this.baselines.get(data)?.deltaOf(encoded);
    return delta ? namesOf(delta) : [...encoded.fields.keys()];
  }

  /** Stores what changed; `undefined`: there is nothing to write. */
  save(sid: string, data: object): Promise<void> | undefined {
    if (this.ended.has(data)) return undefined;
    let encoded: EncodedSession;
    try {
      encoded = this.takePrepared(data) ?? this.encode(data);
    } catch (error) {
      return Promise.reject(error);
    }
    const baseline = this.baselines.get(data);
    if (!baseline) return isLive(data) ? this.create(sid, data, encoded) : this.replace(sid, data, encoded);
    const delta = baseline.deltaOf(encoded);
    if (!delta.isEmpty) return this.commit(sid, data, encoded, baseline, delta);
    return this.isTouchDue(baseline, encoded) ? this.moveDeadline(sid, data, encoded, baseline) : undefined;
  }

  /** Moves the deadline when that is due, and stores the cookie when it changed; `undefined`: there is nothing to write. */
  touch(sid: string, data: object): Promise<void> | undefined {
    if (this.ended.has(data)) return undefined;
    const cookie = encodeSession({ cookie: (data as { cookie?: unknown }).cookie });
    const baseline = this.baselines.get(data);
    if (!baseline) return this.records.touch(sid, this.idleTimeoutOf(cookie), this.userOf(data)).then(ignore);
    const encoded = { ...cookie, fields: baseline.fields };
    const delta = baseline.deltaOf(encoded);
    if (!delta.isEmpty) return this.commit(sid, data, encoded, baseline, delta);
    return this.isTouchDue(baseline, encoded) ? this.moveDeadline(sid, data, encoded, baseline) : undefined;
  }

  private async create(sid: string, data: object, encoded: EncodedSession): Promise<void> {
    const change = this.wholeOf(data, encoded);
    const result = await this.records.create(sid, change);
    switch (result.outcome) {
      case 'created': {
        const longestMs = this.settings.absoluteTimeoutMs ?? Infinity;
        this.baselines.set(data, SessionBaseline.ofCreated(encoded, change.userId, result, longestMs));
        this.settings.onEvent?.({ type: 'created', id: storedId(sid, 1).id, userId: change.userId });
        this.tell(result, change.userId);
        return;
      }
      case 'ended':
        // Evicted by another sign-in of the same user before it was stored; or logged out by a request that was faster.
        this.ended.add(data);
        this.lose(sid, [...encoded.fields.keys()], 'gone');
        return;
      case 'refused':
        throw new SessionLimitError(this.settings.userLimit?.max ?? 0);
      case 'exists':
        throw new SessionIdTakenError();
    }
  }

  private async replace(sid: string, data: object, encoded: EncodedSession): Promise<void> {
    await this.records.replace(sid, this.wholeOf(data, encoded));
  }

  private async commit(
    sid: string,
    data: object,
    encoded: EncodedSession,
    baseline: SessionBaseline,
    delta: SessionDelta,
  ): Promise<void> {
    const { set, remove, cookie } = delta;
    const expected = this.settings.conflict === 'reject' ? baseline.fields : undefined;
    const parts = { set, remove, cookie, expected, owner: this.owners.get(data) };
    const change = this.changeOf(data, encoded, baseline.userId, parts);
    const result = await this.records.commit(sid, change);
    switch (result.outcome) {
      case 'committed':
        this.baselines.set(data, baseline.written(encoded, change.userId, result));
        this.tell(result, change.userId);
        return;
      case 'gone':
        this.ended.add(data);
        this.lose(sid, namesOf(delta), 'gone');
        return;
      case 'lockLost':
        this.lose(sid, namesOf(delta), 'lock');
        throw new SessionLockLostError();
      case 'conflict':
        throw new SessionConflictError(result.fields);
      case 'refused':
        throw new SessionLimitError(this.settings.userLimit?.max ?? 0);
    }
  }

  private async moveDeadline(
    sid: string,
    data: object,
    encoded: EncodedSession,
    baseline: SessionBaseline,
  ): Promise<void> {
    const result = await this.records.touch(sid, this.idleTimeoutOf(encoded), baseline.userId);
    if (result.outcome === 'touched') this.baselines.set(data, baseline.touched(result));
  }

  private needsOf(data: object, encoded: EncodedSession): PendingWrite {
    const baseline = this.baselines.get(data);
    if (!baseline) return encoded.fields.size > 0 ? 'changes' : 'nothing';
    if (!baseline.deltaOf(encoded).isEmpty) return 'changes';
    return this.isTouchDue(baseline, encoded) ? 'touch' : 'nothing';
  }

  private takePrepared(data: object): EncodedSession | undefined {
    const { prepared } = this;
    this.prepared = undefined;
    return prepared?.data === data ? prepared.encoded : undefined;
  }

  private encode(data: object): EncodedSession {
    const { maxBytes } = this.settings;
    const isUnread = this.late.unreadOf(data);
    const stored = isUnread && this.baselines.get(data)?.fields;
    const encoded = encodeSession(data, stored && ((name) => (isUnread(name) ? stored.get(name) : undefined)));
    if (encoded.length * 3 > maxBytes) refuseLarge(encoded, maxBytes);
    return encoded;
  }

  private wholeOf(data: object, encoded: EncodedSession): SessionChange {
    const { fields, cookie } = encoded;
    return this.changeOf(data, encoded, undefined, { set: fields, remove: [], cookie });
  }

  private changeOf(
    data: object,
    encoded: EncodedSession,
    formerUser: string | null | undefined,
    { set, remove, cookie, expected, owner }: Pick<SessionChange, 'set' | 'remove' | 'cookie' | 'expected' | 'owner'>,
  ): SessionChange {
    const userId = this.userOf(data);
    const isSignIn = userId !== null && userId !== formerUser;
    const about = isSignIn && isLive(data) ? this.settings.describe?.(data.req) : undefined;
    return {
      userId,
      isSignIn,
      keepsUser: userId === formerUser,
      about: about && JSON.stringify(about),
      length: encoded.length,
      idleTimeoutMs: this.idleTimeoutOf(encoded),
      set,
      remove,
      cookie,
      expected,
      owner,
    };
  }

  /** A session whose cookie has a life of its own (remember me) lives by that. */
  private idleTimeoutOf(encoded: EncodedSession): number {
    return Math.ceil(encoded.cookieMaxAgeMs ?? this.settings.idleTimeoutMs);
  }

  private isTouchDue(baseline: SessionBaseline, encoded: EncodedSession): boolean {
    return baseline.touchGainMs(this.idleTimeoutOf(encoded)) > this.settings.touchIntervalMs;
  }

  private userOf(data: object): string | null {
    const userId = this.settings.userId?.(data);
    return userId === null || userId === undefined || userId === '' ? null : String(userId);
  }

  private tell({ evicted, expired }: SideEffects, userId: string | null): void {
    for (const id of evicted) this.settings.onEvent?.({ type: 'revoked', id, userId, reason: 'limit' });
    for (const id of expired) this.settings.onEvent?.({ type: 'expired', id });
  }

  private lose(sid: string, fields: readonly string[], reason: 'gone' | 'lock'): void {
    this.settings.onEvent?.({ type: 'lostWrite', id: storedId(sid, 1).id, fields, reason });
  }
}

/** Whether it is the session object of a request; its own `set` must not bring an ended session back. */
function isLive(data: object): data is { readonly req: Request } {
  return 'req' in data && 'save' in data && typeof data.save === 'function';
}

function namesOf({ set, remove }: SessionDelta): readonly string[] {
  return [...set.keys(), ...remove];
}

function refuseLarge(encoded: EncodedSession, maxBytes: number): void {
  const sizes = [...encoded.fields].map(([name, text]) => ({
    name,
    bytes: Buffer.byteLength(name) + Buffer.byteLength(text),
  }));
  const bytes = sizes.reduce((sum, size) => sum + size.bytes, 0);
  if (bytes <= maxBytes) return;
  const largest = sizes.reduce((a, b) => (b.bytes > a.bytes ? b : a));
  throw new SessionTooLargeError(largest.name, bytes, maxBytes);
}

function ignore(): void {
  // The outcome is told by nobody's wish: a session that is gone has no deadline to move.
}
