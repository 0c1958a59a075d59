import type { LinkCommand } from '../../core/session-link.js';
import { isReplyError } from '../connection/connection-lost.error.js';
import { addressKey } from '../connection/node-address.js';
import type { ReplicaReport, ToldRole } from '../connection/node-report.js';
import {
  Nap,
  absentOf,
  behindOf,
  isAnyBack,
  isAnyOf,
  isElectedWithout,
  reasonOf,
  settle,
  settleAll,
  type Change,
  type GroupCommitParts,
  type PendingChange,
} from './group-commit.parts.js';
import { ReadConfirmation } from './read-confirmation.js';

/** Changes that share one `WAIT` at most. */
const MAX_GROUP = 512;
/** How long the server waits for its replicas before we look ourselves why they lag. @unit milliseconds */
const WAIT_MS = 50;
/** How often held changes are looked after. @unit milliseconds */
const HOLD_PERIOD_MS = 25;
/** How long a replica that is connected may lag before it counts as missing. @unit milliseconds */
const LAG_MS = 1000;
/** For so long after it was given a proof lets a lone primary acknowledge at once. @unit milliseconds */
const PROOF_LIFE_MS = 2000;

/**
 * Acknowledges changes once they are replicated: while one `WAIT` is out the next changes gather, so a hundred cost one.
 *
 * @remarks
 * A `WAIT` that falls short does not mean that a change failed, but that nobody knows. The change is held and the reason is
 * looked for: a replica that catches up acknowledges it; a primary that is proven to be the only one does so alone; one that
 * is none any more is left, by which the change rejects with `ConnectionLostError` and is replayed elsewhere.
 *
 * @internal
 */
export class GroupCommit {
  readonly #pending: PendingChange[] = [];
  /** Replicas that are not waited for, by a proof that must be renewed all the time. */
  #excused: ReadonlySet<string> = new Set();
  #isAlone = false;
  #missingSinceAt = 0;
  /** When a change was acknowledged last that not all replicas had. */
  #acknowledgedAloneAt = -Infinity;
  /** What the primary's offset was when it was asked last, after that. */
  #formerOffset = Infinity;
  readonly #nap = new Nap();
  readonly #reads: ReadConfirmation;
  /** Whom the node has had as its replica, and when it last had, on the clock of `performance.now()`. */
  readonly #seen = new Map<string, number>();
  /** Which of those that are excused have been back since. */
  readonly #returned = new Set<string>();
  #inFlight = 0;
  #isRunning = false;

