import type { SessionLink } from '../core/session-link.js';
import { SessionUnavailableError } from '../errors/session-unavailable.error.js';
import { INSTALLATIONS_KEY, RedisKeyLayout } from '../store/redis-key-layout.js';
import type { SessionCounts } from './session-counts.js';
import type { SessionInstallation } from './session.stats.js';
import { announce, countSessions } from '../scripts/scripts.generated.js';
import { textsOf } from './stream-entry.js';

/** An installation that has not run for so long is not listed any more. @unit milliseconds */
const FORGET_MS = 90 * 24 * 60 * 60 * 1000;

/** What an installation says of itself. */
interface Announcement {
  readonly buckets: number;
  readonly live: number;
  readonly atMs: number;
  /** Its option; absent from those that an earlier version wrote. @unit milliseconds */
  readonly idleTimeoutMs?: number | undefined;
}

/** Where the keys of an installation are, and how long its sessions live without a request. @internal */
export interface InstallationPlace {
  readonly layout: RedisKeyLayout;
  /** `null` when it is not known. @unit milliseconds */
  readonly idleTimeoutMs: number | null;
}

/**
 * The list of all installations that use this Redis: each one's elected instance enters it.
 *
 * @remarks
 * The list is the only key outside of an installation's own. A Redis user without the right to it lists and enters nothing, and
 * all else works.
 *
 * @internal
 */
export class InstallationRegistry {
  #mayAnnounce = true;

  constructor(
    private readonly link: SessionLink,
    private readonly layout: RedisKeyLayout,
    private readonly settings: { readonly application: string; readonly idleTimeoutMs: number },
  ) {}

  /** Enters this installation. */
  async announce({ live, atMs }: SessionCounts): Promise<void> {
    if (!this.#mayAnnounce) return;
    const { application, idleTimeoutMs } = this.settings;
    const about: Announcement = { buckets: this.layout.bucketCount, live, atMs, idleTimeoutMs };
    try {
      const args = { application, about: JSON.stringify(about) };
      await announce(this.link, { installations: INSTALLATIONS_KEY }, args);
    } catch (error) {
      if (error instanceof SessionUnavailableError) throw error;
      // Not asked again: the server logs each refusal.
      this.#mayAnnounce = false;
    }
  }

  /** All of them by name, this one among them in any case. */
  async list(): Promise<readonly SessionInstallation[]> {
    const { application } = this.settings;
    const now = this.link.nowMs();
    const stored = await this.#stored();
    const others = [...stored].filter(([name, { atMs }]) => name !== application && now - atMs < FORGET_MS);
    const own = { buckets: this.layout.bucketCount, live: 0, atMs: stored.get(application)?.atMs ?? now };
    const all = [[application, own] as const, ...others].map(([name, about]) => this.#describe(name, about));
    return (await Promise.all(all)).sort((a, b) => (a.application < b.application ? -1 : 1));
  }

  /** Where another installation is, or `null` when the list does not have it. */
  async find(application: string): Promise<InstallationPlace | null> {
    const about = (await this.#stored()).get(application);
    if (!about) return null;
    return { layout: new RedisKeyLayout(application, about.buckets), idleTimeoutMs: about.idleTimeoutMs ?? null };
  }

  async #describe(application: string, { buckets, live, atMs }: Announcement): Promise<SessionInstallation> {
    const counted = await this.#count(new RedisKeyLayout(application, buckets)).catch(rethrowOutage);
    return { application, live: counted ?? live, seenAtMs: atMs, isCurrent: application === this.settings.application };
  }

  async #count(layout: RedisKeyLayout): Promise<number> {
    const counts = layout.buckets.map((bucket) => countSessions(this.link, { live: layout.live(bucket) }));
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  }

  async #stored(): Promise<ReadonlyMap<string, Announcement>> {
    const command = { run: 'hgetall', keys: [INSTALLATIONS_KEY], args: [] } as const;
    const hash = textsOf(await this.link.execute(command).catch(rethrowOutage));
    return new Map([...hash].map(([name, about]) => [name, JSON.parse(about) as Announcement]));
  }
}

/** A refusal of the server is an answer: this Redis user may not read that key. */
function rethrowOutage(error: unknown): undefined {
  if (error instanceof SessionUnavailableError) throw error;
  return undefined;
}
