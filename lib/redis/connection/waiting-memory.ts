import type { LinkCommand } from '../../core/session-link.js';

/**
 * Memory that a command holds while it waits: its arguments in the heap, and once more as the bytes that go to Redis.
 *
 * @remarks V8 keeps a text in one byte for each character, or in two as soon as one character needs them.
 * @internal
 */
export function heldBytes({ args }: Pick<LinkCommand, 'args'>): number {
  let bytes = 0;
  for (const arg of args) {
    const wire = wireBytes(arg);
    const heap = typeof arg === 'string' && wire > arg.length ? 2 * arg.length : arg.length;
    bytes += heap + wire;
  }
  return bytes;
}

/** The part of `heldBytes` that each copy on its way costs. @internal */
export function copyBytes({ args }: Pick<LinkCommand, 'args'>): number {
  return args.reduce((sum, arg) => sum + wireBytes(arg), 0);
}

function wireBytes(arg: string | Buffer): number {
  return typeof arg === 'string' ? Buffer.byteLength(arg) : arg.length;
}

/**
 * The memory that all waiting operations of one link hold, wherever they wait: before a primary is found, on their way to
 * it, in the queues of a client, and in the log of what may have to be made again.
 *
 * @internal
 */
export class WaitingMemory {
  #held = 0;

  /** @param limit - what may be held at most; @unit bytes */
  constructor(readonly limit: number) {}

  /** @unit bytes */
  get held(): number {
    return this.#held;
  }

  /** Whether so much more may be held. */
  hasRoomFor(bytes: number): boolean {
    return this.#held + bytes <= this.limit;
  }

  /** So much more is held, whether there is room or not. */
  take(bytes: number): void {
    this.#held += bytes;
  }

  /** So much is not held any more. */
  free(bytes: number): void {
    this.#held -= bytes;
  }
}
