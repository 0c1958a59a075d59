import type { SessionAuthentication, SessionChange, StoredSession } from '../core/session-record.js';
import { PLAIN_SIGN_IN } from './plain-sign-in.js';
import type {
  PendingChange,
  RequestAuthentication,
  RequestDraft,
  RequestRemaining,
  RequestSignIn,
} from './request-store.js';
import { changedCookie, cookieLifeMs } from './cookie-comparison.js';
import { decodeFields, encodeCookie, encodeField, isField, parseCookie } from './session-codec.js';
import type { CookieData, EncodedCookie } from './session-codec.js';
import type { SessionSource, StoredState } from './session-repository.js';

/** What of a session is not stored yet. @internal */
export interface SessionDelta extends PendingChange {
  /** Fields to write: name to JSON text. */
  readonly set: ReadonlyMap<string, string>;
  /** Fields to delete. */
  readonly remove: readonly string[];
  /** JSON text of the cookie when it changed, otherwise `undefined`. */
  readonly cookie: string | null | undefined;
  /** The cookie's own life, or `null`. */
  readonly cookieMaxAgeMs: number | null;
  /** Characters of the whole session, names and texts. */
  readonly length: number;
  /** How its user has authenticated in this request. */
  readonly authentication?: RequestAuthentication | undefined;
  /** How many fields the session has with it. */
  readonly fieldCount: number;
  /** The values of the fields to write. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** The state of a stored session that a draft remembers. */
interface Stored {
  readonly texts: ReadonlyMap<string, string>;
  readonly cookieText: string | null;
  readonly userId: string | null;
  /** When the session ends unless it is touched; this process's monotonic clock. */
  readonly deadlineMs: number;
  /** When it ends in any case; this process's monotonic clock. */
  readonly latestMs: number;
  /** How its user has authenticated; `null`: it is nobody's. */
  readonly signIn: DraftSignIn | null;
}

/** How the user of a stored session has authenticated. */
interface DraftSignIn extends SessionAuthentication {
  /** When; this process's monotonic clock. */
  readonly atMs: number;
}

const NO_TEXTS: ReadonlyMap<string, string> = new Map<string, string>([]);

/**
 * One session of a request from its load to its commit: the stored texts that changes are found by, who holds its lock, whether it
 * has ended. Changes are found by comparing, so nothing watches the session's objects and a nested change is found too.
 *
 * @internal
 */
export class SessionDraft implements RequestDraft {
  readonly made = undefined;
  owner: string | undefined = undefined;
  /** Found ended when it was to be stored: nothing of it is stored any more. */
  isEnded = false;
  /** The session of the request that this new one comes from. */
  source: (SessionSource & { readonly draft: SessionDraft }) | undefined = undefined;
  /** The successor of another one that nobody has changed yet. */
  isMoved = false;
  authentication: RequestAuthentication | undefined = undefined;
  /** A save of the same object that is under way. */
  saving: Promise<void> | undefined = undefined;
  private stored: Stored | undefined = undefined;

  private constructor(
    readonly sid: string,
    private values: Readonly<Record<string, unknown>>,
    /** The cookie as it is stored, or `null`. */
    public cookie: CookieData | null,
    readonly remainingMs: number,
  ) {}

  /**
   * A session as it was loaded.
   *
   * @param parse - reads the cookie's text; may remember what it has read
   * @throws UndecodableFieldError when a field or the cookie is not JSON.
   */
  static ofStored(sid: string, record: StoredSession, parse: (text: string) => CookieData = parseCookie): SessionDraft {
    const { fields, cookie, userId, remainingMs, longestRemainingMs } = record;
    const values = decodeFields(record, {});
    const draft = new SessionDraft(sid, values, cookie === null ? null : parse(cookie), remainingMs);
    const now = performance.now();
    const times = { deadlineMs: now + remainingMs, latestMs: now + longestRemainingMs };
    const { authenticatedAgoMs, method, actor, provider } = record;
    const signIn = authenticatedAgoMs === null ? null : { atMs: now - authenticatedAgoMs, method, actor, provider };
    draft.stored = { texts: fields, cookieText: cookie, userId, ...times, signIn };
    return draft;
  }

