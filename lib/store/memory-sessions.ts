import type { Clock } from '../core/clock.js';
import type { StoredSession } from '../core/session-record.js';
import type { StoredState } from './session-repository.js';

/** How long an identity provider's session that was ended is known as such; as long as in Redis. @unit milliseconds */
const PROVIDER_MARK_LIFE_MS = 3_600_000;

/** One session of this process. @internal */
export interface MemorySession {
  readonly fields: Map<string, string>;
  cookie: string | null;
  userId: string | null;
  about: string | null;
  readonly createdAtMs: number;
  latestMs: number;
  deadlineMs: number;
  seenAtMs: number;
  version: number;
  authenticatedAtMs: number;
  method: string | null;
  actor: string | null;
  provider: string | null;
  lineage: string;
  isRotated: boolean;
  nextId: string | null;
}

/**
 * The sessions of this process by their stored ids, with whose they are, which ids have ended, and who was signed out.
 *
 * @internal
 */
export class MemorySessions {
  readonly byId = new Map<string, MemorySession>();
  private readonly users = new Map<string, Set<string>>();
  private readonly tombstones = new Map<string, { readonly untilMs: number; readonly nextId: string | null }>();
  /** When identity providers' sessions were ended. */
  private readonly endedProviders = new Map<string, number>();
  /** When users were signed out everywhere. */
  private readonly marks = new Map<string, number>();
  private allMarkMs = 0;
  private expired: string[] = [];
  private sweepAt = 1024;

  constructor(
    readonly clock: Clock,
    /** @unit milliseconds */
    private readonly tombstoneMs: number,
  ) {}

  /** A session that nobody has stored yet. */
  blank(id: string, absoluteTimeoutMs: number | null, nowMs: number): MemorySession {
    // Later than the last sign-out of everybody, which ends every session that was created until then.
    const createdAtMs = Math.max(nowMs, this.allMarkMs + 1);
    return {
      ...{ fields: new Map(), cookie: null, userId: null, about: null, createdAtMs, seenAtMs: createdAtMs },
      ...{ latestMs: createdAtMs + (absoluteTimeoutMs ?? Infinity), deadlineMs: 0, version: 0 },
      ...{
        authenticatedAtMs: createdAtMs,
        method: null,
        actor: null,
        provider: null,
        lineage: id,
        isRotated: false,
        nextId: null,
      },
    };
  }

  /** The session, unless it has expired. */
  live(id: string): MemorySession | undefined {
    const session = this.byId.get(id);
    if (!session || session.deadlineMs > this.clock.nowMs()) return session;
    this.forget(id, session);
    if (!session.isRotated) this.expired.push(id);
    return undefined;
  }

  /** The same, but only a session that can be changed and moved. */
  own(id: string): MemorySession | undefined {
    const session = this.live(id);
    return session?.isRotated ? undefined : session;
  }

  /** The same, but only a session that can be read: one that was moved while its successor is live and has the same user. */
  readable(id: string): MemorySession | undefined {
    const session = this.live(id);
    let next = session;
    while (next?.isRotated && next.nextId !== null) next = this.live(next.nextId);
    if (!session || !next) return undefined;
    return session.userId === null || next.userId === session.userId ? session : undefined;
  }

  /** Stores a session. */
  put(id: string, session: MemorySession): void {
    this.byId.set(id, session);
    if (this.byId.size + this.tombstones.size > this.sweepAt) this.sweep();
  }

  /** Makes a session a user's. */
  setUser(id: string, session: MemorySession, userId: string | null): void {
    this.leaveIndex(id, session);
    if (userId !== null) this.users.set(userId, (this.users.get(userId) ?? new Set<string>()).add(id));
    session.userId = userId;
  }

  /** A user's live sessions. */
  ofUser(userId: string): [string, MemorySession][] {
    return [...(this.users.get(userId) ?? [])].flatMap((id): [string, MemorySession][] => {
      const session = this.live(id);
      return session ? [[id, session]] : [];
    });
  }

  /** The moment that counts for a user who authenticates now: later than every sign-out of before. */
  authenticationMs(userId: string, nowMs: number): number {
    return Math.max(nowMs, (this.marks.get(userId) ?? 0) + 1);
  }

  /** Whether a sign-out of its user, or of everybody, came after a session's user authenticated. */
  isSignedOut({ userId, createdAtMs, authenticatedAtMs }: MemorySession): boolean {
    if (this.allMarkMs >= createdAtMs) return true;
    return userId !== null && (this.marks.get(userId) ?? -1) >= authenticatedAtMs;
  }

