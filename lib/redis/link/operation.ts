import type { LinkCommand, LinkCommandOptions } from '../../core/session-link.js';
import { SessionUnavailableError } from '../../errors/session-unavailable.error.js';
import { heldBytes, type WaitingMemory } from '../connection/waiting-memory.js';
import type { PrimaryNode } from '../primary/primary-node.js';

/** Numbers below are those of operations that are made again. */
const FIRST_SEQUENCE = 2 ** 52;

/** One call of `execute` from its beginning to its one outcome. @internal */
export class Operation {
  readonly promise: Promise<unknown>;
  /** Memory that it holds. @unit bytes */
  readonly bytes: number;
  /** Whether an attempt is under way: it holds its memory until that is over, also when nobody waits any more. */
  isInFlight = false;
  /** Whether it was sent and not answered: it may have been executed. */
  isReplay = false;
  /** The clock of a server that found it late, less `performance.now()`, in milliseconds. */
  clockOffsetMs: number | null = null;
  /** Whether nobody waits for it. */
  isBackground = false;
  /** The node of the last attempt; `null` before the first, and where a client finds its nodes itself. */
  node: PrimaryNode | null = null;
  /** The last thing that went wrong, as the cause of a refusal. */
  lastError: unknown = undefined;
  #isSettled = false;
  #stopWatching: (() => void) | undefined;
  #resolve!: (reply: unknown) => void;
  #reject!: (error: unknown) => void;

