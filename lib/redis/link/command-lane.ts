import type { Operation } from './operation.js';

/** How many commands may be in flight at most, and how many right after a primary was found. */
const MAX_IN_FLIGHT = 1024;
const FIRST_IN_FLIGHT = 64;
/** Pause after an answer that says "not now". @unit milliseconds */
const BACK_OFF_MS = 50;

/**
 * Operations of one kind on their way to the primary. What may be in flight is bounded, small after a failover and growing
 * with every answer, so that those who waited do not run the new primary down.
 *
 * @internal
 */
export class CommandLane {
  readonly #queue: Operation[] = [];
  #inFlight = 0;
  #limit = FIRST_IN_FLIGHT;
  #pause: NodeJS.Timeout | undefined;

  /**
   * @param attempt - sends an operation, and says when that is over by `answered` or `takeBack`
   * @param isOpen - whether there is a primary to send to
   */
  constructor(
    private readonly attempt: (operation: Operation) => void,
    private readonly isOpen: () => boolean,
  ) {}

  /** Operations that have not been sent, or must be sent again; those that no request waits for do not count. */
  get queued(): number {
    return this.#queue.filter(({ isSettled, isBackground }) => !isSettled && !isBackground).length;
  }

  /** Sends an operation, now or when its turn has come. */
  add(operation: Operation): void {
    // In a long outage nobody else takes those away that have been given up.
    while (this.#queue[0]?.isSettled) this.#queue.shift();
    this.#queue.push(operation);
    this.pump();
    if (this.#queue.length > 0) operation.wait();
  }

  /** An attempt has ended with an answer, whatever it says: more may be in flight. */
  answered(): void {
    if (this.#limit < MAX_IN_FLIGHT) this.#limit = Math.min(MAX_IN_FLIGHT, this.#limit * 2);
    this.#inFlight--;
    this.pump();
  }

  /** An attempt has failed: the operation goes again, in its place before those that came later. */
  takeBack(operation: Operation): void {
    this.#inFlight--;
    this.putBack(operation);
    this.pump();
  }

  /** Puts an operation that is not in flight into its place. */
  putBack(operation: Operation): void {
    if (operation.isSettled) return;
    const place = this.#queue.findIndex((other) => other.sequence > operation.sequence);
    this.#queue.splice(place === -1 ? this.#queue.length : place, 0, operation);
    operation.wait();
  }

  /** A primary was found: starts slowly. */
  restart(): void {
    this.#limit = FIRST_IN_FLIGHT;
    this.stop();
  }

  /** The primary asks for patience: one operation tries after a pause, the others follow when it succeeds. */
  backOff(): void {
    this.#limit = 1;
    this.#pause ??= setTimeout(() => {
      this.#pause = undefined;
      this.pump();
    }, BACK_OFF_MS);
  }

  stop(): void {
    clearTimeout(this.#pause);
    this.#pause = undefined;
  }

  /** Sends what may be sent. */
  pump(): void {
    while (this.#inFlight < this.#limit && !this.#pause && this.isOpen()) {
      const operation = this.#queue.shift();
      if (!operation) return;
      if (operation.isSettled) continue;
      this.#inFlight++;
      this.attempt(operation);
    }
  }
}
