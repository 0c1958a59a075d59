import type { StoredSession } from '../core/session-record.js';
import { readField, UndecodableFieldError } from './session-codec.js';

/**
 * Fields whose text is longer than this are read when somebody asks for them. Reading them, and serialising them again to tell
 * what has changed, is nearly all that a session of some size costs a request that needs a part of it; with shorter ones
 * it would take longer to put it off.
 * @unit characters
 */
export const LATE_LENGTH = 256;

type Getter = () => unknown;

/**
 * The long fields of live sessions, as they are stored, until somebody asks for them: a property then that is like any other.
 *
 * @internal
 */
export class LateFields {
  /** What was loaded for a live session that is still to be built. */
  private readonly stored = new WeakMap<object, StoredSession>();
  private readonly unread = new WeakMap<object, Map<string, Getter>>();

  /** @param onUndecodable - told of a field that turns out to be no JSON when it is asked for; it has no value then */
  constructor(private readonly onUndecodable: (stored: StoredSession, field: string) => void) {}

  /** Takes note of what was loaded for session data that hold the short fields alone. */
  loaded(data: object, stored: StoredSession): void {
    this.stored.set(data, stored);
  }

  /** Gives the live session that was made of such data its long fields. */
  adopt(data: object, live: object): void {
    const stored = this.stored.get(data);
    if (!stored) return;
    let getters: Map<string, Getter> | undefined;
    for (const [name, text] of stored.fields) {
      // express-session leaves out what a session has by itself: its methods, `__proto__`.
      if (text.length <= LATE_LENGTH || name in live) continue;
      getters ??= new Map();
      getters.set(name, this.defineOne(live, stored, name, text));
    }
    if (getters) this.unread.set(live, getters);
  }

  /**
   * Tells which fields are still as they were loaded: nobody has asked for them, replaced them or taken them away. `undefined`:
   * there was none to begin with.
   */
  unreadOf(live: object): ((name: string) => boolean) | undefined {
    const getters = this.unread.get(live);
    if (!getters) return undefined;
    return (name) => {
      const getter = getters.get(name);
      return getter !== undefined && Object.getOwnPropertyDescriptor(live, name)?.get === getter;
    };
  }

  private defineOne(live: object, stored: StoredSession, name: string, text: string): Getter {
    const settle = (value: unknown): void => {
      Object.defineProperty(live, name, { configurable: true, enumerable: true, writable: true, value });
    };
    const get = (): unknown => {
      try {
        const value = readField(stored, name, text);
        settle(value);
        return value;
      } catch (error) {
        if (!(error instanceof UndecodableFieldError)) throw error;
        this.onUndecodable(stored, name);
        return undefined;
      }
    };
    Object.defineProperty(live, name, { configurable: true, enumerable: true, get, set: settle });
    return get;
  }
}
