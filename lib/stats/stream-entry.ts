/** One entry of a stream: its id, and values by name. @internal */
export interface StreamEntry {
  readonly id: string;
  readonly values: ReadonlyMap<string, string>;
}

/** A part of a stream. @internal */
export interface StreamPage {
  /** Id of the newest entry there is, `0-0` without any. */
  readonly last: string;
  /** How many entries there are. */
  readonly length: number;
  /** From the place that was asked for on, that one included. */
  readonly entries: readonly StreamEntry[];
}

/** Reads a flat list: id, number of texts that follow, name, value … of each entry. @internal */
export function entriesOf(texts: readonly string[]): readonly StreamEntry[] {
  const entries: StreamEntry[] = [];
  for (let at = 0; at < texts.length;) {
    const count = Number(texts[at + 1]);
    entries.push({ id: texts[at] ?? '', values: textsOf(texts.slice(at + 2, at + 2 + count)) });
    at += 2 + count;
  }
  return entries;
}

/** Reads a flat list: name, text, name, text … @internal */
export function textsOf(reply: unknown): ReadonlyMap<string, string> {
  const list = (reply ?? []) as readonly unknown[];
  const texts = new Map<string, string>();
  for (let at = 0; at + 1 < list.length; at += 2) texts.set(String(list[at]), String(list[at + 1]));
  return texts;
}
