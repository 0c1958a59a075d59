import type { Request } from 'express';
import session from 'express-session';
import { storedId } from '../core/session-id.js';
import type { StoredSession } from '../core/session-record.js';
import { answer, promised } from './callback.js';
import type { SessionStoreCallback } from './callback.js';
import { LATE_LENGTH, LateFields } from './late-fields.js';
import { decodeSession, UndecodableFieldError } from './session-codec.js';
import type { SessionRepository } from './session-repository.js';
import { SessionWriter } from './session-writer.js';
import type { PendingWrite, SessionStoreSettings } from './session-writer.js';

/**
 * An express-session store over a repository of sessions: keeps the whole of express-session's contract, and writes only
 * what changed since a session was loaded. Every method takes a callback or returns a promise; errors arrive unchanged.
 *
 * @public
 */
export class SessionStore extends session.Store {
  private readonly writer: SessionWriter;
  private readonly late: LateFields;
  private readonly saving = new WeakMap<object, Promise<void>>();

  /** @internal */
  constructor(
    private readonly repository: SessionRepository,
    private readonly settings: SessionStoreSettings,
  ) {
    super();
    this.late = new LateFields((stored, field) => {
      this.tellUndecodable(stored, field);
    });
    this.writer = new SessionWriter(repository.records, settings, this.late);
  }

  /** Hands out the session's data, or `undefined` when it is unknown, expired, ended or cannot be read. */
  override get(sid: string): Promise<session.SessionData | undefined>;
  override get(sid: string, callback: SessionStoreCallback<session.SessionData>): void;
  override get(
    sid: string,
    callback?: SessionStoreCallback<session.SessionData>,
  ): Promise<session.SessionData | undefined> | void {
    return answer(this.fetch(sid, Infinity), callback);
  }

  /**
   * Loads a session for a request: what it hands out is for `createSession` alone, which adds the fields that are long.
   *
   * @param signal - ends the load
   * @internal
   */
  loadForRequest(
    sid: string,
    callback: SessionStoreCallback<session.SessionData>,
    signal: (() => AbortSignal) | undefined,
  ): void {
    // An application's own `get` goes before.
    if (this.isReplaced('get')) this.get(sid, callback);
    else void answer(this.fetch(sid, LATE_LENGTH, signal), callback);
  }

  /**
   * Stores a session. A session of a request: only what changed; when it has ended meanwhile nothing is written and that is no
   * error. A plain object: the whole, whatever was there before. Calls back synchronously when there is nothing to write.
   */
  override set(sid: string, data: object): Promise<void>;
  override set(sid: string, data: object, callback?: SessionStoreCallback<void>): void;
  override set(sid: string, data: object, callback?: SessionStoreCallback<void>): Promise<void> | void {
    const running = this.saving.get(data);
    // An application's own `set` may have changed the session since `pending` looked at it.
    if (this.isReplaced('set')) this.writer.forget();
    // Two saves of one session object: the second writes what has changed since the first.
    const result = running ? running.then(() => this.writer.save(sid, data)) : this.writer.save(sid, data);
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
    return answer(this.end(sid), callback);
  }

  /**
   * Moves the session's deadline and stores its cookie when that changed. Calls back synchronously when the deadline would
   * move by no more than `touchIntervalMs`.
   */
  override touch(sid: string, data: object, callback?: SessionStoreCallback<void>): Promise<void> | void {
    return answer(this.writer.touch(sid, data), callback);
  }

  /** Every live session's data. Walks the index page by page: for small installations and tests. */
  override all(
    callback?: SessionStoreCallback<session.SessionData[]>,
  ): Promise<session.SessionData[] | undefined> | void {
    return answer(this.collect(), callback);
  }

  /** Live sessions now: exact, without a scan. */
  override length(callback?: SessionStoreCallback<number>): Promise<number | undefined> | void {
    return answer(this.repository.directory.count(), callback);
  }

  /** Ends every session of this installation and nothing else. */
  override clear(callback?: SessionStoreCallback<void>): Promise<void> | void {
    return answer(this.empty(), callback);
  }

