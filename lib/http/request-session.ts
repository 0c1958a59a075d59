import type { IncomingMessage } from 'node:http';
import type { Cookie, Store } from 'express-session';
import { SessionReadonlyError } from '../errors/session-readonly.error.js';
import type { SessionLocks } from '../store/session-locks.js';
import type { CycleRequest } from './cycle-request.js';
import { isInspecting } from './inspecting-store.js';
import { snapshotOf } from './session-snapshot.js';
import type { SessionSnapshot } from './session-snapshot.js';
import { restartMaxAge } from './session-cookie.js';
import { isOutage } from './session-http-error.js';
import type { LiveSession, SessionAccessMode } from './session.types.js';
import { StoreCalls, promised, thrownBy } from './store-calls.js';
import type { Done } from './store-calls.js';

const REQUEST_SESSION = Symbol.for('nestjs-ha-session:request-session');

interface KnownRequest extends CycleRequest {
  [REQUEST_SESSION]?: RequestSession;
}

/** What `reload` says of a session that is gone. */
class SessionGoneError extends Error {}

/** What a cycle knows of a request's session when it starts. @internal */
export interface RequestSessionStart {
  readonly request: CycleRequest;
  readonly locks: SessionLocks | null;
  /** The cycle's own view of the store. */
  readonly store: Store;
  /** The session that it starts with. */
  readonly session: LiveSession;
  /** Puts a new session into `request.session`. */
  readonly generate: (request: CycleRequest) => void;
  /** Whether that session was loaded, not generated. */
  readonly isLoaded: boolean;
}

/**
 * The session of one request between the store and the response: runs the store's calls, knows which are under way, what has
 * failed, and what is still to be written.
 *
 * @internal
 */
export class RequestSession {
  /** The last failure of a call that stores or ends the session, until one succeeds. */
  failure: unknown = undefined;
  /** What `@SessionAccess` lets the handler do with the session. */
  access: SessionAccessMode | undefined = undefined;
  /** Whether something failed for a reason that may be over soon: a 503 is no fault of the request then. */
  hasMetOutage = false;
  /** Takes a failure that the response may have to tell. */
  readonly note = (error: unknown): void => {
    if (isOutage(error)) this.hasMetOutage = true;
  };
  /** The cookie of the session that the request began with. */
  readonly initialCookie: Cookie;
  private readonly request: CycleRequest;
  private readonly store: Store;
  private readonly initialId: string;
  /** The session object that the store has, and what it looked like when a foreign store got it. */
  private known: { readonly session: LiveSession; readonly snapshot: SessionSnapshot | undefined } | undefined;
  /** Once for each request: one that failed is not worth a second wait. */
  private isTouchOwed: boolean;
  /** The id of a session that must end and has not yet. */
  private unended: string | undefined;
  private readonly calls = new StoreCalls(this.note);
  private settling: Promise<void> | undefined;

  constructor(private readonly start: RequestSessionStart) {
    this.request = start.request;
    this.store = start.store;
    const { session } = start;
    this.initialId = session.id;
    this.initialCookie = session.cookie;
    this.isTouchOwed = start.isLoaded;
    if (start.isLoaded) this.remember(session);
    (this.request as KnownRequest)[REQUEST_SESSION] = this;
  }

  /** That of a raw request, or `undefined` when no cycle covers it. */
  static of(request: IncomingMessage): RequestSession | undefined {
    return (request as KnownRequest)[REQUEST_SESSION];
  }

  /** Whether the store has been given a session under an id that the request did not bring. */
  get hasNewSession(): boolean {
    const session = this.request.session;
    return session !== undefined && session !== null && this.known?.session === session && !this.isOfCookie(session);
  }

  /** Whether it is the session whose id the request brought. */
  isOfCookie(session: LiveSession): boolean {
    return this.start.isLoaded && session.id === this.initialId;
  }

  /** Those of exclusive access to the store's sessions; `null`: it can give none. */
  get locks(): SessionLocks | null {
    return this.start.locks;
  }

  /** The id whose lock gives this request its session alone; `undefined` when nobody else can have it. */
  get lockableId(): string | undefined {
    const { session } = this.request;
    return session && this.isOfCookie(session) ? session.id : undefined;
  }

  /** Loads the session anew, and stores it from now on only while `owner` holds its lock. */
  async enterExclusive(owner: string): Promise<void> {
    const before = this.request.session ?? this.start.session;
    await promised((done) => {
      this.reload(before, (error) => {
        // The one before ended it: this request goes on with a new one, as it would have without waiting.
        if (error instanceof SessionGoneError) this.start.generate(this.request);
        done(error instanceof SessionGoneError ? undefined : error);
      });
    });
    const { session } = this.request;
    if (session && this.isOfCookie(session) && isInspecting(this.store)) this.store.setOwner(session, owner);
  }

  /** From now on the session is stored without a lock. */
  leaveExclusive(): void {
    const { session } = this.request;
    if (session && isInspecting(this.store)) this.store.setOwner(session, undefined);
  }

  /** Stores a session of this request. */
  save(session: LiveSession, done: Done): void {
    let snapshot: SessionSnapshot | undefined;
    const call = (stored: Done): void => {
      snapshot = this.snapshot(session);
      this.store.set(session.id, session, stored);
    };
    this.calls.run(call, (error) => {
      this.failure = error;
      if (error === undefined && this.request.session === session) this.known = { session, snapshot };
      done(error);
    });
  }

