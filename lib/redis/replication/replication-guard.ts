import type { LinkCommand } from '../../core/session-link.js';
import { decideAcknowledgement, lackingOf, type Acknowledgement } from '../decisions/acknowledgement.js';
import { confirmedBy, reachedBy } from '../decisions/confirmation.js';
import type { Decision } from '../decisions/decision.js';
import { decideRead, type ReadAnswer } from '../decisions/read-answer.js';
import type { ToldRole } from '../connection/node-report.js';
import type { WatchPace } from '../primary/watch-pace.js';
import { Nap, listedBy, type CommitLook, type GroupCommitParts } from './group-commit.parts.js';
import type { LoneClaim } from './replica-authority.js';
import { ReplicaLedger } from './replica-ledger.js';

/** How long the server waits for its replicas before we look ourselves why they lag. @unit milliseconds */
const WAIT_MS = 50;
/** How often held changes are looked after. @unit milliseconds */
const HOLD_PERIOD_MS = 25;
/** How long a replica that is connected may lag before it counts as missing. @unit milliseconds */
const LAG_MS = 1000;
/** For so long after it was given a proof lets a lone primary acknowledge at once. @unit milliseconds */
const PROOF_LIFE_MS = 2000;
/** The same for a read: it must not show what was before a change made elsewhere. @unit milliseconds */
const READ_PROOF_LIFE_MS = 600;

/** What is to become of changes, and the replicas that lack them. */
interface Verdict {
  readonly outcome: Acknowledgement;
  readonly reason: string;
  readonly missing: ReadonlySet<string>;
}

/**
 * Looks after what one primary and its replicas have: what may be acknowledged, and what was read may be shown.
 *
 * @remarks
 * All of that is decided in `decisions/`; here is what surrounds it: when the primary, its replicas and the Sentinels are
 * asked, and who is not waited for at the moment.
 *
 * @internal
 */
export class ReplicationGuard {
  readonly #ledger = new ReplicaLedger();
  /** Replicas that had the last commit. */
  #confirmed: ReadonlySet<string> = new Set();
  #missingSinceAt = 0;
  /** When a change was acknowledged last that not all replicas had. */
  #acknowledgedAloneAt = -Infinity;
  /** What the primary's offset was when it was asked last, after that. */
  #formerOffset = Infinity;
  readonly #nap = new Nap();