  /** A session that is not stored yet. */
  static ofNew(sid: string): SessionDraft {
    return new SessionDraft(sid, {}, null, 0);
  }

  get isStored(): boolean {
    return this.stored !== undefined;
  }

  /** The fields as they are stored. */
  get data(): Readonly<Record<string, unknown>> {
    return this.values;
  }

  /** JSON text of each stored field. */
  get texts(): ReadonlyMap<string, string> {
    return this.stored?.texts ?? NO_TEXTS;
  }

  /** Whose session it is in the store; `undefined`: it is not stored. */
  get userId(): string | null | undefined {
    return this.stored?.userId;
  }

  /** How its user has authenticated, as far as that is stored. */
  get signIn(): RequestSignIn | null {
    const { stored } = this;
    if (!stored?.signIn) return null;
    const { atMs, method, actor } = stored.signIn;
    return { ageMs: Math.max(0, performance.now() - atMs), method, actor };
  }

  /** Name of the identity provider's session by which its user has signed in, or `null`. */
  get provider(): string | null {
    return this.stored?.signIn?.provider ?? null;
  }

  get remaining(): RequestRemaining | null {
    const { stored } = this;
    if (!stored) return null;
    const now = performance.now();
    return { idleMs: Math.max(0, stored.deadlineMs - now), absoluteMs: Math.max(0, stored.latestMs - now) };
  }

  /**
   * What of a live session is not stored; `undefined`: nothing.
   *
   * @throws SessionSerializationError when a field cannot be stored.
   */
  compare(session: object): SessionDelta | undefined {
    const { texts, values } = this;
    let set: Map<string, string> | undefined;
    let written: Record<string, unknown> | undefined;
    let kept = 0;
    let count = 0;
    let length = 0;
    for (const name of Object.keys(session)) {
      if (!isField(name)) continue;
      const value = (session as Record<string, unknown>)[name];
      const known = texts.get(name);
      const isSame = known !== undefined && value === values[name] && (typeof value !== 'object' || value === null);
      const text = isSame ? known : encodeField(name, value);
      if (text === undefined) continue;
      if (known !== undefined) kept += 1;
      count += 1;
      length += name.length + text.length;
      if (text === known) continue;
      (set ??= new Map()).set(name, text);
      (written ??= {})[name] = value;
    }
    const hasRemoved = kept < texts.size;
    const cookie = this.changedCookie((session as { readonly cookie?: unknown }).cookie);
    const { authentication } = this;
    if (!set && !hasRemoved && !cookie && !authentication && this.stored) return undefined;
    const remove = hasRemoved ? [...texts.keys()].filter((name) => isAbsent(session, name)) : [];
    const delta = deltaOf(set ?? new Map<string, string>(), remove, cookie, session, { length, count }, written ?? {});
    return authentication ? { ...delta, authentication } : delta;
  }

  /** The same of the cookie alone. */
  compareCookie(session: object): SessionDelta | undefined {
    const cookie = this.changedCookie((session as { readonly cookie?: unknown }).cookie);
    let length = 0;
    for (const [name, text] of this.texts) length += name.length + text.length;
    return cookie && deltaOf(new Map(), [], cookie, session, { length, count: this.texts.size }, {});
  }

  /** Takes note that it was created, with all of this. @param longestMs - how long it may live at the most */
  created(delta: SessionDelta, change: SessionChange, { remainingMs }: StoredState, longestMs: number): void {
    const now = performance.now();
    const { userId } = change;
    const inherited = userId !== null && this.source?.userId === userId ? this.source.draft.stored : undefined;
    const times = { deadlineMs: now + remainingMs, latestMs: inherited?.latestMs ?? now + longestMs };
    const signIn = inherited?.signIn ?? signInBy(change);
    this.stored = { texts: delta.set, cookieText: delta.cookie ?? null, userId, ...times, signIn };
    // What was inherited is replaced by the next change.
    if (inherited === undefined) this.settleAuthentication(delta);
    this.values = delta.values;
    this.cookie = typeof delta.cookie !== 'string' ? null : parseCookie(delta.cookie);
  }

