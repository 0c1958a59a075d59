import type { SessionLink } from '../core/session-link.js';
import { readSamples, writeSample } from '../scripts/scripts.generated.js';
import type { RedisKeyLayout } from '../store/redis-key-layout.js';
import type { SessionCounts, SessionFlow } from './session-counts.js';
import { endedBy } from './session-counts.js';
import type { SessionUsers } from './session-sampler.js';
import { entriesOf } from './stream-entry.js';
import type { StreamEntry } from './stream-entry.js';

/** How fine a history is: a sample for each minute of the last 24 hours, or for each hour of the last 90 days. @public */
export type SessionHistoryResolution = 'minutes' | 'hours';

/** What Redis's memory holds, as far as the server says so. @public */
export interface SessionMemory {
  /** `used_memory` of the primary, or `null`. @unit bytes */
  readonly usedBytes: number | null;
  /** `maxmemory`, or `null` when there is no limit or the server does not say. @unit bytes */
  readonly maxBytes: number | null;
  /** Mean size of a session, by a sample: its hash, its name, its places in the indexes; `null` without sessions. @unit bytes */
  readonly sessionBytes: number | null;
}

/** One sample of a history. @public */
export interface SessionSample {
  /** Beginning of its minute or hour: epoch milliseconds of Redis's clock. */
  readonly atMs: number;
  /** Sessions that lived when the sample was taken; in a history of hours, at the last minute of the hour. */
  readonly live: number;
  /** The highest `live` of the minutes that the sample stands for. */
  readonly peak: number;
  /** Sessions with a user. */
  readonly authenticated: number;
  /** Sessions with a request in the last five minutes. */
  readonly active: number;
  /** Distinct users with a session, or `null` when they were not surveyed. */
  readonly users: SessionUsers | null;
  /** All sessions since the installation began to count. */
  readonly total: SessionFlow;
  /**
   * Began and ended since the sample before; `null` when that is missing, or a count went back since (a part of Redis has lost its
   * data): nobody knows in which minute it was.
   */
  readonly flow: SessionFlow | null;
  /** Redis's memory then; in a history of hours, `usedBytes` is the highest of the hour. */
  readonly memory: SessionMemory;
}

/** A part of an installation's history. @public */
export interface SessionHistory {
  /** Distance of two samples. @unit milliseconds */
  readonly stepMs: number;
  /** Beginning of the first: epoch milliseconds. */
  readonly fromMs: number;
  /** One for each step, oldest first; `null`: nobody took a sample then, since no instance ran or Redis was out of reach. */
  readonly samples: readonly (SessionSample | null)[];
}

/** How long the samples of a resolution stand for, and how many are kept. @internal */
export const RESOLUTIONS: Readonly<Record<SessionHistoryResolution, { stepMs: number; count: number }>> = {
  minutes: { stepMs: 60_000, count: 24 * 60 },
  hours: { stepMs: 3_600_000, count: 90 * 24 },
};

/** What a sample is made of. @internal */
export interface SampleParts {
  readonly counts: SessionCounts;
  readonly users: SessionUsers | null;
  readonly memory: SessionMemory;
}

type StoredSample = Omit<SessionSample, 'flow'>;

/**
 * Samples of an installation in Redis: a stream for each resolution, its entries named by their time, so that whoever writes
 * there is one sample for each.
 *
 * @internal
 */
export class SessionHistoryKeeper {
  /** All hours before this one have their samples, as far as this process has seen to it. */
  #summarisedMs = -Infinity;

  constructor(
    private readonly link: SessionLink,
    private readonly layout: RedisKeyLayout,
  ) {}

  /** Writes the sample of this minute, and those of hours that are over; a sample that is there stays. */
  async write(owner: string, parts: SampleParts): Promise<void> {
    const { stepMs } = RESOLUTIONS.minutes;
    const atMs = startOf(parts.counts.atMs, stepMs);
    await this.#put('minutes', owner, sampleOf(atMs, parts));
    await this.#summarise(owner, startOf(parts.counts.atMs, RESOLUTIONS.hours.stepMs));
  }

