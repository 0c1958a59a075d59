import { pageIndex } from '../scripts/scripts.generated.js';
import type { ScriptLink } from '../scripts/script-arguments.js';

/** How many sessions are asked for, loaded or ended at a time: whatever a user or an installation has, others wait no longer. @internal */
export const PAGE_COUNT = 200;

/** One entry of an index. @internal */
export interface IndexEntry {
  readonly id: string;
  /** Names this very entry: entered anew it has another. */
  readonly score: string;
}

/**
 * The live entries of an index, in the order of their deadlines, a page at a time. An entry whose deadline moves on meanwhile may
 * come again; none is missed unless its deadline moves back.
 *
 * @internal
 */
export async function* indexPages(link: ScriptLink, index: string): AsyncGenerator<readonly IndexEntry[]> {
  let from = '';
  let seen = new Set<string>();
  for (let isFull = true; isFull;) {
    const list = await pageIndex(link, { index }, { from, size: PAGE_COUNT });
    const page = entriesOf(list);
    const last = page.at(-1)?.score ?? '';
    isFull = page.length >= PAGE_COUNT;
    // A page of one deadline has all that have it; otherwise the next one begins with the last deadline of this one.
    from = page[0]?.score === last ? `(${last}` : last;
    const fresh = page.filter(({ id }) => !seen.has(id));
    seen = new Set(page.filter(({ score }) => score === last).map(({ id }) => id));
    if (fresh.length > 0) yield fresh;
  }
}

/** Entries in the form in which scripts reply with them: id, score, id, score … @internal */
export function entriesOf(list: readonly string[]): IndexEntry[] {
  const entries: IndexEntry[] = [];
  for (let i = 0; i + 1 < list.length; i += 2) entries.push({ id: list[i] ?? '', score: list[i + 1] ?? '' });
  return entries;
}