  /** Loads a session as the middleware would, without a request; `undefined` when there is none. */
  override load(
    sid: string,
    callback?: SessionStoreCallback<session.SessionData>,
  ): Promise<session.SessionData | undefined> | void {
    if (callback) super.load(sid, callback);
    else
      return promised((done) => {
        super.load(sid, done);
      });
  }

  /** Ends the request's session and gives it a new one with a new id. */
  override regenerate(req: Request, callback?: SessionStoreCallback<void>): Promise<void> | void {
    if (callback) super.regenerate(req, callback);
    else
      return promised<void>((done) => {
        super.regenerate(req, done);
      });
  }

  /** Builds the live session of a request from what `get` handed out. */
  override createSession(req: Request, data: session.SessionData): session.Session & session.SessionData {
    // A session stored without a cookie must not make every request of its user fail.
    if (!('cookie' in data)) Object.assign(data, { cookie: { originalMaxAge: null } });
    const live = super.createSession(req, data);
    this.writer.adopt(data, live);
    this.late.adopt(data, live);
    return live;
  }

  /**
   * What the end of the request has to write for this live session.
   *
   * @throws SessionSerializationError when a field cannot be stored.
   * @throws SessionTooLargeError when the session is larger than `maxBytes`.
   * @internal
   */
  pending(data: object): PendingWrite {
    return this.writer.pending(data);
  }

  /** Top-level fields of a live session that differ from what is stored. @internal */
  changedFields(data: object): readonly string[] {
    return this.writer.changedFields(data);
  }

  /** From now on changes of this live session are stored only while `owner` holds its lock. @internal */
  setOwner(live: object, owner: string | undefined): void {
    this.writer.setOwner(live, owner);
  }

  /** What is loaded from now on is not older than now, whatever is cached. @internal */
  forget(sid: string): void {
    this.repository.cache?.forget(sid);
  }

  /** Gives up an id for another one; for `graceMs` it can still be read. @internal */
  rotate(sid: string, graceMs: number, callback: SessionStoreCallback<void>): void {
    void answer(this.giveUp(sid, graceMs), callback);
  }

  private fetch(sid: string, maxLength: number, signal?: () => AbortSignal): Promise<session.SessionData | undefined> {
    return this.repository.records.load(sid, signal).then((stored) => {
      const data = stored ? this.decode(stored, maxLength) : undefined;
      if (stored && data) {
        this.writer.loaded(data, stored);
        if (maxLength !== Infinity) this.late.loaded(data, stored);
      }
      return data;
    });
  }

  private isReplaced(name: 'get' | 'set'): boolean {
    return Reflect.get(this, name) !== Reflect.get(SessionStore.prototype, name);
  }

  private async end(sid: string): Promise<void> {
    const outcome = await this.repository.records.destroy(sid);
    if (outcome === 'destroyed') this.settings.onEvent?.({ type: 'destroyed', id: storedId(sid, 1).id });
  }

  private async giveUp(sid: string, graceMs: number): Promise<void> {
    const outcome = await this.repository.records.rotate(sid, graceMs);
    if (outcome === 'rotated') this.settings.onEvent?.({ type: 'rotated', id: storedId(sid, 1).id });
  }

  private async collect(): Promise<session.SessionData[]> {
    const sessions: session.SessionData[] = [];
    for await (const stored of this.repository.directory.all()) {
      const data = this.decode(stored);
      if (data) sessions.push(data);
    }
    return sessions;
  }

  private async empty(): Promise<void> {
    await this.repository.endings.clear();
  }

  /** An undecodable session is told and counts as none: its user logs in again instead of failing for ever. */
  private decode(stored: StoredSession, maxLength = Infinity): session.SessionData | undefined {
    try {
      return decodeSession(stored, Date.now(), maxLength) as unknown as session.SessionData;
    } catch (error) {
      if (!(error instanceof UndecodableFieldError)) throw error;
      this.tellUndecodable(stored, error.field);
      return undefined;
    }
  }

  private tellUndecodable({ id }: StoredSession, field: string): void {
    this.settings.onEvent?.({ type: 'undecodable', id, field });
  }
}
