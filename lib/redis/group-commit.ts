import type { LinkCommand } from '../core/session-link.js';
import { isReplyError } from './connection-lost.error.js';
import { addressKey } from './node-address.js';
import type { PrimaryNode } from './primary-node.js';
import type { ProvisionalLog } from './provisional-log.js';
import type { ReplicaAuthority } from './replica-authority.js';

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

/** A change to be made. @internal */
export interface Change {
  readonly command: LinkCommand;
  /** Whether it may have been executed before: then it may find itself done and write nothing. */
  readonly isReplay: boolean;
  /** Its stamp, asked for when it is sent. */
  readonly notAfterMs: () => number;
  /** Whether anybody still waits for it; else it is not sent. */
  readonly isWanted: () => boolean;
}

/** A change on its way to the replicas. */
interface PendingChange extends Change {
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** What a group commit is made of. @internal */
export interface GroupCommitParts {
  readonly node: PrimaryNode;
  readonly authority: ReplicaAuthority;
  /** Whether at least one replica must have a change, whatever is proven. */
  readonly isStrict: boolean;
  /** What was acknowledged on the word of the one who promoted the node. */
  readonly log: ProvisionalLog;
  /** Changes are acknowledged by the primary alone from now on. */
  readonly onDegraded: (reason: string) => void;
  /** Every replica that matters has the changes again. */
  readonly onRecovered: () => void;
}

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
  /** What the primary's offset was when it was asked last. */
  #formerOffset = Infinity;
  #wake: (() => void) | undefined;
  #inFlight = 0;
  #isRunning = false;

  constructor(private readonly parts: GroupCommitParts) {
    parts.node.onReport(() => {
      this.#readmit();
    });
    parts.node.onLost(() => {
      this.#wake?.();
    });
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

  async #run(): Promise<void> {
    this.#isRunning = true;
    // What else comes in this tick goes with the first.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const group = this.#pending.splice(0, MAX_GROUP).filter((change) => {
        const isWanted = change.isWanted();
        if (!isWanted) change.resolve(undefined);
        return isWanted;
      });
      this.#inFlight = group.length;
      await this.#commitGroup(group);
      this.#inFlight = 0;
    }
    this.#isRunning = false;
  }

  async #commitGroup(group: readonly PendingChange[]): Promise<void> {
    const { node, log } = this.parts;
    const deferredCount = node.deferredCount;
    const replies = group.map(({ command, notAfterMs }) => settle(node.run(command, notAfterMs())));
    const replicated = settle(this.#isReplicated());
    const done: { readonly change: PendingChange; readonly reply: unknown }[] = [];
    for (const [index, outcome] of (await Promise.all(replies)).entries()) {
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
      if (!this.#isAlone && this.#excused.size === 0) log.clear();
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
    if (node.report?.offset !== null && awaited.some((name) => !this.#isAnyConnected(new Set([name])))) return false;
    // Others that are connected are awaited, too: WAIT counts, it does not say who.
    const count = Math.max(awaited.length, node.report?.replicas.length ?? 0);
    const acknowledged = count === 0 ? 0 : Number(await node.write.call('wait', String(count), String(WAIT_MS)));
    if (acknowledged < count) return false;
    if (!this.#isAlone && this.#excused.size === 0) return awaited.length > 0;
    return (awaited.length > 0 || !isStrict) && this.#renew();
  }

  /** Returns once the changes made by `executedAt` may be acknowledged. @throws ConnectionLostError */
  async #hold(executedAt: number, changes: readonly LinkCommand[]): Promise<void> {
    const { node, authority, isStrict, log } = this.parts;
    authority.watch('alert');
    await node.sync(executedAt);
    const target = node.report?.offset ?? Infinity;
    if (!this.#isAlone && this.#excused.size === 0) this.#missingSinceAt = executedAt;
    for (;;) {
      if (node.lost) throw node.lost;
      const required = authority.required(node);
      const missing = this.#behind(required, target);
      const hasReplica = missing.size < required.size;
      if (missing.size === 0 && hasReplica) {
        this.#settle(missing, false);
        return;
      }
      const isPatienceOver = !this.#isAnyConnected(missing) || performance.now() - executedAt >= LAG_MS;
      if (isPatienceOver && (hasReplica || !isStrict) && this.#isProven(missing, executedAt)) {
        this.#settle(missing, !hasReplica);
        return;
      }
      if (!isStrict && !hasReplica && authority.isElected(node) && log.add(changes)) {
        this.#settle(missing, true, 'alert');
        return;
      }
      await this.#sleep();
      await node.sync(performance.now());
    }
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, HOLD_PERIOD_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Whether the proof for those that are missing still holds. */
  #renew(): boolean {
    const isProven = this.#isProven(this.#excused, performance.now() - PROOF_LIFE_MS);
    if (isProven) this.parts.authority.watch('close');
    return isProven;
  }

  #isProven(missing: ReadonlySet<string>, sinceAt: number): boolean {
    const { authority, node, log } = this.parts;
    const isProven = authority.isLone(node, { missing, sinceAt, missingSinceAt: this.#missingSinceAt });
    if (isProven) log.clear();
    return isProven;
  }

  /** Those of the replicas that have not confirmed an offset. */
  #behind(names: ReadonlySet<string>, offset: number): ReadonlySet<string> {
    const replicas = this.parts.node.report?.replicas ?? [];
    const upToDate = new Set(
      replicas.filter((replica) => replica.offset >= offset).map(({ address }) => addressKey(address)),
    );
    return new Set([...names].filter((name) => !upToDate.has(name)));
  }

  #isAnyConnected(names: ReadonlySet<string>): boolean {
    return this.parts.node.report?.replicas.some(({ address }) => names.has(addressKey(address))) ?? false;
  }

  /** A replica that is connected again and keeps up is waited for again. */
  #readmit(): void {
    const { node, authority } = this.parts;
    const formerOffset = this.#formerOffset;
    this.#formerOffset = node.report?.offset ?? Infinity;
    if (!this.#isAlone && this.#excused.size === 0) return;
    const required = authority.required(node);
    const behind = this.#behind(required, formerOffset);
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

type Outcome = { readonly reply: unknown } | { readonly error: unknown };

function settle(promise: Promise<unknown>): Promise<Outcome> {
  return promise.then(
    (reply) => ({ reply }),
    (error: unknown) => ({ error }),
  );
}

function reasonOf(missing: ReadonlySet<string>): string {
  return missing.size === 0 ? 'no replica is known' : `no replica confirms: ${[...missing].join(', ')}`;
}
