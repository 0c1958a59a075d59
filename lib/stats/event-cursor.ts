import { happeningOf } from './installation-event.js';
import type { StreamEntry, StreamPage } from './stream-entry.js';

/** Entries of a stream that are kept; the scripts have the same number. @internal */
export const EVENTS_KEPT = 10_000;

/** So far back a promoted node is read again: no replica that is promoted lags by more. @unit milliseconds */
const REREAD_MS = 60_000;

/** Before the first entry of a stream. */
const BEGINNING = '0-0';

/** What a page brought. @internal */
export interface FreshEvents {
  readonly entries: readonly StreamEntry[];
  /** Whether entries went before they were read. */
  readonly isLost: boolean;
}

/**
 * How far one reader has come in one stream.
 *
 * @remarks
 * A page begins with the entry that was read last. While that is there, nothing was missed. When it is not, either the stream
 * was trimmed, which is loss; or a node was promoted that did not have it yet. Then the last minute is read once more, and
 * happenings that were handed out already are left out.
 *
 * @internal
 */
export class EventCursor {
  /** Happenings that were handed out lately, with the ids of their entries. */
  readonly #recent = new Map<string, string>();
  #isRereading = false;

  /** @param place - id of the entry that was read last */
  constructor(private place: string) {}

  /** Id of the entry that was read last: the next page begins with it. */
  get after(): string {
    return this.place;
  }

  /**
   * Takes a page from `after` on. `null`: the stream is not the one that was read; read again from the new `after`.
   *
   * @param page - what was read
   * @param isWhole - whether nothing follows it
   */
  take(page: StreamPage, isWhole: boolean): FreshEvents | null {
    const { entries, last, length } = page;
    const gap = this.#isRereading ? 'none' : this.#breakBefore(page);
    if (gap === 'another' && this.#recent.size > 0) {
      this.#isRereading = true;
      this.place = before(this.place, REREAD_MS);
      return null;
    }
    const fresh = entries.filter((entry) => this.#isFresh(entry));
    for (const entry of fresh) this.#remember(entry);
    this.place = entries.at(-1)?.id ?? (length === 0 ? BEGINNING : last);
    if (isWhole) this.#isRereading = false;
    // What another process has handed out is not known here: rather say too much.
    return { entries: fresh, isLost: gap !== 'none' };
  }

  /** Whether anything may be missing between the place and the page. */
  #breakBefore({ entries: [first], last, length }: StreamPage): 'none' | 'trimmed' | 'another' {
    const isFull = length >= EVENTS_KEPT;
    if (this.place === BEGINNING) return isFull ? 'trimmed' : 'none';
    if (first?.id === this.place) return this.#isTheSame(first) ? 'none' : 'another';
    return isFull && isBefore(this.place, last) ? 'trimmed' : 'another';
  }

  #isTheSame(entry: StreamEntry): boolean {
    return this.#recent.size === 0 || this.#recent.get(happeningOf(entry)) === entry.id;
  }

  #isFresh(entry: StreamEntry): boolean {
    return this.#isRereading ? !this.#recent.has(happeningOf(entry)) : entry.id !== this.place;
  }

  #remember(entry: StreamEntry): void {
    this.#recent.set(happeningOf(entry), entry.id);
    for (const oldest of this.#recent.keys()) {
      if (this.#recent.size <= EVENTS_KEPT) break;
      this.#recent.delete(oldest);
    }
  }
}

function isBefore(a: string, b: string): boolean {
  const [aMs, aCount] = partsOf(a);
  const [bMs, bCount] = partsOf(b);
  return aMs < bMs || (aMs === bMs && aCount < bCount);
}

function before(id: string, ms: number): string {
  return `${Math.max(0, partsOf(id)[0] - ms)}-0`;
}

function partsOf(id: string): readonly [number, number] {
  const [ms = 0, count = 0] = id.split('-').map(Number);
  return [ms, count];
}
