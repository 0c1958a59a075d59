import type { Request } from 'express';
import session from 'express-session';
import type { SessionEventListener } from '../core/session-events.js';
import { storedId } from '../core/session-id.js';
import type { SessionChange, StoredSession } from '../core/session-record.js';
import { SessionIdTakenError } from '../errors/session-id-taken.error.js';
import { answer, promised } from './callback.js';
import type { SessionStoreCallback } from './callback.js';
import { SessionBaseline } from './session-baseline.js';
import type { SessionDelta } from './session-baseline.js';
import type { EncodedSession } from './session-codec.js';
import { decodeSession, encodeSession, UndecodableFieldError } from './session-codec.js';
import type { SessionRepository } from './session-repository.js';

/** Settings of a store over a repository. @internal */
export interface SessionStoreSettings {
  /** @unit milliseconds */
  readonly idleTimeoutMs: number;
  /** @unit milliseconds */
  readonly absoluteTimeoutMs: number | null;
  /** @unit milliseconds */
  readonly touchIntervalMs: number;
  /** Whose session it is. */
  readonly userId?: ((session: Partial<session.SessionData>) => string | number | null | undefined) | undefined;
  /** Takes what happens to sessions; without it nobody is told. */
  readonly onEvent?: SessionEventListener | undefined;
}

/** What a live session needs at the end of its request. @internal */
export type PendingWrite = 'nothing' | 'touch' | 'changes';

/**
 * An express-session store over a {@link SessionRepository}: keeps the whole of express-session's contract, and writes only
 * what changed since a session was loaded. Every method takes a callback or returns a promise; errors arrive unchanged.
 *
 * @public
 */
export class SessionStore extends session.Store {
  private readonly baselines = new WeakMap<object, SessionBaseline>();
  private readonly saving = new WeakMap<object, Promise<void>>();

  /** @internal */
  constructor(
    private readonly repository: SessionRepository,
    private readonly settings: SessionStoreSettings,
  ) {
    super();
  }

  /** Hands out the session's data, or `undefined` when it is unknown, expired, ended or cannot be read. */
  override get(sid: string): Promise<session.SessionData | undefined>;
  override get(sid: string, callback: SessionStoreCallback<session.SessionData>): void;
  override get(sid: string, callback?: SessionStoreCallback<session.SessionData>): Promise<session.SessionData | undefined> | void {
    return answer(this.load_(sid), callback);
  }

  /**
   * Stores a session. A session of a request: only what changed; when it has ended meanwhile nothing is written and that is no
   * error. A plain object: the whole, whatever was there before. Calls back synchronously when there is nothing to write.
   */
  override set(sid: string, data: object): Promise<void>;
  override set(sid: string, data: object, callback?: SessionStoreCallback<void>): void;
  override set(sid: string, data: object, callback?: SessionStoreCallback<void>): Promise<void> | void {
    const running = this.saving.get(data);
    // Two saves of one session object: the second writes what has changed since the first.
    const result = running ? running.then(() => this.save(sid, data)) : this.save(sid, data);
    if (result) {
      const forget = (): void => {
        if (this.saving.get(data) === settled) this.saving.delete(data);
      };
      const settled: Promise<void> = result.then(forget, forget);
      this.saving.set(data, settled);
    }
    return answer(result, callback);
  }

  /** Ends a session; no request that still holds it can bring it back. */
  override destroy(sid: string, callback?: SessionStoreCallback<void>): Promise<void> | void {
    return answer(
      this.repository.destroy(sid).then(noop),
      callback,
    );
  }

  /**
   * Moves the session's deadline and stores its cookie when that changed. Calls back synchronously when the deadline would
   * move by no more than `touchIntervalMs`.
   */
  override touch(sid: string, data: object, callback?: SessionStoreCallback<void>): Promise<void> | void {
    return answer(this.touch_(sid, data), callback);
  }

  /** Every live session's data. Walks the index page by page: for small installations and tests. */
  override all(callback?: SessionStoreCallback<session.SessionData[]>): Promise<session.SessionData[] | undefined> | void {
    return answer(this.collect(), callback);
  }

  /** Live sessions now: exact, without a scan. */
  override length(callback?: SessionStoreCallback<number>): Promise<number | undefined> | void {
    return answer(this.repository.count(), callback);
  }

  /** Ends every session of this installation and nothing else. */
  override clear(callback?: SessionStoreCallback<void>): Promise<void> | void {
    return answer(
      this.repository.clear().then(noop),
      callback,
    );
  }

  /** Loads a session as the middleware would, without a request; `undefined` when there is none. */
  override load(sid: string, callback?: SessionStoreCallback<session.SessionData>): Promise<session.SessionData | undefined> | void {
    if (callback) super.load(sid, callback);
    else return promised((done) => { super.load(sid, done); });
  }

  /** Ends the request's session and gives it a new one with a new id. */
  override regenerate(req: Request, callback?: SessionStoreCallback<void>): Promise<void> | void {
    if (callback) super.regenerate(req, callback);
    else return promised<void>((done) => { super.regenerate(req, done); });
  }

