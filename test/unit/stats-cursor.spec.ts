import { describe, expect, it } from 'vitest';
import { EVENTS_KEPT, EventCursor } from '../../lib/stats/event-cursor.js';
import type { StreamEntry, StreamPage } from '../../lib/stats/stream-entry.js';

const entry = (id: string, session: string, type = 'created'): StreamEntry => ({
  id,
  values: new Map([
    ['type', type],
    ['id', session],
  ]),
});

/** What the server replies for a cursor. */
const pageOf = (stream: readonly StreamEntry[], after: string, length = stream.length): StreamPage => ({
  last: stream.at(-1)?.id ?? '0-0',
  length,
  entries: stream.filter(({ id }) => number(id) >= number(after)),
});

const number = (id: string): number => {
  const [ms = 0, count = 0] = id.split('-').map(Number);
  return ms * 1000 + count;
};

/** Takes all that is fresh, as a reader does. */
const read = (cursor: EventCursor, stream: readonly StreamEntry[], length?: number) => {
  const result = cursor.take(pageOf(stream, cursor.after, length), true);
  const { entries, isLost } = result ?? cursor.take(pageOf(stream, cursor.after, length), true)!;
  return { sessions: entries.map(({ values }) => values.get('id')), isLost };
};

const BASE = 1_800_000_000_000;

describe('the cursor of a reader of events', () => {
  it('hands out each entry once, from an empty stream on', () => {
    const cursor = new EventCursor('0-0');
    expect(read(cursor, [])).toEqual({ sessions: [], isLost: false });
    const stream = [entry(`${BASE}-0`, 'a'), entry(`${BASE}-1`, 'b')];
    expect(read(cursor, stream)).toEqual({ sessions: ['a', 'b'], isLost: false });
    expect(read(cursor, stream)).toEqual({ sessions: [], isLost: false });
    expect(read(cursor, [...stream, entry(`${BASE + 9}-0`, 'c')])).toEqual({ sessions: ['c'], isLost: false });
  });

  it('begins after the place that it is given', () => {
    const stream = [entry(`${BASE}-0`, 'a'), entry(`${BASE}-1`, 'b'), entry(`${BASE}-2`, 'c')];
    expect(read(new EventCursor(`${BASE}-1`), stream)).toEqual({ sessions: ['c'], isLost: false });
  });

  it('says so when the stream was trimmed past its place', () => {
    const cursor = new EventCursor('0-0');
    read(cursor, [entry(`${BASE}-0`, 'a')]);
    const rest = [entry(`${BASE + 5}-0`, 'c'), entry(`${BASE + 6}-0`, 'd')];
    expect(read(cursor, rest, EVENTS_KEPT)).toEqual({ sessions: ['c', 'd'], isLost: true });
    expect(read(cursor, rest, EVENTS_KEPT)).toEqual({ sessions: [], isLost: false });
    expect(read(new EventCursor('0-0'), rest, EVENTS_KEPT)).toMatchObject({ isLost: true });
  });

  it('hands out what a promoted node has made anew, and nothing twice', () => {
    const cursor = new EventCursor('0-0');
    const [a, b, c] = [entry(`${BASE}-0`, 'a'), entry(`${BASE + 10}-0`, 'b'), entry(`${BASE + 20}-0`, 'c')];
    expect(read(cursor, [a, b, c]).sessions).toEqual(['a', 'b', 'c']);
    // The promoted node had `a` alone: `c` was made again there, `b` never, and `d` is new; its clock is behind.
    const promoted = [a, entry(`${BASE + 5}-0`, 'c'), entry(`${BASE + 6}-0`, 'd')];
    expect(read(cursor, promoted)).toEqual({ sessions: ['d'], isLost: false });
    expect(read(cursor, promoted)).toEqual({ sessions: [], isLost: false });
    expect(read(cursor, [...promoted, entry(`${BASE + 7}-0`, 'e')])).toEqual({ sessions: ['e'], isLost: false });
  });

  it('is not deceived by another entry of the same id', () => {
    const cursor = new EventCursor('0-0');
    read(cursor, [entry(`${BASE}-0`, 'a'), entry(`${BASE + 1}-0`, 'b')]);
    const promoted = [entry(`${BASE}-0`, 'a'), entry(`${BASE + 1}-0`, 'x'), entry(`${BASE + 2}-0`, 'b')];
    expect(read(cursor, promoted).sessions).toEqual(['x']);
  });

  it('begins anew when the stream is gone', () => {
    const cursor = new EventCursor('0-0');
    read(cursor, [entry(`${BASE}-0`, 'a')]);
    read(cursor, []);
    expect(read(cursor, [entry(`${BASE + 1}-0`, 'b')])).toEqual({ sessions: ['b'], isLost: false });
  });
});
