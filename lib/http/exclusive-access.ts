import type { ServerResponse } from 'node:http';
import { SessionUnsupportedError } from '../errors/session-unsupported.error.js';
import type { SessionLock, SessionLocks } from '../store/session-locks.js';

/** What exclusive access asks of the request that has it. @internal */
export interface LockableRequest {
  readonly response: ServerResponse;
  /** The id to lock; `undefined`: nobody else can have the session. */
  readonly lockableId: string | undefined;
  /** Loads the session anew, for the owner of its lock. */
  loadFor(owner: string, sid: string): Promise<void>;
  /** Takes note of a failure that the response may have to tell. */
  note(error: unknown): void;
}

/**
 * Exclusive access of one request to its session: the lock is held until its handlers have settled and its response is stored, or
 * the connection gone. What is stored after that is refused.
 *
 * @internal
 */
export class ExclusiveAccess {
  private entry: Promise<void> | undefined = undefined;
  private lock: SessionLock | undefined = undefined;
  /** Handlers that run: a GraphQL operation may call several. */
  private handlers = 0;
  private isOver = false;

  constructor(
    private readonly request: LockableRequest,
    private readonly locks: SessionLocks | null,
  ) {}

  /**
   * Takes the lock and loads the session anew; once, however often it is asked.
   *
   * @throws SessionLockTimeoutError when it could not be had in time.
   * @throws SessionUnsupportedError when the store has no locks.
   */
  enter(): Promise<void> {
    return (this.entry ??= this.take());
  }

  /** A handler begins. */
  handlerBegins(): void {
    this.handlers += 1;
  }

  /** A handler has settled. */
  handlerEnds(): void {
    this.handlers -= 1;
    this.releaseWhenDone();
  }

  /** The response's last byte has been let go, or nobody can take it. */
  responseEnds(): void {
    this.isOver = true;
    this.releaseWhenDone();
  }

  private async take(): Promise<void> {
    const { request, locks } = this;
    if (!locks)
      throw new SessionUnsupportedError("@SessionAccess('exclusive')", 'sessions in Redis or in this process');
    const sid = request.lockableId;
    if (sid === undefined) return;
    const gone = new AbortController();
    request.response.once('close', () => {
      gone.abort();
      this.responseEnds();
    });
    try {
      this.lock = await locks.acquire(sid, gone.signal);
      await request.loadFor(this.lock.owner, sid);
    } catch (error) {
      await this.lock?.release();
      request.note(error);
      throw error;
    }
  }

  private releaseWhenDone(): void {
    if (this.handlers === 0 && this.isOver) void this.lock?.release();
  }
}
