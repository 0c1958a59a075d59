import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster } from 'ioredis';
import { ConnectionLostError } from '../connection/connection-lost.error.js';
import { parseRole } from '../connection/node-report.js';
import { RedactedCommand } from '../connection/redacted-command.js';

/** How long a node waits for its replicas at a time: reads on the same connection wait as well. @unit milliseconds */
const WAIT_MS = 100;

/** A command without keys that goes to the node of a slot. */
class SlotCommand extends RedactedCommand {
  readonly #slot: number;

  constructor(slot: number, name: string, ...args: string[]) {
    super({ name, args, shown: args });
    this.#slot = slot;
  }

  override getSlot(): number {
    return this.#slot;
  }
}

/**
 * Lets a change in a Cluster count once the replicas of its slot have it.
 *
 * @remarks
 * A replica stops counting when the Cluster has agreed that it failed and no longer lists it for the slot: by then a majority
 * of masters has been heard of, so a master that was cut off with a minority never acknowledges alone. What cannot hold here:
 * with several replicas all of them must answer, since nobody says which one would be promoted.
 *
 * @internal
 */
export class ClusterReplication {
  /** Masters that have no replica to wait for. */
  readonly #alone = new Set<string>();

  constructor(
    private readonly client: Cluster,
    /** Whether at least one replica must have a change. */
    private readonly isStrict: boolean,
    /** Bounds the time of one attempt. */
    private readonly withinAttempt: (reply: Promise<unknown>) => Promise<unknown>,
    /** Tells whether any master acknowledges changes without a replica now. */
    private readonly onAlone: (isAlone: boolean) => void,
  ) {}

  /**
   * Resolves once the replicas have the change that `command` made.
   *
   * @param isWanted - whether anybody still waits for it
   * @throws ConnectionLostError when the slot has moved meanwhile; the change must be replayed.
   */
  async confirm(command: RedactedCommand, isWanted: () => boolean): Promise<void> {
    const slot = command.getSlot();
    while (isWanted()) {
      const [master = '', ...replicas] = this.client.slots[slot] ?? [];
      const count = replicas.length || (await this.#connectedCount(slot));
      const wait = new SlotCommand(slot, 'wait', String(count), String(WAIT_MS));
      const acknowledged = Number(await this.#send(wait));
      if (wait.writtenTo !== command.writtenTo)
        throw new ConnectionLostError(`slot ${slot}`, 'another node serves it now');
      if (acknowledged >= count && (count > 0 || !this.isStrict)) {
        this.#note(master, count === 0);
        return;
      }
      await delay(WAIT_MS);
    }
  }

  /** Replicas that the master itself sees: the slot map may be incomplete right after a failover. */
  async #connectedCount(slot: number): Promise<number> {
    return parseRole(await this.#send(new SlotCommand(slot, 'role')).catch(() => null)).replicas?.length ?? 0;
  }

  #send(command: RedactedCommand): Promise<unknown> {
    this.client.sendCommand(command);
    return this.withinAttempt(command.replied);
  }

  #note(master: string, isAlone: boolean): void {
    const wasAlone = this.#alone.size > 0;
    if (isAlone) this.#alone.add(master);
    else this.#alone.delete(master);
    if (wasAlone !== this.#alone.size > 0) this.onAlone(!wasAlone);
  }
}