  /** Builds the live session of a request from what `get` handed out. */
  override createSession(req: Request, data: session.SessionData): session.Session & session.SessionData {
    const stored = data as Partial<session.SessionData>;
    // A session stored without a cookie must not make every request of its user fail.
    if (!stored.cookie) stored.cookie = { originalMaxAge: null } as session.Cookie;
    const live = super.createSession(req, data);
    const baseline = this.baselines.get(data);
    if (baseline) this.baselines.set(live, baseline);
    return live;
  }

  /**
   * What the end of the request has to write for this live session.
   *
   * @throws SessionSerializationError when a field cannot be stored.
   */
  pending(data: object): PendingWrite {
    const encoded = encodeSession(data);
    const baseline = this.baselines.get(data);
    if (!baseline) return encoded.fields.size > 0 ? 'changes' : 'nothing';
    if (!baseline.deltaOf(encoded).isEmpty) return 'changes';
    return this.isTouchDue(baseline, encoded) ? 'touch' : 'nothing';
  }

  private async load_(sid: string): Promise<session.SessionData | undefined> {
    const stored = await this.repository.load(sid);
    const data = stored ? this.decode(stored) : undefined;
    if (stored && data) this.baselines.set(data, SessionBaseline.ofStored(stored));
    return data;
  }

  /** `undefined`: there is nothing to write. */
  private save(sid: string, data: object): Promise<void> | undefined {
    let encoded: EncodedSession;
    try {
      encoded = encodeSession(data);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    const baseline = this.baselines.get(data);
    if (!baseline) return isLive(data) ? this.create(sid, data, encoded) : this.replace(sid, data, encoded);
    const delta = baseline.deltaOf(encoded);
    if (!delta.isEmpty) return this.commit(sid, data, encoded, baseline, delta);
    return this.isTouchDue(baseline, encoded) ? this.moveDeadline(sid, data, encoded, baseline) : undefined;
  }

  private async create(sid: string, data: object, encoded: EncodedSession): Promise<void> {
    const change = this.wholeOf(data, encoded);
    const result = await this.repository.create(sid, change);
    if (result.outcome === 'exists') throw new SessionIdTakenError();
    const longestMs = this.settings.absoluteTimeoutMs ?? Infinity;
    this.baselines.set(data, SessionBaseline.ofCreated(encoded, change.userId, result, longestMs));
  }

  private async replace(sid: string, data: object, encoded: EncodedSession): Promise<void> {
    await this.repository.replace(sid, this.wholeOf(data, encoded));
  }

  private async commit(
    sid: string,
    data: object,
    encoded: EncodedSession,
    baseline: SessionBaseline,
    delta: SessionDelta,
  ): Promise<void> {
    const userId = this.userOf(data);
    const { set, remove, cookie } = delta;
    const change = { set, remove, cookie, userId, idleTimeoutMs: this.idleTimeoutOf(encoded) };
    const result = await this.repository.commit(sid, change);
    if (result.outcome === 'committed') {
      this.baselines.set(data, baseline.written(encoded, userId, result));
    } else {
      const fields = [...set.keys(), ...remove];
      this.settings.onEvent?.({ type: 'lostWrite', id: storedId(sid, 1).id, fields, reason: 'gone' });
    }
  }

  private touch_(sid: string, data: object): Promise<void> | undefined {
    const cookie = encodeSession({ cookie: (data as { cookie?: unknown }).cookie });
    const baseline = this.baselines.get(data);
    if (!baseline) return this.repository.touch(sid, this.idleTimeoutOf(cookie), this.userOf(data)).then(noop);
    const encoded = { ...cookie, fields: baseline.fields };
    const delta = baseline.deltaOf(encoded);
    if (!delta.isEmpty) return this.commit(sid, data, encoded, baseline, delta);
    return this.isTouchDue(baseline, encoded) ? this.moveDeadline(sid, data, encoded, baseline) : undefined;
  }

  private async moveDeadline(sid: string, data: object, encoded: EncodedSession, baseline: SessionBaseline): Promise<void> {
    const result = await this.repository.touch(sid, this.idleTimeoutOf(encoded), baseline.userId);
    if (result.outcome === 'touched') this.baselines.set(data, baseline.touched(result));
  }

  private wholeOf(data: object, encoded: EncodedSession): SessionChange {
    const { fields, cookie } = encoded;
    return { set: fields, remove: [], cookie, userId: this.userOf(data), idleTimeoutMs: this.idleTimeoutOf(encoded) };
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

  private async collect(): Promise<session.SessionData[]> {
    const sessions: session.SessionData[] = [];
    for await (const stored of this.repository.all()) {
      const data = this.decode(stored);
      if (data) sessions.push(data);
    }
    return sessions;
  }

  /** An undecodable session is told and counts as none: its user logs in again instead of failing for ever. */
  private decode(stored: StoredSession): session.SessionData | undefined {
    try {
      return decodeSession(stored, Date.now()) as unknown as session.SessionData;
    } catch (error) {
      if (!(error instanceof UndecodableFieldError)) throw error;
      this.settings.onEvent?.({ type: 'undecodable', id: stored.id, field: error.field });
      return undefined;
    }
  }
}

/** Whether it is the session object of a request; its own `set` must not bring an ended session back. */
function isLive(data: object): boolean {
  return 'req' in data && 'save' in data && typeof data.save === 'function';
}

function noop(): void {
  // Nothing to hand on.
}
