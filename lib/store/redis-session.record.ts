import type { StoredSession } from '../core/session-record.js';

/** `format created deadline version absolute seen …`, as lib/scripts/include/meta.lua writes it. */
const META = /^(rotated )?1 (\d+) (\d+) (\d+) (\d+) (\d+)/;

/** A session's hash, as `HGETALL` replies. `null`: there is none, or it is of a format that this version does not know. @internal */
export function parseStoredSession(id: string, reply: unknown, nowMs: number): StoredSession | null {
  const hash = entriesOf(reply);
  const meta = META.exec(hash.get('meta') ?? '');
  if (!meta) return null;
  const [created = 0, deadline = 0, version = 0, absolute = 0, seen = 0] = meta.slice(2).map(Number);
  const fields = new Map<string, string>();
  for (const [name, text] of hash) if (name.startsWith('d:')) fields.set(name.slice(2), text);
  return {
    id,
    fields,
    cookie: hash.get('cookie') ?? null,
    userId: hash.get('user') ?? null,
    createdAtMs: created,
    remainingMs: Math.max(0, deadline - nowMs),
    longestRemainingMs: absolute === 0 ? Infinity : absolute - nowMs,
    version,
    seenAtMs: seen,
    about: hash.get('about') ?? null,
    isRotated: meta[1] !== undefined,
  };
}

/** RESP2 gives a flat list, ioredis an object of it, RESP3 a map: all are taken. */
function entriesOf(reply: unknown): ReadonlyMap<string, string> {
  if (reply instanceof Map) return reply as Map<string, string>;
  if (Array.isArray(reply)) {
    const list = reply as string[];
    return new Map(list.flatMap((name, index) => (index % 2 === 0 ? [[name, list[index + 1] ?? ''] as const] : [])));
  }
  return new Map(Object.entries((reply ?? {}) as Record<string, string>));
}
