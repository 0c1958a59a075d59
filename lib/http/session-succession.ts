import { randomBytes } from 'node:crypto';
import type { RequestDraft, RequestMove, RequestStore } from '../store/request-store.js';
import type { RawRequest } from './raw-http.js';

/** How a session gets a new id, but for the id. @internal */
export type SessionRenewal = Omit<RequestMove, 'fresh'>;

/** As express-session does it: nothing is kept, and the old id is worth nothing at once. @internal */
export const PLAIN_RENEWAL: SessionRenewal = Object.freeze({ graceMs: 0, keep: [], isReauthenticated: false });

/**
 * Which sessions a request has after each other: a new one comes from the stored one before it, so that what was ended meanwhile
 * is no source of another.
 *
 * @internal
 */
export class SessionSuccession {
  /** The stored session that the request had last. */
  private last: RequestDraft | undefined = undefined;

  constructor(
    private readonly request: RawRequest,
    private readonly genid: ((request: unknown) => string) | undefined,
  ) {}

  /** Takes note of the stored session that the request has. */
  follow(draft: RequestDraft): RequestDraft {
    this.last = draft;
    return draft;
  }

  /** A new session. */
  begin(port: RequestStore): RequestDraft {
    return port.begin(this.freshId(), this.last);
  }

  /** Gives a stored session a new id; the draft of its successor, or `null` when it is gone. */
  async move(
    port: RequestStore,
    draft: RequestDraft,
    live: Parameters<RequestStore['move']>[1],
    renewal: SessionRenewal,
  ): Promise<RequestDraft | null> {
    const next = await port.move(draft, live, { ...renewal, fresh: this.freshId() });
    return next?.isStored ? this.follow(next) : next;
  }

  private freshId(): string {
    return this.genid?.(this.request) ?? randomBytes(24).toString('base64url');
  }
}
