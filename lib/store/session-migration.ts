import type { SessionData } from 'express-session';
import type { SessionEventListener } from '../core/session-events.js';
import { storedId } from '../core/session-id.js';
import type { OriginSession, SessionOrigin } from '../core/session-origin.js';
import type { SessionChange, StoredSession } from '../core/session-record.js';
import { SessionUnavailableError } from '../errors/session-unavailable.error.js';
import { changesIn, decodeOrigin, encodeOrigin, isMirrored } from './origin-session.js';
import type { DecodedOrigin } from './origin-session.js';
import type { SidSealer } from './sealed-sid.js';
import { CLOSED } from './session-imports.js';
import type { ImportOutcome, OriginMark, SessionImports } from './session-imports.js';
import type { SessionRecords } from './session-repository.js';
import { userIdText } from './user-id.js';

/** How often two stores are compared again, because one of them was changed meanwhile. */
const MAX_ROUNDS = 8;
/** A mirrored session ends a little later there than what is noted of it: when it is not there any more, it was ended. */
const MARK_MARGIN_MS = 1000;
/** By how much a deadline may lag behind in the other store, as a part of the session's life. */
const LAG_PART = 0.1;

/** Settings of a migration. @internal */
export interface MigrationSettings {
  readonly origin: SessionOrigin;
  /** Whether the other store is kept up to date. */
  readonly mirrors: boolean;
  readonly sealer: SidSealer;
  /** @unit milliseconds */
  readonly idleTimeoutMs: number;
  /** How long the other store may take. @unit milliseconds */
  readonly timeoutMs: number;
  /** How long a session that has ended is not taken over again. @unit milliseconds */
  readonly closedLifeMs: number;
  readonly userId?: ((session: Partial<SessionData>) => string | number | null | undefined) | undefined;
  readonly onEvent?: SessionEventListener | undefined;
}

/** What became of a session of another store; `absent`: it has none; `unreadable`: what it has is no session. @internal */
export type MigrationOutcome = ImportOutcome | 'absent' | 'unreadable';

/**
 * Takes sessions over from another store and, while instances of before run, keeps both the same: a session that one of them
 * changes or ends is changed or ended here too.
 *
 * @internal
 */
export class SessionMigration {
  constructor(
    private readonly records: SessionRecords,
    private readonly imports: SessionImports,
    private readonly options: MigrationSettings,
  ) {}

  get mirrors(): boolean {
    return this.options.mirrors;
  }

  /** Takes a session over; it is removed there unless that store is kept up to date. */
  async move(sid: string): Promise<MigrationOutcome> {
    const theirs = await this.ask((origin) => origin.read(sid));
    const outcome = theirs ? await this.take(sid, theirs) : 'absent';
    if (this.mirrors && (outcome === 'moved' || outcome === 'here')) await this.settle(sid);
    return outcome;
  }

