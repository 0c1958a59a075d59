import type { IncomingMessage } from 'node:http';
import type { Session, SessionData, Store } from 'express-session';
import { promised } from './callback.js';
import type { SessionStoreCallback } from './callback.js';
import type { PendingChange, RequestDraft, RequestMove, RequestStore } from './request-store.js';
import { encodeCookie, encodeSession } from './session-codec.js';
import type { CookieData } from './session-codec.js';

/** A length made of a moment is computed from the clock; two lengths this close are the same. Milliseconds. */
const LIFE_DRIFT_MS = 50;

const NOTHING: Readonly<Record<string, unknown>> = Object.freeze({});

/** The form in which a foreign store has a session. */
interface Snapshot {
  readonly fields: ReadonlyMap<string, string>;
  readonly attributes: string;
  readonly lifeMs: number | null;
}

/** A session of a foreign store. @internal */
export class ForeignDraft implements RequestDraft {
  readonly data = NOTHING;
  readonly userId = undefined;
  /** A foreign store has no locks. */
  owner: string | undefined = undefined;
  authentication = undefined;
  readonly signIn = undefined;
  readonly remaining = undefined;
  /** `null`: the store does not have it. */
  snapshot: Snapshot | null = null;

  constructor(
    readonly sid: string,
    readonly made: Session | undefined,
    readonly cookie: CookieData | null,
    readonly remainingMs = 0,
  ) {}

  get isStored(): boolean {
    return this.snapshot !== null;
  }
}

/**
 * The sessions of requests over any express-session store, by that contract alone: whole sessions, callbacks, `touch` where there
 * is one.
 *
 * @internal
 */
export class ForeignRequestStore implements RequestStore<ForeignDraft> {
  constructor(private readonly store: Store) {}

  async load(request: IncomingMessage, sid: string): Promise<ForeignDraft | null> {
    const data = await promised<SessionData | null>((done) => {
      this.store.get(sid, done);
    }).catch(nullWhenMissing);
    if (!data) return null;
    const own = data as { cookie?: unknown };
    // A session stored without a cookie must not make every request of its user fail.
    own.cookie ??= { originalMaxAge: null };
    const cookie = { ...(own.cookie as Record<string, unknown>) };
    const made = this.store.createSession(request as never, data);
    const draft = new ForeignDraft(sid, made, cookie, made.cookie.maxAge ?? 0);
    draft.snapshot = snapshotOf(made);
    return draft;
  }

  begin(sid: string): ForeignDraft {
    return new ForeignDraft(sid, undefined, null);
  }

  adopt(session: Session): ForeignDraft {
    return new ForeignDraft(session.id, undefined, null);
  }

  inspect({ snapshot }: ForeignDraft, session: Session): PendingChange | 'touch' | undefined {
    const now = snapshotOf(session);
    if (!snapshot) return { fields: [...now.fields.keys()], changesCookie: true };
    const names = new Set([...snapshot.fields.keys(), ...now.fields.keys()]);
    const fields = [...names].filter((name) => snapshot.fields.get(name) !== now.fields.get(name));
    const changesCookie = snapshot.attributes !== now.attributes || !isSameLife(snapshot.lifeMs, now.lifeMs);
    if (fields.length > 0 || changesCookie) return { fields, changesCookie };
    return typeof this.store.touch === 'function' ? 'touch' : undefined;
  }

  async save(draft: ForeignDraft, session: Session): Promise<boolean> {
    const snapshot = snapshotOf(session);
    await promised((done) => {
      this.store.set(draft.sid, session, done);
    });
    draft.snapshot = snapshot;
    return true;
  }

  async touch(draft: ForeignDraft, session: Session): Promise<void> {
    await promised((done) => {
      if (this.store.touch) this.store.touch(draft.sid, session, done);
      else done();
    });
  }

  async end(sid: string): Promise<void> {
    await promised((done: SessionStoreCallback<void>) => {
      this.store.destroy(sid, done);
    });
  }

  /** A foreign store knows neither grace nor lineage: the session ends, and a new one begins. */
  async move(draft: ForeignDraft, _session: unknown, { fresh }: RequestMove): Promise<ForeignDraft> {
    await this.end(draft.sid);
    return this.begin(fresh);
  }

  refresh(): void {
    // What it caches is its own matter.
  }
}

/** express-session takes a store's `ENOENT` for a session that is not there. */
function nullWhenMissing(error: unknown): null {
  if (typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT') return null;
  throw error;
}

/** Moments of the cookie are left out: every request moves them. */
function snapshotOf(session: Session): Snapshot {
  const { cookie, ...fields } = session as Session & Record<string, unknown>;
  const { text, maxAgeMs } = encodeCookie(cookie);
  const { originalMaxAge: _life, ...attributes } = JSON.parse(text ?? '{}') as Record<string, unknown>;
  return { fields: encodeSession(fields).fields, attributes: JSON.stringify(attributes), lifeMs: maxAgeMs };
}

function isSameLife(before: number | null, after: number | null): boolean {
  if (before === null || after === null) return before === after;
  return Math.abs(before - after) <= LIFE_DRIFT_MS;
}