  /** Ends a session of this request; the request has none from now on. */
  destroy(session: LiveSession, done: Done): void {
    if (this.request.session === session) delete this.request.session;
    this.end(session.id, done);
  }

  /** Ends the request's session, or gives up its id for `graceMs` from now, and gives the request a new one. */
  regenerate(done: Done, graceMs = 0): void {
    const renew: Done = (error) => {
      const thrown = thrownBy(() => {
        this.start.generate(this.request);
      });
      done(thrown ?? error);
    };
    this.end(this.request.sessionID ?? this.initialId, renew, graceMs);
  }

  /** Loads the session again; the request has a new object for it afterwards. */
  reload(session: LiveSession, done: Done): void {
    const { request, store } = this;
    let data: Parameters<Store['createSession']>[1] | null | undefined;
    const call = (loaded: Done): void => {
      if (isInspecting(store)) store.forget(session.id);
      store.get(session.id, (error, found) => {
        data = found;
        loaded((error ?? undefined) as Error | undefined);
      });
    };
    this.calls.run(call, (error) => {
      if (error !== undefined) {
        done(error);
        return;
      }
      // express-session's own words: applications match them.
      if (!data) {
        done(new SessionGoneError('failed to load session'));
        return;
      }
      const found = data;
      done(
        thrownBy(() => {
          this.remember(store.createSession(request as never, found));
        }),
      );
    });
  }

  /** Writes what is still to be written, or rejects. `undefined`: there is nothing and never was, so that nobody need wait. */
  settle(): Promise<void> | undefined {
    // One that is under way is shared, its failure too; what changed meanwhile is written after it.
    if (this.settling) return this.settling.then(() => this.settle());
    const idle = this.calls.idle();
    const work = idle ? idle.then(() => this.write()) : this.write();
    const done = (): void => {
      this.settling = undefined;
    };
    // Before what anybody else does when it has ended: that was asked for later.
    work?.then(done, done);
    return (this.settling = work);
  }

  private write(): Promise<void> | undefined {
    const { session } = this.request;
    const ended = this.unended ?? (session ? undefined : this.known?.session.id);
    if (ended !== undefined) {
      // After a failed end it is tried again; `req.session = null` is an end too.
      return promised((done) => {
        this.end(ended, done);
      }).then(() => this.write());
    }
    if (!session) return undefined;
    try {
      return this.writeSession(session);
    } catch (error) {
      this.failure = error;
      return promised((done) => {
        done(error as Error);
      });
    }
  }

  private writeSession(session: LiveSession): Promise<void> | undefined {
    restartMaxAge(session);
    switch (this.pending(session)) {
      case 'nothing':
        return undefined;
      case 'changes':
        return promised((done) => {
          this.save(session, done);
        });
      case 'touch':
        this.isTouchOwed = false;
        // A deadline that could not be moved is no reason to fail a request that changed nothing.
        return promised((done) => {
          this.calls.run((touched) => this.store.touch?.(session.id, session, touched), done);
        }).catch(ignore);
    }
  }

  /** What is to be written, as far as the handler's access allows. */
  private pending(session: LiveSession): 'nothing' | 'touch' | 'changes' {
    if (this.access === 'none') return 'nothing';
    const needs = this.inspect(session);
    if (needs !== 'changes' || this.access !== 'readonly') return needs;
    throw new SessionReadonlyError(isInspecting(this.store) ? this.store.changedFields(session) : []);
  }

  private inspect(session: LiveSession): 'nothing' | 'touch' | 'changes' {
    const known = this.known?.session === session ? this.known : undefined;
    if (!known) {
      // As express-session does it: a new session is stored once it holds something, a regenerated one in any case.
      const isEmpty = session.id === this.initialId && Object.keys(session).every((name) => name === 'cookie');
      return isEmpty ? 'nothing' : 'changes';
    }
    const needs = isInspecting(this.store) ? this.store.pending(session) : this.compare(known.snapshot, session);
    return needs === 'touch' && !this.isTouchOwed ? 'nothing' : needs;
  }

  /** What a foreign store would say. */
  private compare(before: SessionSnapshot | undefined, session: LiveSession): 'nothing' | 'touch' | 'changes' {
    if (!before?.equals(snapshotOf(session))) return 'changes';
    return typeof this.store.touch === 'function' ? 'touch' : 'nothing';
  }

  private end(sid: string, done: Done, graceMs = 0): void {
    const { store } = this;
    this.unended = sid;
    this.calls.run(
      (ended) => {
        if (graceMs > 0 && isInspecting(store)) store.rotate(sid, graceMs, ended);
        else store.destroy(sid, ended);
      },
      (error) => {
        this.failure = error;
        if (error === undefined) {
          this.unended = undefined;
          if (this.known?.session.id === sid) this.known = undefined;
        }
        done(error);
      },
    );
  }

  private remember(session: LiveSession): void {
    this.known = { session, snapshot: this.snapshot(session) };
  }

  private snapshot(session: LiveSession): SessionSnapshot | undefined {
    return isInspecting(this.store) ? undefined : snapshotOf(session);
  }
}

function ignore(): void {
  // Nothing was lost.
}
