import type { SessionChange, StoredSession } from '../core/session-record.js';
import type { SessionImports } from './session-imports.js';
import type { SessionMigration } from './session-migration.js';
import type {
  CommitOutcome,
  CreateOutcome,
  MoveOutcome,
  SessionCache,
  SessionDirectory,
  SessionEndings,
  SessionLockPlace,
  SessionMove,
  SessionRecords,
  SessionRepository,
  SessionSource,
  StoredState,
  TouchOutcome,
} from './session-repository.js';

/**
 * A repository that takes over from another store the sessions that requests ask for and, when it mirrors, writes there what
 * becomes of them. Lists and counts know what is here.
 *
 * @internal
 */
export class MigratingRepository implements SessionRepository {
  readonly records: SessionRecords;
  readonly endings: SessionEndings;
  readonly directory: SessionDirectory;
  readonly locks: SessionLockPlace;
  readonly imports: SessionImports | undefined;
  readonly cache: SessionCache | undefined;

  constructor(
    place: SessionRepository,
    readonly migration: SessionMigration,
  ) {
    this.records = new MigratingRecords(place.records, migration);
    this.endings = place.endings;
    this.directory = place.directory;
    this.locks = place.locks;
    this.imports = place.imports;
    this.cache = place.cache;
  }
}

class MigratingRecords implements SessionRecords {
  constructor(
    private readonly place: SessionRecords,
    private readonly migration: SessionMigration,
  ) {}

  async load(sid: string, signal?: () => AbortSignal): Promise<StoredSession | null> {
    if (this.migration.mirrors) return this.migration.settle(sid, false, signal);
    const stored = await this.place.load(sid, signal);
    if (stored) return stored;
    const outcome = await this.migration.move(sid);
    // Absent there: another request may have moved it between the two looks.
    const isHere = outcome === 'moved' || outcome === 'here' || outcome === 'absent';
    return isHere ? this.place.load(sid, signal) : null;
  }

  async create(sid: string, change: SessionChange, source?: SessionSource): Promise<CreateOutcome> {
    const result = await this.place.create(sid, change, source);
    if (result.outcome === 'created') await this.mirror(sid);
    return result;
  }

  async commit(sid: string, change: SessionChange): Promise<CommitOutcome> {
    const result = await this.place.commit(sid, change);
    if (result.outcome === 'committed') await this.mirror(sid);
    return result;
  }

  async replace(sid: string, change: SessionChange): Promise<StoredState> {
    const state = await this.place.replace(sid, change);
    await this.mirror(sid);
    return state;
  }

  async touch(sid: string, idleTimeoutMs: number, userId: string | null): Promise<TouchOutcome> {
    const result = await this.place.touch(sid, idleTimeoutMs, userId);
    if (result.outcome === 'touched') await this.mirror(sid, true);
    return result;
  }

  async destroy(sid: string): Promise<'destroyed' | 'absent'> {
    const outcome = await this.place.destroy(sid);
    if (outcome === 'absent') await this.migration.bar(sid);
    else await this.endThere(sid);
    return outcome;
  }

  successorSid(sid: string, fresh: string): string {
    return this.place.successorSid(sid, fresh);
  }

  async move(sid: string, move: SessionMove): Promise<MoveOutcome> {
    const result = await this.place.move(sid, move);
    if (result.outcome === 'moved') {
      await this.mirror(move.to);
      await this.endThere(sid);
    }
    return result;
  }

  private async mirror(sid: string, isTouched = false): Promise<void> {
    if (this.migration.mirrors) await this.migration.settle(sid, isTouched);
  }

  /** A session that has ended here cannot be taken over again: only where others read that store it must be gone before the response. */
  private async endThere(sid: string): Promise<void> {
    const removal = this.migration.remove(sid);
    await (this.migration.mirrors ? removal : removal.catch(ignore));
  }
}

function ignore(): void {
  // It does no harm there.
}
