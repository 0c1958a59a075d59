import type { ReplicaOffset } from '../decisions/confirmation.js';

/** A replica that has not moved for so long, although there was something to confirm, gives no sign of life. @unit milliseconds */
const STILL_MS = 1000;

/** How far a replica was, and when it last gave a sign of life by getting further. */
interface Progress {
  readonly offset: number;
  readonly aliveAt: number;
}

/**
 * What a primary has said of its replicas so far, and which of them are not waited for.
 *
 * @internal
 */
export class ReplicaLedger {
  readonly #progress = new Map<string, Progress>();
  #listed: ReadonlyMap<string, number> = new Map();
  /** Every commit asks for the names, so they are put together once. */
  #names: ReadonlySet<string> = new Set();
  /** Replicas that are not waited for, and where each stood when that was decided; `null`: it was not connected. */
  #excused: ReadonlyMap<string, number | null> = new Map();
  /** Which of these have moved, come or gone since. */
  readonly #changed = new Set<string>();
  /** When replicas were found to have left. */
  readonly #absentSince = new Map<string, number>();
  #isShort = false;

  /** Whether changes are acknowledged without some of the replicas that could be promoted. */
  get isShort(): boolean {
    return this.#isShort;
  }

  /** Names of the replicas that the primary listed last. */
  get listed(): ReadonlySet<string> {
    return this.#names;
  }

  /** Replicas that are not waited for. */
  get excused(): ReadonlySet<string> {
    return new Set(this.#excused.keys());
  }

  /** Notes what the primary lists now. */
  note(listed: readonly ReplicaOffset[], primaryOffset: number, now: number): void {
    const before = this.#listed;
    this.#listed = new Map(listed.map(({ name, offset }) => [name, offset]));
    if (this.#names.size !== this.#listed.size || listed.some(({ name }) => !before.has(name)))
      this.#names = new Set(this.#listed.keys());
    for (const { name, offset } of listed) {
      const known = this.#progress.get(name);
      const isAlive = !before.has(name) || known?.offset !== offset || offset >= primaryOffset;
      if (isAlive) this.#progress.set(name, { offset, aliveAt: now });
    }
    for (const name of before.keys()) if (!this.#listed.has(name)) this.#absentSince.set(name, now);
    for (const [name, offset] of this.#excused)
      if ((this.#listed.get(name) ?? null) !== offset) this.#changed.add(name);
  }

  /** From now on these are not waited for, as long as they stay as they are. */
  excuse(missing: ReadonlySet<string>, isShort: boolean): void {
    this.#excused = new Map([...missing].map((name) => [name, this.#listed.get(name) ?? null]));
    this.#changed.clear();
    this.#isShort = isShort;
  }

  /** Whether a replica is excused and has not changed since: neither come nor gone, and no byte further. */
  isStill(name: string): boolean {
    return this.#excused.has(name) && !this.#changed.has(name);
  }

  /** Whether the primary has ever listed it. */
  hasSeen(name: string): boolean {
    return this.#progress.has(name);
  }

  /** When a replica last gave a sign of life to the primary; 0: never. */
  aliveAt(name: string, now: number): number {
    const aliveAt = this.#progress.get(name)?.aliveAt ?? 0;
    return this.#listed.has(name) && now - aliveAt < STILL_MS ? now : aliveAt;
  }

  /** Since when the primary has not listed a replica; 0: never since it is in use. */
  absentSince(name: string): number {
    return this.#absentSince.get(name) ?? 0;
  }
}