  /** Marks that the sessions of a user, or of everybody, from before now are to end. */
  mark(userId: string | null): number {
    const nowMs = this.clock.nowMs();
    if (userId === null) return (this.allMarkMs = Math.max(this.allMarkMs, nowMs));
    const markMs = Math.max(this.marks.get(userId) ?? 0, nowMs);
    this.marks.set(userId, markMs);
    return markMs;
  }

  /** An identity provider's session is over: nobody can sign in by it for a while. */
  endProvider(provider: string): void {
    this.endedProviders.set(provider, this.clock.nowMs());
  }

  /** Whether an identity provider's session was ended. */
  isProviderEnded(provider: string | null | undefined): boolean {
    return provider !== null && provider !== undefined && this.endedProviders.has(provider);
  }

  /** Ends a session; its id stays unusable for a while. */
  bury(id: string, nextId: string | null = null): void {
    const session = this.byId.get(id);
    if (session) this.forget(id, session);
    this.entomb(id, nextId);
  }

  /** Gives up a session for its successor: it can be read until its grace is over. */
  moveOn(id: string, session: MemorySession, nextId: string, graceMs: number): void {
    this.leaveIndex(id, session);
    session.isRotated = true;
    session.nextId = nextId;
    session.deadlineMs = Math.min(session.deadlineMs, this.clock.nowMs() + graceMs);
    this.entomb(id, nextId);
    if (graceMs <= 0) this.byId.delete(id);
  }

  /** Whether an id was in use a moment ago. */
  isBuried(id: string): boolean {
    return (this.tombstones.get(id)?.untilMs ?? 0) > this.clock.nowMs();
  }

  /** An id that was in use a moment ago may be used again. */
  exhume(id: string): void {
    this.tombstones.delete(id);
  }

  /** The session that an id stands for by now: after moves that of the last successor. */
  successorOf(id: string): string {
    const next = this.live(id)?.nextId ?? (this.isBuried(id) ? this.tombstones.get(id)?.nextId : null);
    return typeof next === 'string' ? this.successorOf(next) : id;
  }

  /** Sessions found expired since the last call. */
  takeExpired(): readonly string[] {
    const { expired } = this;
    this.expired = [];
    return expired;
  }

  /** Forgets all that has expired; the next sweep comes when the maps have doubled, so its cost is spread over the writes. */
  sweep(): void {
    const nowMs = this.clock.nowMs();
    for (const id of this.byId.keys()) this.live(id);
    for (const [id, { untilMs }] of this.tombstones) if (untilMs <= nowMs) this.tombstones.delete(id);
    for (const [userId, markMs] of this.marks) if (markMs + this.tombstoneMs <= nowMs) this.marks.delete(userId);
    const endedBefore = nowMs - PROVIDER_MARK_LIFE_MS;
    for (const [name, atMs] of this.endedProviders) if (atMs <= endedBefore) this.endedProviders.delete(name);
    this.sweepAt = Math.max(1024, 2 * (this.byId.size + this.tombstones.size));
  }

  /** A session as a repository hands it out. */
  handOut(id: string, session: MemorySession): StoredSession {
    const { latestMs, deadlineMs, authenticatedAtMs, fields, ...rest } = session;
    const nowMs = this.clock.nowMs();
    return {
      ...rest,
      id,
      fields: new Map(fields),
      authenticatedAtMs: session.userId === null ? null : authenticatedAtMs,
      authenticatedAgoMs: session.userId === null ? null : Math.max(0, nowMs - authenticatedAtMs),
      longestRemainingMs: latestMs - nowMs,
      remainingMs: Math.max(0, deadlineMs - nowMs),
    };
  }

  private entomb(id: string, nextId: string | null): void {
    this.tombstones.set(id, { untilMs: this.clock.nowMs() + this.tombstoneMs, nextId });
  }

  private forget(id: string, session: MemorySession): void {
    this.leaveIndex(id, session);
    this.byId.delete(id);
  }

  private leaveIndex(id: string, { userId }: MemorySession): void {
    if (userId === null) return;
    const ids = this.users.get(userId);
    ids?.delete(id);
    if (ids?.size === 0) this.users.delete(userId);
  }
}

/** What is known of a session right after a change of it. @internal */
export function stateOf({ deadlineMs, version }: MemorySession, nowMs: number): StoredState {
  return { remainingMs: Math.max(0, deadlineMs - nowMs), version };
}