  constructor(
    readonly command: LinkCommand,
    /** On the clock of `performance.now()`. */
    readonly deadlineAt: number,
    /** Operations go in this order, also when they have to be sent again. */
    readonly sequence: number,
    /** Ends it when its caller goes; returns the way to stop that. */
    private readonly watch?: (operation: Operation) => () => void,
  ) {
    this.bytes = heldBytes(command);
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get isWrite(): boolean {
    return typeof this.command.run !== 'string' && this.command.run.isWrite;
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** It is not answered at once: from now on it ends when its caller goes. */
  wait(): void {
    if (!this.#isSettled) this.#stopWatching ??= this.watch?.(this);
  }

  resolve(reply: unknown): void {
    this.#end();
    this.#resolve(reply);
  }

  reject(error: unknown): void {
    this.#end();
    this.#reject(error);
  }

  #end(): void {
    this.#isSettled = true;
    this.#stopWatching?.();
  }
}

/** Bounds of all that is under way. @internal */
export interface OperationLimits {
  readonly operationTimeoutMs: number;
  readonly maxWaitingCount: number;
}

/**
 * All operations that are under way: bounded in number and memory, and each ended at its deadline, whatever the network does.
 *
 * @remarks
 * Every operation has the same time, so the oldest is always the first to expire: one timer serves all of them.
 *
 * @internal
 */
export class OperationBook {
  readonly #open = new Set<Operation>();
  #nextSequence = FIRST_SEQUENCE;
  #timer: NodeJS.Timeout | undefined;
  #whenEmpty: (() => void) | undefined;

  /** @param trouble - why there is no primary now, as the cause of a refusal */
  constructor(
    private readonly limits: OperationLimits,
    private readonly memory: WaitingMemory,
    private readonly trouble: () => unknown,
  ) {}

  /**
   * Enters a new operation.
   *
   * @throws SessionUnavailableError when too much is under way.
   */
  enter(command: LinkCommand, { signal, background = false }: LinkCommandOptions = {}): Operation {
    const watch = signal && ((waiting: Operation): (() => void) => this.#endWith(signal(), waiting));
    const operation = new Operation(command, this.#deadline(), this.#nextSequence++, watch);
    if (this.#open.size >= this.limits.maxWaitingCount) throw countError(this.limits.maxWaitingCount);
    if (!this.memory.hasRoomFor(operation.bytes)) throw memoryError(this.memory, operation.bytes);
    operation.isBackground = background;
    this.#add(operation);
    return operation;
  }

  /** Ends what nobody waits for. */
  dropBackground(): void {
    for (const operation of [...this.#open]) if (operation.isBackground) this.fail(operation, goneError(undefined));
  }

  /** Enters an operation that was acknowledged already and has to be made again: it goes before all others, whatever waits. */
  enterAgain(command: LinkCommand): Operation {
    const operation = new Operation(command, this.#deadline(), this.#nextSequence++ - FIRST_SEQUENCE);
    operation.isReplay = true;
    this.#add(operation);
    return operation;
  }

  /** Age of the oldest operation that is under way. @unit milliseconds */
  get oldestMs(): number {
    for (const { deadlineAt } of this.#open)
      return Math.max(0, performance.now() - deadlineAt + this.limits.operationTimeoutMs);
    return 0;
  }

  complete(operation: Operation, reply: unknown): void {
    if (this.#leave(operation)) operation.resolve(reply);
  }

  fail(operation: Operation, error: unknown): void {
    if (this.#leave(operation)) operation.reject(error);
  }

  /** An attempt begins. */
  attempt(operation: Operation): void {
    operation.isInFlight = true;
  }

  /** The attempt is over, whatever came of it. */
  attempted(operation: Operation): void {
    operation.isInFlight = false;
    if (!this.#open.has(operation)) this.memory.free(operation.bytes);
  }

  /** Resolves once nothing is under way. */
  async empty(): Promise<void> {
    if (this.#open.size > 0) await new Promise<void>((resolve) => (this.#whenEmpty = resolve));
    clearTimeout(this.#timer);
  }

  #endWith(signal: AbortSignal, operation: Operation): () => void {
    const onAbort = (): void => {
      this.fail(operation, goneError(operation.lastError));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    return () => {
      signal.removeEventListener('abort', onAbort);
    };
  }

  #deadline(): number {
    return performance.now() + this.limits.operationTimeoutMs;
  }

  #add(operation: Operation): void {
    this.#open.add(operation);
    this.memory.take(operation.bytes);
    this.#timer ??= this.#arm(this.limits.operationTimeoutMs);
  }

  #leave(operation: Operation): boolean {
    if (!this.#open.delete(operation)) return false;
    if (!operation.isInFlight) this.memory.free(operation.bytes);
    if (this.#open.size === 0) this.#whenEmpty?.();
    return true;
  }

  #arm(delayMs: number): NodeJS.Timeout {
    return setTimeout(() => {
      // Answers that arrived while this process stood still are read first.
      setImmediate(() => {
        this.#sweep();
      });
    }, delayMs);
  }

  #sweep(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const operation of this.#open) {
      if (operation.deadlineAt > now) {
        this.#timer = this.#arm(operation.deadlineAt - now);
        return;
      }
      this.fail(operation, deadlineError(this.limits.operationTimeoutMs, this.trouble() ?? operation.lastError));
    }
  }
}

function countError(maxWaitingCount: number): SessionUnavailableError {
  const message = `${maxWaitingCount} session operations are waiting for Redis already (maxWaitingCount).`;
  return new SessionUnavailableError('overload', message);
}

function memoryError({ held, limit }: WaitingMemory, bytes: number): SessionUnavailableError {
  const message =
    `Session operations that wait for Redis hold ${held} bytes of memory, and this one needs ${bytes}: ` +
    `more than maxWaitingBytes, ${limit}.`;
  return new SessionUnavailableError('overload', message);
}

function goneError(cause: unknown): SessionUnavailableError {
  return new SessionUnavailableError('aborted', 'The caller stopped waiting for its session.', causeOf(cause));
}

function deadlineError(timeoutMs: number, cause: unknown): SessionUnavailableError {
  return new SessionUnavailableError(
    'deadline',
    `No usable Redis primary has confirmed the session operation within ${timeoutMs} ms.`,
    causeOf(cause),
  );
}

function causeOf(cause: unknown): ErrorOptions | undefined {
  return cause === undefined || cause === null ? undefined : { cause };
}