  /**
   * Makes both stores the same and resolves with the session, or with `null` when there is none any more.
   *
   * @param isTouched - its deadline was moved here right now
   */
  async settle(sid: string, isTouched = false, signal?: () => AbortSignal): Promise<StoredSession | null> {
    let isDue = isTouched;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const [ours, theirs] = await Promise.all([
        this.records.load(sid, signal),
        this.ask((origin) => origin.read(sid)),
      ]);
      if (ours?.isRotated) return ours;
      if (!ours) {
        const outcome = theirs ? await this.take(sid, theirs) : 'absent';
        // Absent: an instance that does not mirror may have moved it between the two looks.
        if (outcome === 'moved' || outcome === 'here' || (outcome === 'absent' && round === 0)) continue;
        return null;
      }
      if (!theirs && (await this.wasEndedThere(ours.id))) {
        await this.records.destroy(sid);
        return null;
      }
      const decoded = theirs && decodeOrigin(theirs);
      if (decoded && (await this.adopt(sid, decoded, theirs.remainingMs, ours))) continue;
      if (decoded && !isDue && isMirrored(decoded, ours) && !isLagging(theirs, ours)) return ours;
      isDue = false;
      if (await this.ask((origin) => origin.write(sid, encodeOrigin(ours), ours.remainingMs, theirs))) {
        await this.imports.mark(sid, this.markOf(sid, ours.remainingMs));
      }
    }
    throw new SessionUnavailableError(
      'overload',
      'A session is changed in both stores faster than they can be compared.',
    );
  }

  /** Ends a session in the other store that has ended here, by its stored id. */
  async forget(id: string): Promise<void> {
    const text = await this.imports.marked(id);
    const sealed = text?.startsWith(CLOSED) ? text.slice(CLOSED.length) : text;
    const sid = sealed ? this.options.sealer.open(sealed) : null;
    if (sid !== null) await this.remove(sid);
  }

  /** Ends a session in the other store that was never here: it may not be taken over any more. */
  async bar(sid: string): Promise<void> {
    await this.imports.mark(sid, { text: CLOSED, lifeMs: this.options.closedLifeMs });
    await this.remove(sid);
  }

  /** Ends a session in the other store. */
  remove(sid: string): Promise<void> {
    return this.ask((origin) => origin.remove(sid));
  }

  private async take(sid: string, theirs: OriginSession): Promise<MigrationOutcome> {
    const change = this.changeOf(theirs);
    if (!change) return 'unreadable';
    if (change.idleTimeoutMs <= 0) return 'absent';
    const mark = this.markOf(sid, change.idleTimeoutMs);
    const outcome = await this.imports.take(sid, change, mark);
    if (outcome === 'moved')
      this.options.onEvent?.({ type: 'migrated', id: storedId(sid, 1).id, userId: change.userId });
    const isOver = outcome === 'ended' || outcome === 'signedOut';
    const isHere = !this.mirrors && (outcome === 'moved' || outcome === 'here');
    // What stays there does no harm: it is not taken over a second time.
    if (isOver || isHere) await this.remove(sid).catch(ignore);
    return outcome;
  }

  /** Stores here what was changed there; `true`: then both have to be compared again. */
  private async adopt(
    sid: string,
    theirs: DecodedOrigin,
    remainingMs: number | null,
    ours: StoredSession,
  ): Promise<boolean> {
    const wins = theirs.base !== null || (await this.imports.marked(ours.id))?.startsWith(CLOSED) !== true;
    const changes = changesIn(theirs, ours, wins);
    if (!changes) return false;
    const fields = new Map([...ours.fields, ...changes.set]);
    for (const name of changes.remove) fields.delete(name);
    const data = Object.fromEntries([...fields].map(([name, text]) => [name, JSON.parse(text) as unknown]));
    const userId = this.userOf(data);
    const { outcome } = await this.records.commit(sid, {
      ...changes,
      userId,
      isSignIn: userId !== null && userId !== ours.userId,
      keepsUser: userId === ours.userId,
      length: lengthOf(fields),
      idleTimeoutMs: Math.ceil(Math.max(1, ours.remainingMs, remainingMs ?? this.lifeIn(theirs.data))),
    });
    // Its user may have no more sessions: what was there before counts in both.
    return outcome !== 'refused';
  }

  private async wasEndedThere(id: string): Promise<boolean> {
    const text = await this.imports.marked(id);
    return text !== null && !text.startsWith(CLOSED);
  }

  private markOf(sid: string, lifeMs: number): OriginMark {
    const { sealer, closedLifeMs } = this.options;
    if (!this.mirrors) return { text: CLOSED, lifeMs: closedLifeMs };
    return { text: sealer.seal(sid), lifeMs: Math.max(1, Math.floor(lifeMs - MARK_MARGIN_MS)) };
  }

  /** A session of the other store as one to store here; `null`: it cannot be read. */
  private changeOf(theirs: OriginSession): SessionChange | null {
    try {
      const { fields: set, data, cookie, length } = decodeOrigin(theirs);
      // No session of express-session is without one.
      if (cookie === null) return null;
      const userId = this.userOf(data);
      const isSignIn = userId !== null;
      const idleTimeoutMs = Math.ceil(theirs.remainingMs ?? this.lifeIn(data));
      return { set, remove: [], cookie, userId, length, idleTimeoutMs, isSignIn, keepsUser: false };
    } catch {
      return null;
    }
  }

  /** How long a session lives of which the store says no more than that it does: as one that is used right now. */
  private lifeIn(data: Readonly<Record<string, unknown>>): number {
    const { originalMaxAge, expires } = (data['cookie'] ?? {}) as { originalMaxAge?: unknown; expires?: unknown };
    if (typeof originalMaxAge === 'number') return originalMaxAge;
    const left = typeof expires === 'string' ? Date.parse(expires) - Date.now() : NaN;
    return left > 0 ? left : this.options.idleTimeoutMs;
  }

  private userOf(data: Readonly<Record<string, unknown>>): string | null {
    return userIdText(this.options.userId?.(data));
  }

  private async ask<T>(work: (origin: SessionOrigin) => Promise<T>): Promise<T> {
    const { origin, timeoutMs } = this.options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`no answer within ${timeoutMs} ms`));
      }, timeoutMs);
    });
    try {
      return await Promise.race([work(origin), late]);
    } catch (cause) {
      throw new SessionUnavailableError('origin', 'The store of `migrateFrom` did not answer.', { cause });
    } finally {
      clearTimeout(timer);
    }
  }
}

function isLagging(theirs: OriginSession | null, ours: StoredSession): boolean {
  const left = theirs?.remainingMs ?? null;
  return left !== null && left < ours.remainingMs * (1 - LAG_PART);
}

function lengthOf(fields: ReadonlyMap<string, string>): number {
  let length = 0;
  for (const [name, text] of fields) length += name.length + text.length;
  return length;
}

function ignore(): void {
  // See above.
}
