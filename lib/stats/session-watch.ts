import type { OnApplicationShutdown } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { storedId } from '../core/session-id.js';
import { SESSION_REPOSITORY } from '../core/session.tokens.js';
import { SessionUnsupportedError } from '../errors/session-unsupported.error.js';
import type { SessionRepository } from '../store/session-repository.js';
import type { SessionInstallationEvent } from './installation-event.js';
import type { SessionEndReason } from './session-counts.js';
import { SessionInstallationEvents } from './session-installation-events.js';

/** How often deadlines are looked at. @unit milliseconds */
const PERIOD_MS = 250;
/** As many sessions are read at the same time. */
const READ_COUNT = 50;
/** As many events are remembered, for those who begin to watch a session that they have loaded a moment before. */
const RECENT_COUNT = 10_000;

/**
 * Why a session is not the one any more that somebody began with. `gone`: nobody knows; `userChanged`: it lives, and has another
 * user, its first one, or none any more.
 *
 * @public
 */
export type SessionEnding = SessionEndReason | 'userChanged' | 'gone';

/** A session as somebody has loaded it who wants to know when it ends. @internal */
export interface WatchedSession {
  /** The id as the cookie carries it. */
  readonly sid: string;
  /** Whose it is. */
  readonly userId: string | null;
  /** How long it lives when nobody touches it. @unit milliseconds */
  readonly remainingMs: number;
}

interface Watcher {
  readonly userId: string | null;
  readonly end: (ending: SessionEnding) => void;
}

interface Watched {
  readonly sid: string;
  readonly watchers: Set<Watcher>;
  /** When it is to be read again; this process's monotonic clock. 0: at once. */
  dueMs: number;
  /** Whether it was found gone, and for another period its event may say why. */
  isGone: boolean;
}

/**
 * Tells those who hold something open for a session (sockets, event streams) when it ends, gets a new id or another user, whichever
 * instance did it.
 *
 * @remarks
 * Events of the installation tell within a fraction of a second. Nobody need tell of an expiry: a session is read at its deadline.
 * All are read when events may have been missed.
 *
 * @internal
 */
@Injectable()
export class SessionWatch implements OnApplicationShutdown {
  private readonly sessions = new Map<string, Watched>();
  private readonly recent = new LRUCache<string, SessionInstallationEvent>({ max: RECENT_COUNT });
  private timer: NodeJS.Timeout | undefined;
  private hasSubscribed = false;
  private isOver = false;

  constructor(
    @Inject(SESSION_REPOSITORY) private readonly repository: SessionRepository | null,
    @Inject(SessionInstallationEvents) private readonly events: SessionInstallationEvents,
  ) {}

  /** Whether sessions can be watched: not with the application's own `store`. */
  get isSupported(): boolean {
    return this.repository !== null;
  }

  /**
   * Calls back once when the session ends; returns the way to leave it.
   *
   * @throws SessionUnsupportedError with the application's own `store`.
   */
  watch({ sid, userId, remainingMs }: WatchedSession, end: (ending: SessionEnding) => void): () => void {
    if (!this.repository)
      throw new SessionUnsupportedError('to watch a session', 'sessions in Redis or in this process');
    this.begin();
    const { id } = storedId(sid, 1);
    const dueMs = performance.now() + remainingMs;
    const watched = this.sessions.get(id) ?? { sid, watchers: new Set<Watcher>(), dueMs, isGone: false };
    const watcher = { userId, end };
    watched.watchers.add(watcher);
    this.sessions.set(id, watched);
    // It may have ended between its load and now.
    const event = this.recent.get(id);
    if (event)
      queueMicrotask(() => {
        this.apply(event);
      });
    return () => {
      watched.watchers.delete(watcher);
      if (watched.watchers.size === 0 && this.sessions.get(id) === watched) this.sessions.delete(id);
    };
  }

  /** Reads a session soon: somebody found it gone, and does not know why. */
  doubt(sid: string): void {
    const watched = this.sessions.get(storedId(sid, 1).id);
    if (watched) watched.dueMs = 0;
  }

  /** Called by Nest. */
  onApplicationShutdown(): void {
    this.isOver = true;
    clearTimeout(this.timer);
  }

  /** Follows the events from now on; whoever opens something later need not wait for that. */
  begin(): void {
    if (this.hasSubscribed || this.isOver) return;
    this.hasSubscribed = true;
    const doubtAll = (): void => {
      for (const watched of this.sessions.values()) watched.dueMs = 0;
    };
    const subscription = this.events.subscribe({
      next: (event) => {
        if (event.type === 'created') return;
        this.recent.set(event.id, event);
        this.apply(event);
      },
      lost: doubtAll,
    });
    // What happened before the first look is not among the events.
    void subscription.ready.then(doubtAll);
    this.arm();
  }

  private arm(): void {
    if (this.isOver) return;
    this.timer = setTimeout(() => {
      void this.readDue().finally(() => {
        this.arm();
      });
    }, PERIOD_MS).unref();
  }

  private apply(event: SessionInstallationEvent): void {
    if (event.type === 'ended') this.end(event.id, event.reason);
    else if (event.type === 'userChanged') this.endOthers(event.id, event.userId);
  }

  private async readDue(): Promise<void> {
    const now = performance.now();
    const due = [...this.sessions.entries()].filter(([, { dueMs }]) => dueMs <= now);
    for (let start = 0; start < due.length && !this.isOver; start += READ_COUNT) {
      // An outage of Redis: they stay due.
      const page = due.slice(start, start + READ_COUNT);
      await Promise.all(page.map(([id, watched]) => this.read(id, watched).catch(ignore)));
    }
  }

  private async read(id: string, watched: Watched): Promise<void> {
    const { repository } = this;
    if (!repository) return;
    const { sid, dueMs } = watched;
    // Whoever doubts it while it is being read has it read once more.
    watched.dueMs = Infinity;
    repository.cache?.forget(sid);
    const session = await repository.records.load(sid).catch((error: unknown) => {
      watched.dueMs = dueMs;
      throw error;
    });
    if (!session) this.endUnsaid(id, watched, dueMs);
    else if (session.isRotated) this.end(id, 'rotated');
    else {
      if (watched.dueMs === Infinity) watched.dueMs = performance.now() + session.remainingMs;
      this.endOthers(id, session.userId);
    }
  }

  /** It is gone, and no event has said so. */
  private endUnsaid(id: string, watched: Watched, dueMs: number): void {
    if (dueMs > 0) this.end(id, 'expired');
    else if (watched.isGone) this.end(id, 'gone');
    else Object.assign(watched, { isGone: true, dueMs: 0 });
  }

  private end(id: string, ending: SessionEnding): void {
    const watched = this.sessions.get(id);
    if (!watched) return;
    this.sessions.delete(id);
    for (const { end } of watched.watchers) end(ending);
  }

  /** Ends it for those who began with another user. */
  private endOthers(id: string, userId: string | null): void {
    const watched = this.sessions.get(id);
    if (!watched) return;
    for (const watcher of [...watched.watchers]) {
      if (watcher.userId === userId) continue;
      watched.watchers.delete(watcher);
      watcher.end('userChanged');
    }
    if (watched.watchers.size === 0) this.sessions.delete(id);
  }
}

function ignore(): void {
  // The link reports its failures.
}
