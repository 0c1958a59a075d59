import type { LinkCommand } from '../../core/session-link.js';
import { heldBytes, type WaitingMemory } from '../connection/waiting-memory.js';

/** How many changes a log keeps at most. */
const MAX_COUNT = 10_000;

/**
 * Changes acknowledged by a node that was promoted a moment ago, before a majority has confirmed that it was: kept until it
 * has, so that they can be made again on whichever node is the primary if it does not.
 *
 * @remarks
 * A promoted node is without a replica, and a majority of Sentinels needs a second or two to hear of it. Were changes held for
 * so long, every failover would take that much longer; were they simply acknowledged, the loss of the one Sentinel that led
 * the failover could undo it and them.
 *
 * @internal
 */
export class ProvisionalLog {
  #changes: LinkCommand[] = [];
  #bytes = 0;

  constructor(private readonly memory: WaitingMemory) {}

  /** Keeps changes in the order they were made; `false`: there is no room for them. */
  add(changes: readonly LinkCommand[]): boolean {
    const bytes = changes.reduce((sum, change) => sum + heldBytes(change), 0);
    if (this.#changes.length + changes.length > MAX_COUNT || !this.memory.hasRoomFor(bytes)) return false;
    this.#changes.push(...changes);
    this.#bytes += bytes;
    this.memory.take(bytes);
    return true;
  }

  /** Hands over what was never confirmed, or drops what was. */
  clear(): readonly LinkCommand[] {
    const changes = this.#changes;
    this.#changes = [];
    this.memory.free(this.#bytes);
    this.#bytes = 0;
    return changes;
  }
}
