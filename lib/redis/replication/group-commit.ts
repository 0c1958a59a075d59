import { refusalIn } from '../connection/server-reply.js';
import { isReplyError } from '../connection/connection-lost.error.js';
import {
  settle,
  settleAll,
  type Change,
  type CommitLook,
  type GroupCommitParts,
  type PendingChange,
} from './group-commit.parts.js';
import { ReadConfirmation } from './read-confirmation.js';
import { ReplicationGuard } from './replication-guard.js';

/** Changes that share one `WAIT` at most. */
const MAX_GROUP = 512;

/**
 * Acknowledges changes once they are replicated: while one `WAIT` is out the next changes gather, so a hundred cost one.
 *
 * @remarks
 * A `WAIT` that falls short does not mean that a change failed, but that nobody knows. The change is held and the reason is
 * looked for. When the primary is none any more it is left, by which the change rejects with `ConnectionLostError` and is
 * replayed elsewhere.
 *
 * @internal
 */
export class GroupCommit {
  readonly #pending: PendingChange[] = [];
  readonly #guard: ReplicationGuard;
  readonly #reads: ReadConfirmation;
  #inFlight = 0;
  #isRunning = false;

  constructor(private readonly parts: GroupCommitParts) {
    const guard = new ReplicationGuard(parts);
    this.#guard = guard;
    this.#reads = new ReadConfirmation(
      parts.node,
      (told) => guard.isUpToDate(told),
      () => guard.prove(),
    );
  }

  /** Changes that are not acknowledged yet. */
  get waiting(): number {
    return this.#pending.length + this.#inFlight;
  }

  /**
   * Executes a change; resolves with its reply once it is replicated.
   *
   * @throws ConnectionLostError when the node is left before; the change must be replayed.
   * @throws the server's own error.
   */
  commit(change: Change): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ ...change, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  /**
   * Reads from the node; resolves once it is certain that what was read was up to date.
   *
   * @remarks
   * A replica that is promoted may take changes from others before this process hears of it. So the primary and the
   * connections to its replicas are looked at after the read.
   *
   * @throws ConnectionLostError when the node is left before that; the read must be made elsewhere.
   * @throws the server's own error.
   */
  read(run: () => Promise<unknown>): Promise<unknown> {
    return this.#reads.read(run);
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    // What else comes in this turn of the event loop goes with the first.
    await new Promise(setImmediate);
    while (this.#pending.length > 0) {
      const group = this.#pending.splice(0, MAX_GROUP).filter((change) => {
        const isWanted = change.isWanted();
        if (!isWanted) change.resolve(undefined);
        return isWanted;
      });
      this.#inFlight = group.length;
      if (group.length > 0) await this.#commitGroup(group);
      this.#inFlight = 0;
    }
    this.#isRunning = false;
  }

  async #commitGroup(group: readonly PendingChange[]): Promise<void> {
    const { node } = this.parts;
    const deferredCount = node.deferredCount;
    const outcomes = settleAll(group.map(({ command, notAfterMs }) => node.run(command, notAfterMs())));
    const looked = settle(this.#guard.look());
    node.write.flush();
    const done: { readonly change: PendingChange; readonly reply: unknown }[] = [];
    for (const [index, outcome] of (await outcomes).entries()) {
      const change = group[index] as PendingChange;
      if ('error' in outcome) change.reject(outcome.error);
      else done.push({ change, reply: outcome.reply });
    }
    const outcome = await looked;
    if (done.length === 0) return;
    try {
      if ('error' in outcome) throw outcome.error;
      // A change that went later than it should came after the WAIT.
      const isLate = node.deferredCount !== deferredCount;
      const look = isLate ? await this.#guard.look() : (outcome.reply as CommitLook);
      const isUnseen = !node.waitsForOthers && look.listed !== null && group.some((change) => change.isReplay);
      if (isUnseen || !this.#guard.isAcknowledged(look)) {
        await this.#guard.hold(
          performance.now(),
          look,
          // What was refused is not made again.
          done.flatMap(({ change: { command }, reply }) =>
            refusalIn(reply) === null ? [command.restored?.(reply) ?? command] : [],
          ),
        );
      }
      this.#guard.acknowledged();
      for (const { change, reply } of done) change.resolve(reply);
    } catch (error) {
      if (isReplyError(error) && error.message.startsWith('UNBLOCKED')) node.leave(error.message);
      for (const { change } of done) change.reject(node.lost ?? error);
    }
  }
}
