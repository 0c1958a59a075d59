import type { SessionLink } from '../core/session-link.js';
import type { StoredSession } from '../core/session-record.js';
import type { RedisKeyLayout, SessionKeys } from './redis-key-layout.js';
import { parseStoredSession } from './redis-session.record.js';

/** Moves of one session within a minute, the longest grace; beyond it its first ids cannot be read. @internal */
export const MAX_MOVES = 16;

/** Takes note of a stored session that cannot be read, and of the field. @internal */
export type UndecodableListener = (id: string, field: string) => void;

/**
 * Reads sessions, one command each. One that was moved can be read while the session that it was moved to is live and has the
 * same user; that takes a second command.
 *
 * @internal
 */
export class RedisSessionReader {
  constructor(
    private readonly link: SessionLink,
    private readonly layout: RedisKeyLayout,
    private readonly onUndecodable: UndecodableListener | undefined,
  ) {}

  /** The session, or `null` when there is none or it cannot be read. The signal ends the wait of a caller that has gone. */
  load({ id, session }: SessionKeys, signal?: () => AbortSignal): Promise<StoredSession | null> {
    return this.link.execute({ run: 'hgetall', keys: [session], args: [] }, { signal }).then(
      (hash) => {
        const stored = this.read(id, hash);
        return stored?.isRotated ? this.requireSuccessor(stored) : stored;
      },
      (error: unknown) => {
        if (!isWrongType(error)) throw error;
        this.onUndecodable?.(id, 'meta');
        return null;
      },
    );
  }

  private read(id: string, hash: unknown): StoredSession | null {
    const stored = parseStoredSession(id, hash, this.link.nowMs());
    if (typeof stored !== 'string') return stored;
    this.onUndecodable?.(id, stored);
    return null;
  }

  /** A session that was moved, if the one that it was moved to in the end is live and has the same user; or it had none. */
  private async requireSuccessor(moved: StoredSession): Promise<StoredSession | null> {
    // Written by a version that kept no lineage: it ends with its grace.
    if (moved.nextId === null) return moved;
    let next: StoredSession | null = moved;
    for (let moves = 0; next?.isRotated && moves < MAX_MOVES; moves++) {
      const { id, session } = this.layout.stored(next.nextId ?? '');
      next = this.read(id, await this.link.execute({ run: 'hgetall', keys: [session], args: [] }));
    }
    const isTheirs = moved.userId === null || next?.userId === moved.userId;
    return next && !next.isRotated && isTheirs ? moved : null;
  }
}

function isWrongType(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('WRONGTYPE');
}
