import type { Request } from 'express';
import session from 'express-session';
import { answer, promised } from './callback.js';
import type { SessionStoreCallback } from './callback.js';
import { ForeignRequestStore } from './foreign-request-store.js';
import { RepositoryRequestStore } from './repository-request-store.js';
import type { RequestStore } from './request-store.js';
import { withExpiry } from './session-codec.js';
import type { SessionDraft } from './session-draft.js';
import type { SessionRepository } from './session-repository.js';
import { isLive } from './session-writer.js';
import type { SessionStoreSettings } from './session-writer.js';

/** The methods that an application may have replaced by its own, on the store or in a class of its own. */
const REPLACEABLE = ['get', 'set', 'destroy', 'touch', 'createSession'] as const;

/**
 * An express-session store over a repository of sessions: keeps the whole of express-session's contract, and writes only
 * what changed since a session was loaded. Every method takes a callback or returns a promise; errors arrive unchanged.
 *
 * @public
 */
export class SessionStore extends session.Store {
  /** What was loaded for the objects that express-session, or an application, has of a session and will hand back. */
  private readonly drafts = new WeakMap<object, SessionDraft>();
  private readonly requests: RepositoryRequestStore;
  private readonly byContract = new ForeignRequestStore(this);

  /** @internal */
  constructor(
    private readonly repository: SessionRepository,
    settings: SessionStoreSettings,
  ) {
    super();
    this.requests = new RepositoryRequestStore(repository, settings, (live) => this.drafts.get(live));
  }

  /** The way of our own middleware to the sessions: past this class, unless the application has replaced a method of it. @internal */
  forRequests(): RequestStore {
    for (const name of REPLACEABLE)
      if (Reflect.get(this, name) !== SessionStore.prototype[name]) return this.byContract;
    return this.requests;
  }

  /** Hands out the session's data, or `undefined` when it is unknown, expired, ended or cannot be read. */
  override get(sid: string): Promise<session.SessionData | undefined>;
  override get(sid: string, callback: SessionStoreCallback<session.SessionData>): void;
  override get(
    sid: string,
    callback?: SessionStoreCallback<session.SessionData>,
  ): Promise<session.SessionData | undefined> | void {
    return answer(this.fetch(sid), callback);
  }

  /**
   * Stores a session. One that was handed out by this store: only what changed; when it has ended meanwhile nothing is written
   * and that is no error. Another object: the whole, whatever was there before. Calls back synchronously when there is nothing
   * to write.
   */
  override set(sid: string, data: object): Promise<void>;
  override set(sid: string, data: object, callback?: SessionStoreCallback<void>): void;
  override set(sid: string, data: object, callback?: SessionStoreCallback<void>): Promise<void> | void {
    return answer(this.save(sid, data), callback);
  }

  /** Ends a session; no request that still holds it can bring it back. */
  override destroy(sid: string, callback?: SessionStoreCallback<void>): Promise<void> | void {
    return answer(this.requests.end(sid), callback);
  }

  /**
   * Moves the session's deadline and stores its cookie when that changed. Calls back synchronously when the deadline would
   * move by no more than `touchIntervalMs`.
   */
  override touch(sid: string, data: object, callback?: SessionStoreCallback<void>): Promise<void> | void {
    return answer(this.prolong(sid, data), callback);
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
    const draft = this.drafts.get(data);
    if (draft) this.drafts.set(live, draft);
    return live;
  }

  private async fetch(sid: string): Promise<session.SessionData | undefined> {
    const stored = await this.repository.records.load(sid);
    const draft = stored && this.requests.open(sid, stored);
    if (!draft) return undefined;
    const data = dataOf(draft);
    this.drafts.set(data, draft);
    return data;
  }

  /** `undefined`: there is nothing to write. */
  private save(sid: string, data: object): Promise<void> | undefined {
    let draft = this.drafts.get(data);
    if (!draft) {
      if (!isLive(data)) return this.requests.replace(sid, data);
      this.drafts.set(data, (draft = this.requests.begin(sid)));
    }
    return this.inTurn(draft, data);
  }

  /** Two saves of one session object: the second writes what has changed since the first. */
  private inTurn(draft: SessionDraft, data: object): Promise<void> | undefined {
    if (draft.saving) return draft.saving.then(() => this.inTurn(draft, data));
    let result: Promise<unknown>;
    try {
      const change = this.requests.inspect(draft, data);
      if (change === undefined) return undefined;
      result = this.requests.save(draft, data, change);
    } catch (error) {
      return Promise.reject(error);
    }
    const over = (): void => {
      draft.saving = undefined;
    };
    draft.saving = result.then(over, over);
    return result.then(ignore);
  }

  private prolong(sid: string, data: object): Promise<void> | undefined {
    const draft = this.drafts.get(data);
    if (!draft) return this.requests.prolong(sid, data);
    return this.requests.prolongDraft(draft, data);
  }

  private async collect(): Promise<session.SessionData[]> {
    const sessions: session.SessionData[] = [];
    for await (const stored of this.repository.directory.all()) {
      const draft = this.requests.open('', stored);
      if (draft) sessions.push(dataOf(draft));
    }
    return sessions;
  }

  private async empty(): Promise<void> {
    await this.repository.endings.clear();
  }
}

function dataOf({ cookie, remainingMs, data }: SessionDraft): session.SessionData {
  const own = cookie && { cookie: withExpiry(cookie, Date.now() + remainingMs) };
  // The values belong to whoever asked: the draft compares only those that cannot change inside.
  return { ...own, ...data } as unknown as session.SessionData;
}

function ignore(): void {
  // The outcome of a save is for the middleware.
}
