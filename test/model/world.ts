/** A thing to come, kept small: there are a hundred thousand in a run. */
interface Event {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  /** Whom it happens to, and in which of its lives; `null`: nobody, and nothing can delay it. */
  readonly process: Process | null;
  readonly life: number;
  /** Where a message comes from; `null`: it is a timer. */
  readonly from: string | null;
}

/** Events in the order of a virtual clock: the same seed gives the same run. */
export class World {
  now = 0;
  /** Events of later milliseconds, by the millisecond; and those of the current one, in order. */
  readonly #slots = new Map<number, Event[]>();
  #events: Event[] = [];
  #slot = 0;
  /** How many of the current slot have been run. */
  #done = 0;
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
    this.#push(this.now + ms, run, process, null);
  }

  /** Calls `run` again and again. */
  every(process: Process, ms: () => number, run: () => void): void {
    const again = (): void => {
      run();
      this.#push(this.now + ms(), again, process, null);
    };
    this.#push(this.now + ms(), again, process, null);
  }

  /** Something from outside, which no process can delay. */
  at(ms: number, run: () => void): void {
    this.#push(ms, run, null, null);
  }

  /** A message on its way: lost when the way is cut at its beginning or its end, or when the receiver dies. */
  send(from: string, to: string, receive: () => void): void {
    if (this.isCut(from, to)) return;
    const target = this.#processes.get(to);
    if (!target) return;
    // What one has sent arrives in its order.
    const at = Math.max(target.lastArrivals.get(from) ?? 0, this.now + 0.2 + this.random(3));
    target.lastArrivals.set(from, at);
    this.#push(at, receive, target, from);
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
      const event = this.#events[this.#done];
      if (event) {
        if (event.at > ms) break;
        this.#done++;
        this.now = event.at;
        this.#happen(event);
        continue;
      }
      if (this.#slot >= Math.floor(ms)) break;
      this.#slot++;
      this.#done = 0;
      this.#events = this.#slots.get(this.#slot)?.sort(inOrder) ?? [];
      this.#slots.delete(this.#slot);
    }
    this.now = ms;
  }

  #happen({ run, process, life, from }: Event): void {
    if (process === null) run();
    else if (process.life === life && process.isAlive && (from === null || !this.isCut(from, process.id)))
      process.take(run);
  }

  #push(at: number, run: () => void, process: Process | null, from: string | null): void {
    const event: Event = { at, order: this.#order++, run, process, life: process?.life ?? 0, from };
    const slot = Math.floor(at);
    if (slot > this.#slot) {
      const events = this.#slots.get(slot);
      if (events) events.push(event);
      else this.#slots.set(slot, [event]);
      return;
    }
    // It comes among those that are running.
    const events = this.#events;
    events.push(event);
    for (let index = events.length - 1; index > this.#done && inOrder(event, events[index - 1] as Event) < 0; index--) {
      [events[index], events[index - 1]] = [events[index - 1] as Event, event];
    }
  }
}

function inOrder(one: Event, other: Event): number {
  return one.at - other.at || one.order - other.order;
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
