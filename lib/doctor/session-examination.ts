import type { SessionFinding } from './session-finding.js';

/** All findings of one examination. @internal */
export interface SessionExamination {
  /** When it ended: epoch milliseconds of this process. */
  readonly atMs: number;
  /** The gravest first; empty: all is well. */
  readonly findings: readonly SessionFinding[];
}

/** An examiner of the servers, for pages and health checks. @internal */
export interface SessionExaminer {
  /**
   * An examination that is at most a minute old; `isFresh`: one that begins now.
   *
   * @throws SessionUnsupportedError when the sessions do not live in Redis.
   */
  recent(isFresh?: boolean): Promise<SessionExamination>;
}