  constructor(private readonly parts: GroupCommitParts) {
    this.#reads = new ReadConfirmation(
      parts.node,
      (told) => this.#isUpToDate(told),
      () => this.#look(),
    );
    parts.node.onReport(() => {
      this.#see(parts.node.report?.replicas);
      this.#readmit();
    });
    parts.node.onLost(this.#nap.end);
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
   * A replica that is promoted leaves its primary at once, and may take changes from others before we hear of it. A primary
   * that still has its replicas after it was read from had none of them promoted before.
   *
   * @throws ConnectionLostError when the node is left before that; the read must be made elsewhere.
   * @throws the server's own error.
   */
  read(run: () => Promise<unknown>): Promise<unknown> {
    return this.#reads.read(run);
  }

  /** Whether what was read before the node said so was up to date, as far as it shows at once. @throws ConnectionLostError */
  #isUpToDate({ role, replicas }: ToldRole): boolean {
    const { node } = this.parts;
    if (role === 'slave') node.leave('it is a replica');
    if (node.lost) throw node.lost;
    this.#see(replicas);
    return role === null || this.#isComplete(replicas);
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
    const { node, log } = this.parts;
    const deferredCount = node.deferredCount;
    const outcomes = settleAll(group.map(({ command, notAfterMs }) => node.run(command, notAfterMs())));
    const replicated = settle(this.#isReplicated());
    node.write.flush();
    const done: { readonly change: PendingChange; readonly reply: unknown }[] = [];
    for (const [index, outcome] of (await outcomes).entries()) {
      const change = group[index] as PendingChange;
      if ('error' in outcome) change.reject(outcome.error);
      else done.push({ change, reply: outcome.reply });
    }
    const outcome = await replicated;
    if (done.length === 0) return;
    try {
      if ('error' in outcome) throw outcome.error;
      // A change that went later than it should came after the WAIT.
      const isReplicated = node.deferredCount === deferredCount ? outcome.reply : await this.#isReplicated();
      const isUnseen = !node.waitsForOthers && node.report?.offset !== null && group.some((change) => change.isReplay);
      if (!isReplicated || isUnseen) {
        const changes = done.map(({ change }) => change.command);
        await this.#hold(performance.now(), changes);
      }
      if (this.#isShort) this.#acknowledgedAloneAt = performance.now();
      else log.clear();
      for (const { change, reply } of done) change.resolve(reply);
    } catch (error) {
      if (isReplyError(error) && error.message.startsWith('UNBLOCKED')) node.leave(error.message);
      for (const { change } of done) change.reject(node.lost ?? error);
    }
  }

  /** Whether every replica that matters has all that was sent on this connection so far. */
  async #isReplicated(): Promise<boolean> {
    const { node, authority, isStrict } = this.parts;
    const awaited = [...authority.required(node)].filter((name) => !this.#excused.has(name));
    const connectedCount = node.report?.replicas.length ?? 0;
    const isAnyAbsent = node.report?.offset !== null && absentOf(new Set(awaited), node.report?.replicas).length > 0;
    // Others that are connected are awaited, too: WAIT counts, it does not say who. Those that are not would only cost time;
    // the rest is asked all the same, since without a WAIT a replica confirms once a second.
    const count = isAnyAbsent ? connectedCount : Math.max(awaited.length, connectedCount);
    const returned = this.#isShort && isAnyBack(this.#excused, node);
    const acknowledged = count === 0 ? 0 : Number(await node.write.call('wait', String(count), String(WAIT_MS)));
    // Connected again it may be promoted at any time, before it has what was sent to it.
    if (isAnyAbsent || acknowledged < count || (await returned)) return false;
    if (!this.#isShort) return awaited.length > 0;
    return (awaited.length > 0 || !isStrict) && this.#renew();
  }

  /** Whether changes are acknowledged without some of the replicas. */
  get #isShort(): boolean {
    return this.#isAlone || this.#excused.size > 0;
  }

  /** Whether none of the replicas can have been promoted, as far as it shows at once. */
  #isComplete(replicas: readonly ReplicaReport[] | undefined): boolean {
    const missing = absentOf(this.parts.authority.required(this.parts.node), replicas);
    if (missing.length === 0) return true;
    // One that has been back since it was proven to be gone may have been promoted since.
    const isExcused = missing.every((name) => this.#excused.has(name) && !this.#returned.has(name));
    return (isExcused && this.#renew()) || isElectedWithout(missing, this.parts, this.#seen);
  }

  #see(replicas: readonly ReplicaReport[] = []): void {
    for (const { address } of replicas) {
      const name = addressKey(address);
      this.#seen.set(name, performance.now());
      if (this.#excused.has(name)) this.#returned.add(name);
    }
  }

  /** Returns once it is proven that the replicas that are gone have not been promoted. @throws ConnectionLostError */
  async #look(): Promise<void> {
    const { node, authority } = this.parts;
    const sinceAt = performance.now();
    authority.watch('alert');
    if (!this.#isShort) this.#missingSinceAt = sinceAt;
    for (;;) {
      await node.sync(performance.now());
      if (node.lost) throw node.lost;
      if (this.#isComplete(node.report?.replicas)) return;
      const required = authority.required(node);
      const missing = new Set(absentOf(required, node.report?.replicas));
      if (this.#isProven(missing, sinceAt)) {
        this.#returned.clear();
        this.#settle(missing, missing.size === required.size);
        return;
      }
      await this.#nap.take(HOLD_PERIOD_MS);
    }
  }

  /** Returns once the changes made by `executedAt` may be acknowledged. @throws ConnectionLostError */
  async #hold(executedAt: number, changes: readonly LinkCommand[]): Promise<void> {
    const { node, authority, isStrict, log } = this.parts;
    authority.watch('alert');
    await node.sync(executedAt);
    const target = node.report?.offset ?? Infinity;
    if (!this.#isShort) this.#missingSinceAt = executedAt;
    for (;;) {
      if (node.lost) throw node.lost;
      const required = authority.required(node);
      const missing = behindOf(required, target, node.report?.replicas);
      const hasReplica = missing.size < required.size;
      if (missing.size === 0 && hasReplica) {
        this.#settle(missing, false);
        return;
      }
      const isPatienceOver = !isAnyOf(missing, node.report?.replicas) || performance.now() - executedAt >= LAG_MS;
      if (isPatienceOver && (hasReplica || !isStrict) && this.#isProven(missing, executedAt)) {
        this.#settle(missing, !hasReplica);
        return;
      }
      if ((hasReplica || !isStrict) && isElectedWithout(missing, this.parts, this.#seen) && log.add(changes)) {
        this.#settle(missing, !hasReplica, 'alert');
        return;
      }
      // A WAIT makes the replicas confirm at once what they otherwise confirm once a second.
      if (isAnyOf(missing, node.report?.replicas))
        await settle(node.write.call('wait', String(required.size), String(WAIT_MS)));
      else await this.#nap.take(HOLD_PERIOD_MS);
      await node.sync(performance.now());
    }
  }

  /** Whether the proof for those that are missing still holds. */
  #renew(): boolean {
    const isProven = this.#isProven(this.#excused, performance.now() - PROOF_LIFE_MS);
    if (isProven) this.parts.authority.watch('close');
    return isProven;
  }

  #isProven(missing: ReadonlySet<string>, sinceAt: number): boolean {
    const { authority, node, log } = this.parts;
    // One that was back in between, even if it was not readmitted yet, may have been promoted when it left again.
    const missingSinceAt = Math.max(this.#missingSinceAt, ...[...missing].map((name) => this.#seen.get(name) ?? 0));
    if (!authority.isLone(node, { missing, sinceAt, missingSinceAt })) return false;
    log.clear();
    return true;
  }

  /** A replica that is connected again and keeps up is waited for again. */
  #readmit(): void {
    const { node, authority } = this.parts;
    const formerOffset = this.#formerOffset;
    // What was acknowledged alone since then it may lack, although it keeps up.
    const isAskedSince = (node.report?.askedAt ?? 0) > this.#acknowledgedAloneAt;
    this.#formerOffset = (isAskedSince ? node.report?.offset : null) ?? Infinity;
    if (!this.#isShort) return;
    const required = authority.required(node);
    const behind = behindOf(required, formerOffset, node.report?.replicas);
    const excused = new Set([...this.#excused].filter((name) => behind.has(name)));
    const isAlone = this.#isAlone && behind.size === required.size;
    if (excused.size < this.#excused.size || isAlone !== this.#isAlone) this.#settle(excused, isAlone);
    else this.#renew();
  }

  #settle(excused: ReadonlySet<string>, isAlone: boolean, pace?: 'alert'): void {
    const { authority, onDegraded, onRecovered } = this.parts;
    const wasAlone = this.#isAlone;
    this.#excused = excused;
    this.#isAlone = isAlone;
    authority.watch(pace ?? (isAlone || excused.size > 0 ? 'close' : 'calm'));
    if (isAlone && !wasAlone) onDegraded(reasonOf(excused));
    if (!isAlone && wasAlone) onRecovered();
  }
}
