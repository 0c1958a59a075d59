import { SessionStaleError } from '../errors/session-stale.error.js';
import { encodeCookie, encodeSession } from '../store/session-codec.js';
import type { LiveSession } from './session.types.js';

interface Retired {
  readonly session: LiveSession;
  readonly replacedBy: string;
  readonly texts: ReadonlyMap<string, string>;
}

/**
 * The session objects that a request's session has had before: after `regenerate`, `reload` and `destroy` somebody may still hold
 * one, and what they write to it is stored nowhere. So each is remembered as it was, and a difference is an error.
 *
 * @internal
 */
export class RetiredSessions {
  private readonly all: Retired[] = [];

  /** Takes note of a session object that was replaced just now. */
  add(session: LiveSession, replacedBy: string): void {
    this.all.push({ session, replacedBy, texts: textsOf(session) });
  }

  /** What replaced a session object; `undefined`: nothing has. */
  replacerOf(session: LiveSession): string | undefined {
    return this.all.find((retired) => retired.session === session)?.replacedBy;
  }

  /**
   * Finds changes that would be lost.
   *
   * @throws SessionStaleError when one of them was changed since.
   */
  check(): void {
    for (const { session, replacedBy, texts } of this.all) {
      const now = textsOf(session);
      const names = new Set([...texts.keys(), ...now.keys()]);
      const changed = [...names].filter((name) => texts.get(name) !== now.get(name));
      if (changed.length > 0) throw new SessionStaleError(replacedBy, changed);
    }
  }
}

function textsOf(session: LiveSession): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  const { cookie, ...fields } = session as LiveSession & Record<string, unknown>;
  try {
    for (const [name, text] of encodeSession(fields).fields) texts.set(name, text);
  } catch {
    // A session that could not be stored anyway.
  }
  texts.set('cookie', encodeCookie(cookie).text ?? '');
  return texts;
}
