import { ChangeTokens } from '../core/session-id.js';
import type { SessionChange } from '../core/session-record.js';
import { findSignOut, importSession, markOrigin, readOrigin } from '../scripts/scripts.generated.js';
import type { ScriptLink } from '../scripts/script-arguments.js';
import { PLAIN_SIGN_IN } from './plain-sign-in.js';
import { authenticationText, isSmall } from './redis-change-args.js';
import type { RedisKeyLayout } from './redis-key-layout.js';
import { cookieCode } from './redis-session.reader.js';
import type { RedisUserIndex } from './redis-user-index.js';
import type { ImportOutcome, OriginMark, SessionImports } from './session-imports.js';

/**
 * Sessions that come from another store, in Redis.
 *
 * @internal
 */
export class RedisImports implements SessionImports {
  private readonly tokens = new ChangeTokens();

  constructor(
    private readonly link: ScriptLink,
    private readonly layout: RedisKeyLayout,
    private readonly users: RedisUserIndex,
    /** @unit milliseconds */
    private readonly absoluteTimeoutMs: number | null,
  ) {}

  async take(sid: string, change: SessionChange, mark: OriginMark): Promise<ImportOutcome> {
    const keys = this.layout.session(sid);
    const { userId } = change;
    const isIndexed = this.users.isConcernedBy(change);
    const admission = isIndexed ? await this.users.prepare(keys, change) : null;
    if (isIndexed && !admission) return 'refused';
    // In Cluster the mark of a user's sign-out lives in another slot. One that comes later finds the place in the index.
    if (userId !== null && !this.layout.isSingleSlot) {
      const { ended, mark: userMark } = this.layout.user(userId);
      if ((await findSignOut(this.link, { ended }, { mark: userMark })) !== 0) return this.refuse(keys.id, userId);
    }
    const { session, live, tombstone, ended, origin } = keys;
    const reply = await importSession(
      this.link,
      { session, live, tombstone, ended, origin, user: this.users.keysFor(userId)?.user },
      {
        token: this.tokens.next(),
        id: keys.id,
        lifeMs: change.idleTimeoutMs,
        absoluteMs: this.absoluteTimeoutMs ?? 0,
        cookie: cookieCode(change.cookie ?? ''),
        user: userId ?? '',
        auth:
          userId === null
            ? ''
            : authenticationText(PLAIN_SIGN_IN, admission?.authenticatedAtMs ?? 0, this.absoluteTimeoutMs),
        origin: mark.text,
        originMs: mark.lifeMs,
        small: isSmall(change),
        set: change.set,
      },
    );
    if (reply.outcome === 'done' && isIndexed) await this.users.complete(keys, change);
    if (reply.outcome === 'signedOut' && userId !== null) return this.refuse(keys.id, userId);
    return reply.outcome === 'done' ? 'moved' : OUTCOMES[reply.outcome];
  }

  async mark(sid: string, { text, lifeMs }: OriginMark): Promise<boolean> {
    const { session, origin } = this.layout.session(sid);
    return (await markOrigin(this.link, { session, origin }, { text, lifeMs })) === 1;
  }

  async marked(id: string): Promise<string | null> {
    const [text] = await readOrigin(this.link, { origin: this.layout.stored(id).origin });
    return text ?? null;
  }

  private async refuse(id: string, userId: string): Promise<ImportOutcome> {
    if (!this.layout.isSingleSlot) await this.users.remove(id, userId);
    return 'signedOut';
  }
}

const OUTCOMES = { taken: 'here', ended: 'ended', signedOut: 'signedOut' } as const;