  /** The successor of this session, with the texts that are stored of it. @param longestMs - how long it may live from now */
  movedTo(
    sid: string,
    texts: ReadonlyMap<string, string>,
    { remainingMs, userId }: StoredState & { readonly userId: string | null },
    longestMs: number | undefined,
    authentication: SessionAuthentication | undefined,
  ): SessionDraft {
    const next = new SessionDraft(sid, {}, null, remainingMs);
    const now = performance.now();
    const latestMs = longestMs === undefined ? (this.stored?.latestMs ?? Infinity) : now + longestMs;
    const signIn = userId !== null && authentication ? { ...authentication, atMs: now } : (this.stored?.signIn ?? null);
    next.stored = { texts, cookieText: null, userId, deadlineMs: now + remainingMs, latestMs, signIn };
    next.isMoved = true;
    return next;
  }

  /** Takes note that this change is stored. */
  committed(delta: SessionDelta, change: SessionChange, { remainingMs }: StoredState, longestMs: number): void {
    const { stored } = this;
    if (!stored) return;
    const texts = new Map(stored.texts);
    for (const name of delta.remove) texts.delete(name);
    for (const [name, text] of delta.set) texts.set(name, text);
    const cookieText = delta.cookie === undefined ? stored.cookieText : delta.cookie;
    if (delta.cookie !== undefined) this.cookie = delta.cookie === null ? null : parseCookie(delta.cookie);
    const { userId, isSignIn, authentication } = change;
    const now = performance.now();
    const isNew = userId !== null && (isSignIn || authentication !== undefined);
    const signIn = isNew ? signInBy(change) : userId === null ? null : stored.signIn;
    const latestMs = isNew && signIn?.actor === null ? now + longestMs : stored.latestMs;
    this.stored = { texts, cookieText, userId, deadlineMs: now + remainingMs, latestMs, signIn };
    this.values = { ...this.values, ...delta.values };
    this.settleAuthentication(delta);
  }

  /** Takes note that its deadline was moved. */
  touched({ remainingMs }: StoredState): void {
    if (this.stored) this.stored = { ...this.stored, deadlineMs: performance.now() + remainingMs };
  }

  /** By how much a touch now would move the deadline. */
  touchGainMs(idleTimeoutMs: number): number {
    const { stored } = this;
    return stored ? Math.min(performance.now() + idleTimeoutMs, stored.latestMs) - stored.deadlineMs : 0;
  }

  private settleAuthentication({ authentication }: SessionDelta): void {
    if (this.authentication === authentication) this.authentication = undefined;
  }

  private changedCookie(cookie: unknown): EncodedCookie | undefined {
    const { stored } = this;
    if (!stored) return encodeCookie(cookie);
    return changedCookie(this.cookie, stored.cookieText, cookie);
  }
}

/** How the user of a change has authenticated by it; `null`: the session is nobody's. */
function signInBy({ userId, authentication = PLAIN_SIGN_IN }: SessionChange): DraftSignIn | null {
  return userId === null ? null : { ...authentication, atMs: performance.now() };
}

function deltaOf(
  set: ReadonlyMap<string, string>,
  remove: readonly string[],
  cookie: EncodedCookie | undefined,
  session: object,
  { length, count }: { readonly length: number; readonly count: number },
  values: Readonly<Record<string, unknown>>,
): SessionDelta {
  return {
    set,
    remove,
    values,
    length,
    fieldCount: count,
    fields: [...set.keys(), ...remove],
    changesCookie: cookie !== undefined,
    cookie: cookie?.text,
    cookieMaxAgeMs: cookie ? cookie.maxAgeMs : cookieLifeMs((session as { readonly cookie?: unknown }).cookie),
  };
}

function isAbsent(session: object, name: string): boolean {
  return !Object.hasOwn(session, name) || encodeField(name, (session as Record<string, unknown>)[name]) === undefined;
}
