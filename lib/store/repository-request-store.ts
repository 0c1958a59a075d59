import type { IncomingMessage } from 'node:http';
import type { Session } from 'express-session';
import { LRUCache } from 'lru-cache';
import { storedId } from '../core/session-id.js';
import type { StoredSession } from '../core/session-record.js';
import { SessionTooLargeError } from '../errors/session-too-large.error.js';
import { SessionTooManyFieldsError } from '../errors/session-too-many-fields.error.js';
import type { PendingChange, RequestMove, RequestStore } from './request-store.js';
import { encodeField, parseCookie, UndecodableFieldError } from './session-codec.js';
import type { CookieData } from './session-codec.js';
import { cookieLifeMs } from './cookie-comparison.js';
import { SessionDraft } from './session-draft.js';
import type { SessionDelta } from './session-draft.js';
import type { SessionRepository } from './session-repository.js';
import { SessionWriter } from './session-writer.js';
import type { SessionStoreSettings } from './session-writer.js';
import { SESSION_DEFAULTS } from '../options/session.defaults.js';

const { touchIntervalPart: TOUCH_INTERVAL_PART } = SESSION_DEFAULTS;

/** Cookies of an installation are nearly all the same; this many texts are remembered with what they say. */
const REMEMBERED_COOKIES = 64;

/**
 * The sessions of requests over our repository: loads drafts, finds what changed and writes only that.
 *
 * @internal
 */
export class RepositoryRequestStore implements RequestStore<SessionDraft> {
  private readonly writer: SessionWriter;
  private readonly cookies = new LRUCache<string, CookieData>({ max: REMEMBERED_COOKIES });
  private readonly parse = (text: string): CookieData => {
    let cookie = this.cookies.get(text);
    if (!cookie) this.cookies.set(text, (cookie = Object.freeze(parseCookie(text))));
    return cookie;
  };

  constructor(
    private readonly repository: SessionRepository,
    private readonly settings: SessionStoreSettings,
    private readonly draftOf: (session: object) => SessionDraft | undefined = () => undefined,
  ) {
    this.writer = new SessionWriter(repository.records, settings);
  }

  load(_request: IncomingMessage, sid: string, signal?: () => AbortSignal): Promise<SessionDraft | null> {
    return this.repository.records.load(sid, signal).then((stored) => (stored ? this.open(sid, stored) : null));
  }

  begin(sid: string, source?: SessionDraft): SessionDraft {
    const draft = SessionDraft.ofNew(source ? this.repository.records.successorSid(source.sid, sid) : sid);
    draft.source = source && { sid: source.sid, userId: source.userId ?? null, draft: source };
    return draft;
  }

  adopt(session: Session): SessionDraft {
    return this.draftOf(session) ?? SessionDraft.ofNew(session.id);
  }

  inspect(draft: SessionDraft, session: object): SessionDelta | 'touch' | undefined {
    if (draft.isEnded) return undefined;
    const delta = draft.compare(session);
    if (delta) {
      const { maxBytes, maxFields } = this.settings;
      // One that has more since the bound was lowered can still be changed.
      if (delta.fieldCount > Math.max(maxFields, draft.texts.size)) {
        throw new SessionTooManyFieldsError(delta.fieldCount, maxFields);
      }
      if (delta.length * 3 > maxBytes) refuseLarge(session, maxBytes);
      return delta;
    }
    return this.isTouchDue(draft, session) ? 'touch' : undefined;
  }

  /** Stores what changed, and moves the deadline when nothing did; resolves at once when neither is due. */
  async save(draft: SessionDraft, session: object, change?: PendingChange | 'touch'): Promise<boolean> {
    const pending = change ?? this.inspect(draft, session);
    if (pending === 'touch') await this.writer.moveDeadline(draft, session);
    else if (pending) await this.writer.write(draft, session, pending as SessionDelta);
    return !draft.isEnded;
  }

  touch(draft: SessionDraft, session: object): Promise<void> {
    return this.writer.moveDeadline(draft, session);
  }

  async end(sid: string): Promise<void> {
    const outcome = await this.repository.records.destroy(sid);
    if (outcome === 'destroyed') this.settings.onEvent?.({ type: 'destroyed', id: storedId(sid, 1).id });
  }

  move(draft: SessionDraft, session: object | undefined, move: RequestMove): Promise<SessionDraft | null> {
    const change = session && this.inspect(draft, session);
    const to = this.repository.records.successorSid(draft.sid, move.fresh);
    return this.writer.move(draft, to, typeof change === 'object' ? change : undefined, move);
  }

  refresh(sid: string): void {
    this.repository.cache?.forget(sid);
  }

  /** Stores a whole session whatever was there before. */
  async replace(sid: string, data: object): Promise<void> {
    const draft = SessionDraft.ofNew(sid);
    const change = this.inspect(draft, data);
    if (change && change !== 'touch') await this.writer.replace(sid, data, change);
  }

  /** Stores the cookie when it changed, or moves the deadline when that is due; `undefined`: neither. */
  prolongDraft(draft: SessionDraft, session: object): Promise<void> | undefined {
    if (draft.isEnded) return undefined;
    const change = draft.compareCookie(session);
    if (change) return this.writer.write(draft, session, change);
    return this.isTouchDue(draft, session) ? this.writer.moveDeadline(draft, session) : undefined;
  }

  /** Moves the deadline of a session that was not loaded here. */
  async prolong(sid: string, data: object): Promise<void> {
    await this.writer.prolong(sid, data);
  }

  /** The draft of a stored session; `null` when it cannot be read: its user signs in again instead of failing for ever. */
  open(sid: string, stored: StoredSession): SessionDraft | null {
    try {
      return SessionDraft.ofStored(sid, stored, this.parse);
    } catch (error) {
      if (!(error instanceof UndecodableFieldError)) throw error;
      this.settings.onEvent?.({ type: 'undecodable', id: stored.id, field: error.field });
      return null;
    }
  }

  private isTouchDue(draft: SessionDraft, session: object): boolean {
    const { idleTimeoutMs, touchIntervalMs } = this.settings;
    const cookieMs = cookieLifeMs((session as { readonly cookie?: unknown }).cookie);
    // The interval is one for sessions of the idle timeout: one whose cookie lives shorter would end while it is in use.
    const lagMs = cookieMs === null ? touchIntervalMs : Math.min(touchIntervalMs, cookieMs * TOUCH_INTERVAL_PART);
    return draft.touchGainMs(Math.ceil(cookieMs ?? idleTimeoutMs)) > lagMs;
  }
}

function refuseLarge(session: object, maxBytes: number): void {
  const sizes = Object.entries(session).flatMap(([name, value]) => {
    const text = name === 'cookie' ? undefined : encodeField(name, value);
    return text === undefined ? [] : [{ name, bytes: Buffer.byteLength(name) + Buffer.byteLength(text) }];
  });
  const bytes = sizes.reduce((sum, size) => sum + size.bytes, 0);
  if (bytes <= maxBytes) return;
  const largest = sizes.reduce((a, b) => (b.bytes > a.bytes ? b : a));
  throw new SessionTooLargeError(largest.name, bytes, maxBytes);
}