  /** The samples from one time to another, both included; gaps are `null`. */
  async read(resolution: SessionHistoryResolution, fromMs: number, toMs: number): Promise<SessionHistory> {
    const { stepMs, count } = RESOLUTIONS[resolution];
    const last = startOf(Math.min(toMs, this.link.nowMs()), stepMs);
    const first = Math.max(startOf(fromMs, stepMs), last - (count - 1) * stepMs);
    // One more before the first: what began and ended in the first is the difference to it.
    const stored = new Map(
      (await this.#stored(resolution, first - stepMs, last)).map((sample) => [sample.atMs, sample]),
    );
    return { stepMs, fromMs: first, samples: samplesOf(stored, first, last, stepMs) };
  }

  /** Writes the samples of all hours that are over and have none, as far back as there are minutes. */
  async #summarise(owner: string, hourMs: number): Promise<void> {
    if (this.#summarisedMs === hourMs) return;
    const dayMs = RESOLUTIONS.minutes.stepMs * RESOLUTIONS.minutes.count;
    const written = await this.#stored('hours', hourMs - dayMs, hourMs);
    const { stepMs } = RESOLUTIONS.hours;
    const sinceMs = (written.at(-1)?.atMs ?? hourMs - dayMs) + stepMs;
    const minutes = await this.#stored('minutes', sinceMs, hourMs - 1);
    for (let atMs = sinceMs; atMs < hourMs; atMs += stepMs) {
      const hour = summaryOf(
        atMs,
        minutes.filter((minute) => startOf(minute.atMs, stepMs) === atMs),
      );
      if (hour) await this.#put('hours', owner, hour);
    }
    this.#summarisedMs = hourMs;
  }

  async #stored(resolution: SessionHistoryResolution, fromMs: number, toMs: number): Promise<StoredSample[]> {
    const history = this.layout.samples(resolution);
    const from = Number.isFinite(fromMs) ? String(Math.max(0, fromMs)) : '-';
    const args = { from, to: String(toMs), count: RESOLUTIONS[resolution].count + 1 };
    return entriesOf(await readSamples(this.link, { history }, args)).map(parseSample);
  }

  async #put(resolution: SessionHistoryResolution, owner: string, sample: StoredSample): Promise<void> {
    const keys = { lease: this.layout.lease('worker'), history: this.layout.samples(resolution) };
    // One more than is shown: the first one's flow is the difference to it.
    const count = RESOLUTIONS[resolution].count + 1;
    await writeSample(this.link, keys, { owner, atMs: sample.atMs, count, values: valuesOf(sample) });
  }
}

/** Beginning of the step that a time lies in. @internal */
export function startOf(timeMs: number, stepMs: number): number {
  return Math.floor(timeMs / stepMs) * stepMs;
}

/** One for each step, with what changed since the one before. @internal */
export function samplesOf(
  stored: ReadonlyMap<number, StoredSample>,
  firstMs: number,
  lastMs: number,
  stepMs: number,
): readonly (SessionSample | null)[] {
  const samples: (SessionSample | null)[] = [];
  for (let atMs = firstMs; atMs <= lastMs; atMs += stepMs) {
    const sample = stored.get(atMs);
    const before = stored.get(atMs - stepMs);
    samples.push(sample ? { ...sample, flow: before ? flowBetween(before.total, sample.total) : null } : null);
  }
  return samples;
}

/** The sample of an hour from those of its minutes, or `null` without any: a gap stays a gap. @internal */
export function summaryOf(atMs: number, minutes: readonly StoredSample[]): StoredSample | null {
  const last = minutes.at(-1);
  if (!last) return null;
  const used = minutes.flatMap(({ memory }) => memory.usedBytes ?? []);
  const memory = { ...last.memory, usedBytes: used.length > 0 ? Math.max(...used) : null };
  return { ...last, atMs, peak: Math.max(...minutes.map(({ peak }) => peak)), memory };
}

/** `null` when a count went back: a part of Redis has lost its data, and nobody knows what happened since. */
function flowBetween(before: SessionFlow, after: SessionFlow): SessionFlow | null {
  const created = after.created - before.created;
  const ended = endedBy((reason) => after.ended[reason] - before.ended[reason]);
  return Math.min(created, ...Object.values(ended)) < 0 ? null : { created, ended };
}

function sampleOf(atMs: number, { counts, users, memory }: SampleParts): StoredSample {
  const { live, authenticated, active, total } = counts;
  return { atMs, live, peak: live, authenticated, active, users, total, memory };
}

function valuesOf(sample: StoredSample): string[] {
  const { live, peak, authenticated, active, users, total, memory } = sample;
  const values: Record<string, number | null> = {
    live,
    peak,
    authenticated,
    active,
    users: users?.count ?? null,
    isUsersExact: users && Number(users.isExact),
    created: total.created,
    ...total.ended,
    usedBytes: memory.usedBytes,
    maxBytes: memory.maxBytes,
    sessionBytes: memory.sessionBytes,
  };
  return Object.entries(values).flatMap(([name, value]) => [name, String(value ?? '')]);
}

function parseSample({ id, values }: StreamEntry): StoredSample {
  const number = (name: string): number => Number(values.get(name) ?? 0);
  const optional = (name: string): number | null => {
    const text = values.get(name) ?? '';
    return text === '' ? null : Number(text);
  };
  const memory = {
    usedBytes: optional('usedBytes'),
    maxBytes: optional('maxBytes'),
    sessionBytes: optional('sessionBytes'),
  };
  const users = optional('users');
  return {
    atMs: Number(id.split('-')[0]),
    live: number('live'),
    peak: number('peak'),
    authenticated: number('authenticated'),
    active: number('active'),
    users: users === null ? null : { count: users, isExact: values.get('isUsersExact') === '1' },
    total: { created: number('created'), ended: endedBy(number) },
    memory,
  };
}
