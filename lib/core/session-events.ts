/** Something that happened to a session. Ids are stored ids (hashes), never what a cookie carries. @public */
export type SessionEvent =
  | {
      /** A new session was stored. */
      readonly type: 'created';
      readonly id: string;
      readonly userId: string | null;
    }
  | {
      /** A session was taken over from the store of `migrateFrom`. */
      readonly type: 'migrated';
      readonly id: string;
      readonly userId: string | null;
    }
  | {
      /** A session was ended by its own request, or with all others (`clear`). */
      readonly type: 'destroyed';
      readonly id: string;
    }
  | {
      /** A session's time ran out. Told once in each installation, some time after it happened. */
      readonly type: 'expired';
      readonly id: string;
    }
  | {
      /** A session got a new id; `id` is the old one. */
      readonly type: 'rotated';
      readonly id: string;
    }
  | {
      /** A session was ended from outside. */
      readonly type: 'revoked';
      readonly id: string;
      readonly userId: string | null;
      /** `limit`: its user signed in elsewhere and `maxSessionsPerUser` was reached. */
      readonly reason: 'revoke' | 'signOutEverywhere' | 'revokeBySid' | 'limit';
    }
  | {
      /** A request's change was not stored. */
      readonly type: 'lostWrite';
      readonly id: string;
      /** Top-level fields whose change is lost. */
      readonly fields: readonly string[];
      /** `gone`: the session had ended or been rotated meanwhile; `lock`: its exclusive lock went to another request. */
      readonly reason: 'gone' | 'lock';
    }
  | {
      /** A stored session cannot be read; it counts as no session. */
      readonly type: 'undecodable';
      readonly id: string;
      /** The field that cannot be read. */
      readonly field: string;
    };

/** Takes session events; what it throws is not caught. @public */
export type SessionEventListener = (event: SessionEvent) => void;

/** Where a process's events are taken from. @internal */
export interface SessionEventSource {
  readonly all: { subscribe(next: SessionEventListener): { unsubscribe(): void } };
}
