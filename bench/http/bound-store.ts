import session from 'express-session';

/**
 * The limit under express-session: a store that answers at once and copies only what express-session would otherwise spoil
 * (the session object itself and its cookie). No serialising, no I/O, no expiry. Good for nothing but measuring.
 */
export class BoundStore extends session.Store {
  private readonly sessions = new Map<string, session.SessionData>();

  override get(sid: string, callback: (error: unknown, data?: session.SessionData | null) => void): void {
    const stored = this.sessions.get(sid);
    callback(null, stored ? { ...stored, cookie: copyOf(stored.cookie) } : null);
  }

  override set(sid: string, data: session.SessionData, callback?: (error?: unknown) => void): void {
    // The enumerable own properties of a live session are its data; `req` and the id are hidden.
    this.sessions.set(sid, { ...data, cookie: copyOf(data.cookie) });
    callback?.();
  }

  override touch(_sid: string, _data: session.SessionData, callback?: () => void): void {
    callback?.();
  }

  override destroy(sid: string, callback?: (error?: unknown) => void): void {
    this.sessions.delete(sid);
    callback?.();
  }
}

function copyOf({ originalMaxAge }: session.Cookie): session.Cookie {
  return { originalMaxAge } as Partial<session.Cookie> as session.Cookie;
}
