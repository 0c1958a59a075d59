/** What happens to sessions; ids are stored ids, never what a cookie carries. @public */
export type SessionEvent =
  | {
      /** A request changed a session that had ended meanwhile; nothing was stored. */
      readonly type: 'lostWrite';
      readonly id: string;
      /** Top-level fields whose change is lost. */
      readonly fields: readonly string[];
      readonly reason: 'gone';
    }
  | {
      /** A stored session cannot be read; it counts as no session. */
      readonly type: 'undecodable';
      readonly id: string;
      /** The field that cannot be read. */
      readonly field: string;
    }
  | {
      /** The deadline of a session could not be moved; it will be at the next request. */
      readonly type: 'touchFailed';
      readonly id: string;
      readonly error: unknown;
    };

/** Takes session events; must not throw. @public */
export type SessionEventListener = (event: SessionEvent) => void;
