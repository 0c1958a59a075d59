import type { SessionLink } from '../core/session-link.js';
import type { RedisKeyLayout } from '../store/redis-key-layout.js';
import { EventCursor } from './event-cursor.js';
import type { SessionInstallationEvent } from './installation-event.js';
import { parseEvent } from './installation-event.js';
import { readEvents } from '../scripts/scripts.generated.js';
import { entriesOf } from './stream-entry.js';
import type { StreamPage } from './stream-entry.js';

/** Entries that are read at a time. */
const PAGE_COUNT = 200;

/** Takes what was read; resolves once it was dealt with. @internal */
export interface EventSink {
  /** Events of one bucket, in the order in which they happened. */
  take(events: readonly SessionInstallationEvent[]): Promise<void> | void;
  /** Events went before they were read. */
  lose(): void;
  /** Everything up to these places was taken: bucket to entry id. */
  arrive?(places: ReadonlyMap<number, string>): Promise<void>;
}

/** Reads the events of an installation, one stream for each bucket. @internal */
export class EventReader {
  readonly #cursors = new Map<number, EventCursor>();

  constructor(
    private readonly link: SessionLink,
    private readonly layout: RedisKeyLayout,
    private readonly sink: EventSink,
  ) {}

  /** Begins after these entries, and in each other bucket with the events that come from now on. */
  async begin(places: ReadonlyMap<number, string>): Promise<void> {
    await Promise.all(
      this.layout.buckets.map(async (bucket) => {
        const place = places.get(bucket) ?? (await this.#page(bucket, '')).last;
        this.#cursors.set(bucket, new EventCursor(place));
      }),
    );
  }

  /** Where the reader is: bucket to entry id. */
  places(): ReadonlyMap<number, string> {
    return new Map([...this.#cursors].map(([bucket, { after }]) => [bucket, after]));
  }

  /** Reads all that there is, unless it is to stop. */
  async read(isWanted: () => boolean): Promise<void> {
    await Promise.all([...this.#cursors].map(([bucket, cursor]) => this.#readBucket(bucket, cursor, isWanted)));
  }

  async #page(bucket: number, after: string): Promise<StreamPage> {
    const keys = { events: this.layout.events(bucket) };
    const { last, length, entries } = await readEvents(this.link, keys, { after, count: PAGE_COUNT });
    return { last, length, entries: entriesOf(entries) };
  }

  async #readBucket(bucket: number, cursor: EventCursor, isWanted: () => boolean): Promise<void> {
    for (let isWhole = false; !isWhole && isWanted();) {
      const place = cursor.after;
      const page = await this.#page(bucket, place);
      isWhole = page.entries.length < PAGE_COUNT;
      const fresh = cursor.take(page, isWhole);
      if (!fresh) {
        isWhole = false;
        continue;
      }
      if (fresh.isLost) this.sink.lose();
      const events = fresh.entries.map(parseEvent).filter((event) => event !== null);
      if (events.length > 0) await this.sink.take(events);
      if (cursor.after !== place) await this.sink.arrive?.(new Map([[bucket, cursor.after]]));
    }
  }
}