  constructor(private readonly parts: GroupCommitParts) {
    const { node } = parts;
    this.#noteReport();
    node.onReport(() => {
      this.#noteReport();
      this.#readmit();
    });
    node.onLost(this.#nap.end);
  }

  /** Whether what was read before the node said so was up to date, as far as it shows at once. @throws ConnectionLostError */
  isUpToDate(told: ToldRole): boolean {
    const { node } = this.parts;
    this.#note(told.replicas, told.offset);
    const { outcome, reason } = this.#decideRead(told, Infinity, (missing) => {
      const missingSinceAt = this.#missingSince(missing);
      return this.#isProven({ missing, sinceAt: missingSinceAt, renewableMs: READ_PROOF_LIFE_MS, missingSinceAt });
    });
    if (outcome === 'elsewhere') node.leave(reason);
    if (node.lost) throw node.lost;
    return outcome === 'answer';
  }

  /** Returns once it is proven that none of the replicas has been promoted. @throws ConnectionLostError */
  async prove(): Promise<void> {
    const { node, authority } = this.parts;
    const sinceAt = performance.now();
    authority.watch('alert');
    let proven: ReadonlySet<string> = new Set();
    const isLone = (missing: ReadonlySet<string>): boolean => {
      const isProven = this.#isProven({ missing, sinceAt, missingSinceAt: this.#missingSince(missing) });
      if (isProven) proven = missing;
      return isProven;
    };
    for (;;) {
      await node.sync(performance.now());
      if (node.lost) throw node.lost;
      const { role = null, replicas } = node.report ?? {};
      if (this.#decideRead({ role, replicas }, sinceAt, isLone).outcome === 'answer') break;
      await this.#nap.take(HOLD_PERIOD_MS);
    }
    // One that only this process does not reach has the changes all the same.
    const { listed } = this.#ledger;
    const absent = new Set([...proven].filter((name) => !listed.has(name)));
    if (absent.size > 0) this.#settle(absent, true);
    else authority.watch(this.#pace);
  }

  #decideRead(
    { role, replicas }: ToldRole,
    readAt: number,
    isLone: (missing: ReadonlySet<string>) => boolean,
  ): Decision<ReadAnswer> {
    const { node, authority } = this.parts;
    const promotable = authority.promotable(node);
    const names = promotable.map(({ name }) => name);
    return decideRead({
      role,
      promotable,
      listed: new Set(listedBy(replicas)?.map(({ name }) => name)),
      following: new Set(names.filter((name) => authority.lostSightAt(name) === null)),
      followingSince: new Set(names.filter((name) => authority.sightedAt(name) >= readAt)),
      isActedUpon: authority.isActedUpon(node),
      isLone,
      isJustElected: (missing) => this.#isJustElected(missing),
    });
  }

  /** Since when all of these have been out of the primary's sight, or out of ours. */
  #missingSince(missing: ReadonlySet<string>): number {
    const { authority } = this.parts;
    return Math.max(
      ...[...missing].map((name) => Math.max(this.#ledger.absentSince(name), authority.lostSightAt(name) ?? 0)),
    );
  }

  /** Waits for replicas, and asks at once which they are. Both are sent before this returns. @throws ConnectionLostError */
  look(awaitedCount = this.#awaitedCount()): Promise<CommitLook> {
    const { node } = this.parts;
    const waited = awaitedCount === 0 ? 0 : node.write.call('wait', String(awaitedCount), String(WAIT_MS));
    return Promise.all([waited, node.tellOfChanges()]).then(([count, told]) => {
      if (told.role === 'slave') node.leave('it is a replica');
      if (node.lost) throw node.lost;
      const listed = told.role === null ? null : listedBy(told.replicas);
      const look = { count: Number(count), listed, primaryOffset: told.offset ?? Infinity };
      this.#confirmed = this.#confirmedBy(look);
      this.#note(told.replicas, told.offset);
      return look;
    });
  }

  /** How many replicas to wait for: those of the list that could be promoted or keep up, without those that are excused. */
  #awaitedCount(): number {
    const promotable = new Set(this.parts.authority.promotable(this.parts.node).map(({ name }) => name));
    const { listed } = this.#ledger;
    const known = this.parts.node.report?.offset === null ? promotable : listed;
    return [...known].filter(
      (name) => !this.#ledger.isStill(name) && (promotable.has(name) || this.#confirmed.has(name)),
    ).length;
  }

  /** Replicas that have the commit which a look belongs to. Without their names a number has to do. */
  #confirmedBy({ count, listed, primaryOffset }: CommitLook): ReadonlySet<string> {
    if (listed)
      return confirmedBy({ listed, primaryOffset, acknowledgedCount: count, listedBefore: this.#ledger.listed });
    const promotable = this.parts.authority.promotable(this.parts.node);
    return new Set(count >= promotable.length ? promotable.map(({ name }) => name) : []);
  }

  /** Whether changes may be acknowledged at once. */
  isAcknowledged(look: CommitLook): boolean {
    const { outcome, missing } = this.#judge(this.#confirmed, look, true, (lacking) => {
      return [...lacking].every((name) => this.#ledger.isStill(name)) && this.#ledger.isShort && this.#renew();
    });
    if (outcome !== 'replicated' && outcome !== 'degraded') return false;
    if (outcome === 'replicated' ? this.#ledger.isShort : missing.size !== this.#ledger.excused.size)
      this.#settle(missing, outcome === 'degraded');
    return true;
  }

  /** Changes have been acknowledged just now. */
  acknowledged(): void {
    if (this.#ledger.isShort) this.#acknowledgedAloneAt = performance.now();
    else this.parts.log.clear();
  }

  #judge(
    confirmed: ReadonlySet<string>,
    { listed }: CommitLook,
    isPatienceOver: boolean,
    isLone: (missing: ReadonlySet<string>) => boolean,
    isJustElected: (missing: ReadonlySet<string>) => boolean = () => false,
  ): Verdict {
    const { node, authority, isStrict } = this.parts;
    const promotable = authority.promotable(node);
    const missing = lackingOf(promotable, confirmed);
    const late = isPatienceOver ? [] : (listed ?? []).map(({ name }) => name);
    const awaited = new Set(late.filter((name) => !this.#ledger.isStill(name)));
    const verdict = decideAcknowledgement({
      promotable,
      confirmed,
      awaited,
      isStrict,
      isLone: () => isLone(missing),
      isJustElected: () => isJustElected(missing),
    });
    return { ...verdict, missing };
  }

  /** Returns once the changes made by `executedAt` may be acknowledged. @throws ConnectionLostError */
  async hold(executedAt: number, first: CommitLook, changes: readonly LinkCommand[]): Promise<void> {
    const { authority, log } = this.parts;
    authority.watch('alert');
    const target = first.primaryOffset;
    if (!this.#ledger.isShort) this.#missingSinceAt = executedAt;
    for (let look = first; ; look = await this.#lookAgain(executedAt)) {
      const confirmed = look.listed ? reachedBy(look.listed, target) : this.#confirmedBy(look);
      const { outcome, missing } = this.#judge(
        confirmed,
        look,
        performance.now() - executedAt >= LAG_MS,
        (lacking) => this.#isProven({ missing: lacking, sinceAt: executedAt, missingSinceAt: this.#aliveAt(lacking) }),
        (lacking) => this.#isJustElected(lacking),
      );
      const isProvisional = outcome === 'provisional' && log.add(changes);
      if (isProvisional || outcome === 'replicated' || outcome === 'degraded') {
        this.#settle(missing, outcome !== 'replicated', isProvisional ? 'alert' : undefined);
        return;
      }
    }
  }

  async #lookAgain(executedAt: number): Promise<CommitLook> {
    const { node, authority } = this.parts;
    const { listed } = this.#ledger;
    const late = authority.promotable(node).filter(({ name }) => listed.has(name) && !this.#ledger.isStill(name));
    // A WAIT makes replicas confirm at once what they otherwise confirm once a second; without one there is nothing to wait for.
    const isPatient = late.some(({ name }) => !this.#confirmed.has(name)) && performance.now() - executedAt < LAG_MS;
    if (!isPatient) await this.#nap.take(HOLD_PERIOD_MS);
    await node.sync(performance.now());
    return this.look(listed.size);
  }

  #isJustElected(missing: ReadonlySet<string>): boolean {
    return this.parts.authority.isElected(this.parts.node) && ![...missing].some((name) => this.#ledger.hasSeen(name));
  }

  /** Whether the proof for those that are excused still holds. */
  #renew(): boolean {
    const missing = this.#ledger.excused;
    const missingSinceAt = this.#aliveAt(missing);
    const isProven = this.#isProven({ missing, sinceAt: -Infinity, renewableMs: PROOF_LIFE_MS, missingSinceAt });
    if (isProven) this.parts.authority.watch('close');
    return isProven;
  }

  #isProven(claim: LoneClaim): boolean {
    const { authority, node, log } = this.parts;
    if (!authority.isLone(node, claim)) return false;
    log.clear();
    return true;
  }

  /** Since when replicas have been missing. One that was back in between may have been promoted when it left again. */
  #aliveAt(missing: ReadonlySet<string>): number {
    const now = performance.now();
    return Math.max(this.#missingSinceAt, ...[...missing].map((name) => this.#ledger.aliveAt(name, now)));
  }

  #noteReport(): void {
    const { report } = this.parts.node;
    if (report?.role === 'master') this.#note(report.replicas, report.offset);
  }

  #note(replicas: ToldRole['replicas'], offset: number | null | undefined): void {
    const listed = listedBy(replicas);
    if (listed) this.#ledger.note(listed, offset ?? Infinity, performance.now());
  }

  /** A replica that is connected again and keeps up is waited for again. */
  #readmit(): void {
    const { node, authority } = this.parts;
    const formerOffset = this.#formerOffset;
    // What was acknowledged alone since then it may lack, although it keeps up.
    const isAskedSince = (node.report?.askedAt ?? 0) > this.#acknowledgedAloneAt;
    this.#formerOffset = (isAskedSince ? node.report?.offset : null) ?? Infinity;
    if (!this.#ledger.isShort) return;
    const promotable = authority.promotable(node);
    const behind = lackingOf(promotable, reachedBy(listedBy(node.report?.replicas) ?? [], formerOffset));
    if (behind.size === 0 && promotable.some(({ isCertain }) => isCertain)) this.#settle(behind, false);
    else this.#renew();
  }

  get #pace(): WatchPace {
    return this.#ledger.isShort ? 'close' : 'calm';
  }

  #settle(missing: ReadonlySet<string>, isShort: boolean, pace?: 'alert'): void {
    const { authority, onDegraded, onRecovered } = this.parts;
    const wasShort = this.#ledger.isShort;
    this.#ledger.excuse(missing, isShort);
    authority.watch(pace ?? this.#pace);
    if (isShort && !wasShort)
      onDegraded(missing.size === 0 ? 'no replica is known' : `no confirmation of ${[...missing].join(', ')}`);
    if (!isShort && wasShort) onRecovered();
  }
}
