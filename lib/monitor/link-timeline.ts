import type { SessionLink } from '../core/session-link.js';
import type { FailoverReport } from '../core/session-link-events.js';

/** Something that happened to the link to Redis, as this instance saw it. @internal */
export type TimelineEntry =
  | ({ readonly kind: 'failover'; readonly atMs: number } & FailoverReport)
  | { readonly kind: 'lost' | 'degraded'; readonly atMs: number; readonly primary: string; readonly reason: string }
  | { readonly kind: 'ready' | 'restarted' | 'recovered'; readonly atMs: number; readonly primary: string }
  | { readonly kind: 'unavailable'; readonly atMs: number; readonly reason: string }
  | { readonly kind: 'groupUnknown'; readonly atMs: number; readonly sentinels: readonly string[] };

/** As many are kept. */
const KEPT_COUNT = 100;

/** The latest happenings since the start, newest first. @internal */
export class LinkTimeline {
  #entries: readonly TimelineEntry[] = [];
  #stops: readonly (() => void)[] = [];

  /** @param onChange - called after each entry */
  constructor(private readonly onChange: () => void) {}

  get entries(): readonly TimelineEntry[] {
    return this.#entries;
  }

  follow(link: SessionLink): void {
    const now = (): number => Date.now();
    this.#stops = [
      link.on('failover', (report) => this.#add({ kind: 'failover', ...report })),
      link.on('lost', (event) => this.#add({ kind: 'lost', atMs: now(), ...event })),
      link.on('ready', ({ primary, restarted }) => {
        const [last] = this.#entries;
        // A failover says it all.
        if (last?.kind === 'failover' && last.to === primary && !restarted) return;
        this.#add({ kind: restarted ? 'restarted' : 'ready', atMs: now(), primary });
      }),
      link.on('degraded', (event) => this.#add({ kind: 'degraded', atMs: now(), ...event })),
      link.on('recovered', (event) => this.#add({ kind: 'recovered', atMs: now(), ...event })),
      link.on('unavailable', ({ cause }) => this.#add({ kind: 'unavailable', atMs: now(), reason: cause })),
      link.on('groupUnknown', (event) => this.#add({ kind: 'groupUnknown', atMs: now(), ...event })),
    ];
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  #add(entry: TimelineEntry): void {
    this.#entries = [entry, ...this.#entries].slice(0, KEPT_COUNT);
    this.onChange();
  }
}
