import type { SessionLink } from '../core/session-link.js';
import type { RedisKeyLayout } from '../store/redis-key-layout.js';
import { readCounts } from '../scripts/scripts.generated.js';
import type { ReadCountsReply } from '../scripts/scripts.generated.js';

/** Why a session ended. @public */
export type SessionEndReason = 'logout' | 'expired' | 'revoked' | 'limit' | 'rotated';

/** Every reason, in the order in which pages and metrics show them. @internal */
export const END_REASONS: readonly SessionEndReason[] = ['logout', 'expired', 'revoked', 'limit', 'rotated'];

/** How many sessions began and ended; each is counted in the very script that makes the change, and so exactly once. @public */
export interface SessionFlow {
  /** Sessions that began; one that got a new id counts as ended (`rotated`) and as begun. */
  readonly created: number;
  /** Sessions that ended, by reason. */
  readonly ended: Readonly<Record<SessionEndReason, number>>;
}

/** The installation's sessions at one moment. @public */
export interface SessionCounts {
  /** When, by Redis's clock: epoch milliseconds. */
  readonly atMs: number;
  /** Sessions that live, exactly. */
  readonly live: number;
  /** Sessions of users who are signed in, as the option `userId` says. */
  readonly authenticated: number;
  /** All others that live. */
  readonly anonymous: number;
  /**
   * Sessions with a request in the last five minutes, by their deadlines: exact to `touchIntervalMs`, for sessions with the
   * idle timeout of the options and not at the end of their absolute one.
   */
  readonly active: number;
  /** All sessions since the installation began to count them. `created` less all that ended are those that live. */
  readonly total: SessionFlow;
}

/** A session counts as active for so long after a request. @unit milliseconds */
const ACTIVE_MS = 5 * 60_000;

/** The counts of an installation in Redis. @internal */
export class SessionCounter {
  constructor(
    private readonly link: SessionLink,
    private readonly layout: RedisKeyLayout,
    private readonly idleTimeoutMs: number,
  ) {}

  /**
   * Reads the counts. Each bucket's are of one moment; with several buckets (Cluster) the moments differ by milliseconds.
   *
   * @throws SessionUnavailableError when Redis does not answer by the operation's deadline.
   */
  async read(): Promise<SessionCounts> {
    const activeMs = Math.max(0, this.idleTimeoutMs - ACTIVE_MS);
    const buckets = this.layout.buckets.map(async (bucket) => {
      const keys = { live: this.layout.live(bucket), counts: this.layout.counts(bucket) };
      return parseCounts(await readCounts(this.link, keys, { activeMs }));
    });
    return (await Promise.all(buckets)).reduce(addCounts);
  }
}

/** What one bucket counts. @internal */
export function parseCounts({ nowMs, live, expired, owned, active, counts }: ReadCountsReply): SessionCounts {
  const stored = new Map<string, number>();
  for (let i = 0; i < counts.length; i += 2) stored.set(counts[i] ?? '', Number(counts[i + 1]));
  const count = (name: string): number => stored.get(name) ?? 0;
  const authenticated = Math.max(0, count('authenticated') - owned);
  const ended = endedBy((reason) => count(reason) + (reason === 'expired' ? expired : 0));
  return {
    atMs: nowMs,
    live,
    authenticated,
    anonymous: live - authenticated,
    active,
    total: { created: count('created'), ended },
  };
}

/** A count for each reason. @internal */
export function endedBy(count: (reason: SessionEndReason) => number): SessionFlow['ended'] {
  return Object.fromEntries(END_REASONS.map((reason) => [reason, count(reason)])) as SessionFlow['ended'];
}

function addCounts(a: SessionCounts, b: SessionCounts): SessionCounts {
  return {
    atMs: Math.max(a.atMs, b.atMs),
    live: a.live + b.live,
    authenticated: a.authenticated + b.authenticated,
    anonymous: a.anonymous + b.anonymous,
    active: a.active + b.active,
    total: {
      created: a.total.created + b.total.created,
      ended: endedBy((reason) => a.total.ended[reason] + b.total.ended[reason]),
    },
  };
}
