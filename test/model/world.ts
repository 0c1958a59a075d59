/** Events in the order of a virtual clock: the same seed gives the same run. */
export class World {
  now = 0;
  readonly #heap: { at: number; order: number; run: () => void }[] = [];
  /** Ways that are cut, by the end where they begin. */
  readonly #cuts = new Map<string, Set<string>>();
  readonly #processes = new Map<string, Process>();
  #order = 0;
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number from 0 up to but not including `limit`. */
  random(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * limit;
  }

  add(process: Process): void {
    this.#processes.set(process.id, process);
  }

  process(id: string): Process | undefined {
    return this.#processes.get(id);
  }

  /** Calls `run` after a time, unless the process has died or is another one by then; a stopped one is called when it goes on. */
  after(process: Process, ms: number, run: () => void): void {
    const { life } = process;
    this.#push(this.now + ms, () => {
      if (process.life === life) process.take(run);
    });
  }

  /** Calls `run` again and again. */
  every(process: Process, ms: () => number, run: () => void): void {
    this.after(process, ms(), () => {
      run();
      this.every(process, ms, run);
    });
  }

  /** Something from outside, which no process can delay. */
  at(ms: number, run: () => void): void {
    this.#push(ms, run);
  }

  /** A message on its way: lost when the way is cut at its beginning or its end, or when the receiver dies. */
  send(from: string, to: string, receive: () => void): void {
    if (this.isCut(from, to)) return;
    const target = this.#processes.get(to);
    if (!target) return;
    const { life } = target;
    // What one has sent arrives in its order.
    const at = Math.max(target.lastArrivals.get(from) ?? 0, this.now + 0.2 + this.random(3));
    target.lastArrivals.set(from, at);
    this.#push(at, () => {
      if (target.life === life && target.isAlive && !this.isCut(from, to)) target.take(receive);
    });
  }

  cut(from: string, to: string): void {
    const ends = this.#cuts.get(from) ?? new Set();
    this.#cuts.set(from, ends.add(to));
  }

  heal(): void {
    this.#cuts.clear();
  }

  get hasCuts(): boolean {
    return this.#cuts.size > 0;
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.size > 0 && this.#cuts.get(from)?.has(to) === true;
  }

  isOpen(one: string, other: string): boolean {
    return !this.isCut(one, other) && !this.isCut(other, one);
  }

  runUntil(ms: number): void {
    for (;;) {
      const [next] = this.#heap;
      if (!next || next.at > ms) break;
      this.#pop();
      this.now = next.at;
      next.run();
    }
    this.now = ms;
  }

  #push(at: number, run: () => void): void {
    const heap = this.#heap;
    heap.push({ at, order: this.#order++, run });
    let index = heap.length - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(heap[index], heap[parent])) break;
      [heap[index], heap[parent]] = [heap[parent] as never, heap[index] as never];
      index = parent;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (heap.length === 0 || !last) return;
    heap[0] = last;
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      let least = index;
      if (left < heap.length && isBefore(heap[left], heap[least])) least = left;
      if (left + 1 < heap.length && isBefore(heap[left + 1], heap[least])) least = left + 1;
      if (least === index) return;
      [heap[index], heap[least]] = [heap[least] as never, heap[index] as never];
      index = least;
    }
  }
}

interface Entry {
  at: number;
  order: number;
}

function isBefore(one: Entry | undefined, other: Entry | undefined): boolean {
  if (!one || !other) return false;
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/** Something that runs: it dies, comes back, stands still and goes on. */
export class Process {
  isAlive = true;
  isStopped = false;
  /** Another number for each run. */
  life = 0;
  /** When the last message of each sender arrives. */
  readonly lastArrivals = new Map<string, number>();
  #inbox: (() => void)[] = [];

  constructor(readonly id: string) {}

  /** What reaches a stopped process waits in its buffers. */
  take(run: () => void): void {
    if (!this.isAlive) return;
    if (this.isStopped) this.#inbox.push(run);
    else run();
  }

  stop(): void {
    this.isStopped = true;
  }

  go(): void {
    if (!this.isStopped) return;
    this.isStopped = false;
    for (const run of this.#inbox.splice(0)) this.take(run);
  }

  die(): void {
    this.isAlive = false;
    this.isStopped = false;
    this.life++;
    this.#inbox = [];
  }
}
