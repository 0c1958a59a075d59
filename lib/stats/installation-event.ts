import type { SessionEndReason } from './session-counts.js';
import { END_REASONS } from './session-counts.js';
import type { StreamEntry } from './stream-entry.js';

/**
 * What happened to a session of the installation, whichever instance did it. Ids are stored ids (hashes), never what a cookie
 * carries.
 *
 * @public
 */
export type SessionInstallationEvent =
  | {
      /** A session was stored for the first time. */
      readonly type: 'created';
      readonly id: string;
      /** Whose it is, or `null`. */
      readonly userId: string | null;
      /** When, by Redis's clock: epoch milliseconds. */
      readonly atMs: number;
    }
  | {
      /** A session ended: no request finds it any more. */
      readonly type: 'ended';
      readonly id: string;
      /** Whose it was; `null` also for one that expired: it is gone by then, with all it said. */
      readonly userId: string | null;
      readonly reason: SessionEndReason;
      readonly atMs: number;
    }
  | {
      /** A session got another user, its first one, or none any more. */
      readonly type: 'userChanged';
      readonly id: string;
      /** Whose it is now, or `null`. */
      readonly userId: string | null;
      /** Whose it was before, or `null`. */
      readonly formerUserId: string | null;
      readonly atMs: number;
    };

/** Reads one entry of the stream; `null` for one of a later version of this package. @internal */
export function parseEvent({ id: entryId, values }: StreamEntry): SessionInstallationEvent | null {
  const atMs = Number(entryId.split('-')[0]);
  const id = values.get('id') ?? '';
  const userId = nobodyIfEmpty(values.get('user'));
  const type = values.get('type');
  if (type === 'created') return { type, id, userId, atMs };
  if (type === 'userChanged') return { type, id, userId, formerUserId: nobodyIfEmpty(values.get('former')), atMs };
  const reason = END_REASONS.find((one) => one === type);
  return reason ? { type: 'ended', id, userId, reason, atMs } : null;
}

/**
 * Names the happening itself, wherever its entry stands: after a failover the change may have been made again.
 *
 * @internal
 */
export function happeningOf({ values }: StreamEntry): string {
  return [...values.values()].join('\n');
}

function nobodyIfEmpty(user: string | undefined): string | null {
  return user === undefined || user === '' ? null : user;
}
