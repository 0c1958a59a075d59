import { lackingOf } from '../../lib/redis/decisions/acknowledgement.js';
import { reachedBy } from '../../lib/redis/decisions/confirmation.js';
import { decideNamedPrimary } from '../../lib/redis/decisions/named-primary.js';
import { decidePrimary, type PrimaryChoiceView } from '../../lib/redis/decisions/primary-choice.js';
import {
  decideElectorate,
  type Electorate,
  type PrimaryClaim,
  type SentinelStanding,
} from '../../lib/redis/decisions/sentinel-electorate.js';
import {
  decideListedReplicas,
  type KnownReplica,
  type PromotableServer,
} from '../../lib/redis/decisions/listed-replicas.js';
import { isActing, type NodeWord, type SentinelVote } from '../../lib/redis/decisions/lone-primary.js';
import type { ServerName } from '../../lib/redis/decisions/servers.js';
import { ReplicaLedger } from '../../lib/redis/replication/replica-ledger.js';
import type { Logic } from './logic.js';
import type { CommitReply, RedisNode, Snapshot } from './redis-node.js';
import type { Sentinel, SentinelAnswer } from './sentinel.js';
import { Process, type World } from './world.js';

const ATTEMPT_MS = 1000;
const OPERATION_MS = 10_000;
const HOLD_MS = 25;
const LAG_MS = 1000;

type Answer = SentinelAnswer & { readonly askedAt: number; readonly nodes: ReadonlySet<string> };
type Report = NodeWord & {
  readonly role: 'master' | 'slave';
  readonly primary: string | null;
  readonly replicationId: string;
};

/** A node has one name and one process in the model. */
function nameOf(name: string): ServerName {
  return { name, runId: null, addresses: [] };
}

const NOBODY: ReadonlySet<string> = new Set();

/** What the checker wants to know of an instance. */
export interface InstanceListener {
  acknowledged(change: number, how: 'replicated' | 'degraded'): void;
  read(readAt: number, snapshot: Snapshot): void;
}

interface Watch {
  report: Report | null;
  lostSightAt: number;
  isAsking: boolean;
}

interface Change {
  readonly id: number;
  readonly deadlineAt: number;
  isSent: boolean;
}

/** The primary in use. */
interface Use {
  readonly node: RedisNode;
  readonly isPromoted: boolean;
  readonly generation: number;
  readonly ledger: ReplicaLedger;
  reported: ReadonlySet<string>;
  confirmed: ReadonlySet<string>;
  missingSinceAt: number;
  acknowledgedCount: number;
  /** Found again after every answer of a Sentinel. */
  promotable: readonly PromotableServer[] | null;
}

/** One instance of the application: asks, gathers what it is told, and lets the decisions of the package decide. */
export class Instance extends Process {
  readonly pending = new Set<Change>();
  readonly #answers = new Map<string, Answer>();
  readonly #watches = new Map<string, Watch>();
  #best: PrimaryClaim | null = null;
  #electorate: Electorate = [];
  readonly #countedAt = new Map<string, number>();
  #generation = 0;
  #namedSinceAt = 0;
  #use: Use | null = null;
  #replicationId = '';
  /** Replicas as the Sentinels listed them last. */
  #listed: ReadonlyMap<string, KnownReplica> = new Map();
  /** Nodes that a Sentinel has named. */
  readonly #known = new Set<string>();
  #searchingSince = 0;
  #alertUntil = 2000;

  constructor(
    id: string,
    readonly world: World,
    readonly nodes: ReadonlyMap<string, RedisNode>,
    readonly sentinels: readonly Sentinel[],
    readonly logic: Logic,
    readonly isStrict: boolean,
    readonly listener: InstanceListener,
  ) {
    super(id);
    world.add(this);
    for (const sentinel of sentinels)
      world.every(
        this,
        () => (this.#isAlert ? 100 : this.#use?.ledger.isShort ? 300 : 1000),
        () => this.#askSentinel(sentinel),
      );
    for (const node of nodes.values()) {
      this.#watches.set(node.id, { report: null, lostSightAt: Infinity, isAsking: false });
      world.every(
        this,
        () => (this.#isAlert ? 50 : 1000),
        () => this.#watch(node),
      );
    }
    world.every(
      this,
      () => 500,
      () => this.#report(),
    );
  }

  get primary(): RedisNode | undefined {
    return this.#use?.node;
  }

  /** Whether it uses a primary of which every replica has everything, as far as it knows. */
  get isWhole(): boolean {
    return this.#use !== null && !this.#use.ledger.isShort && this.#use.acknowledgedCount > 0;
  }

  get #isAlert(): boolean {
    return !this.#use || this.world.now < this.#alertUntil;
  }

  onSign(): void {
    this.#alertUntil = this.world.now + 3000;
    for (const sentinel of this.sentinels) this.#askSentinel(sentinel);
    for (const node of this.nodes.values()) this.#watch(node);
  }

  /** The node has ended the connections of this instance. */
  onClosed(node: RedisNode): void {
    const watch = this.#watches.get(node.id) as Watch;
    if (watch.report) watch.lostSightAt = this.world.now;
    watch.report = null;
    this.#watch(node);
    if (this.#use?.node === node) this.#leave();
    this.#evaluate();
  }

  change(id: number): void {
    const change: Change = { id, deadlineAt: this.world.now + OPERATION_MS, isSent: false };
    this.pending.add(change);
    this.#send(change);
  }

  read(readAt: number): void {
    const use = this.#use;
    if (!use) return;
    this.#ask(
      use,
      (node) => ({ snapshot: node.snapshot(), look: this.#roleOf(node) }),
      ({ snapshot, look }) => {
        this.#judgeRead(use, readAt, snapshot, look, null);
      },
    );
  }

  #roleOf(node: RedisNode): CommitReply {
    let look: CommitReply | undefined;
    node.execute(null, 0, (reply) => (look = reply));
    return look as CommitReply;
  }

  #judgeRead(use: Use, readAt: number, snapshot: Snapshot, look: CommitReply, proveSince: number | null): void {
    if (this.#use !== use || this.world.now - readAt > OPERATION_MS) return;
    this.#note(use, look);
    const promotable = this.#promotable(use);
    const { outcome } = this.logic.read({
      role: look.role,
      promotable,
      listed: new Set(look.listed.map(({ name }) => name)),
      following: new Set(promotable.map(({ name }) => name).filter((name) => this.#lostSightAt(name) === null)),
      followingSince: new Set(
        promotable.map(({ name }) => name).filter((name) => this.#sightedAt(name) >= (proveSince ?? Infinity)),
      ),
      isActedUpon: [...this.#answers.values()].some(isActing) || this.#claims(use).length > 0,
      isLone: (missing) => {
        const missingSinceAt = Math.max(
          ...[...missing].map((name) => Math.max(use.ledger.absentSince(name), this.#lostSightAt(name) ?? 0)),
        );
        if (proveSince === null) return this.#isLone(use, missing, missingSinceAt, missingSinceAt, 600);
        return this.#isLone(use, missing, proveSince, missingSinceAt);
      },
      isJustElected: (missing) => this.#isJustElected(use, missing),
    });
    if (outcome === 'answer') this.listener.read(readAt, snapshot);
    else if (outcome === 'elsewhere') this.#leave();
    else {
      const since = proveSince ?? this.world.now;
      this.#alertUntil = Math.max(this.#alertUntil, this.world.now + 200);
      this.world.after(this, HOLD_MS, () => {
        this.#ask(
          use,
          (node) => this.#roleOf(node),
          (again) => this.#judgeRead(use, readAt, snapshot, again, since),
        );
      });
    }
  }

  /** Asks the primary in use; one that does not answer is left. */
  #ask<T>(use: Use, question: (node: RedisNode) => T, then: (answer: T) => void): void {
    this.#askLater(use, (node, reply) => reply(question(node)), then);
  }

  #askLater<T>(
    use: Use,
    question: (node: RedisNode, reply: (answer: T) => void) => void,
    then: (answer: T) => void,
  ): void {
    let isAnswered = false;
    const { node } = use;
    this.world.send(this.id, node.id, () => {
      question(node, (answer) => {
        this.world.send(node.id, this.id, () => {
          isAnswered = true;
          if (this.#use === use) then(answer);
        });
      });
    });
    this.world.after(this, ATTEMPT_MS, () => {
      if (isAnswered) return;
      // What has arrived while this process stood still is looked at first.
      this.world.after(this, 1, () => {
        if (!isAnswered && this.#use === use) this.#leave();
      });
    });
  }

  #send(change: Change): void {
    const use = this.#use;
    if (!use || !this.pending.has(change)) return;
    const promotable = this.#promotable(use);
    const awaitedCount = this.logic.awaitedCount({
      wanted: promotable.map(({ name }) => name).filter((name) => !use.ledger.isStill(name)),
      listed: use.ledger.listed,
      reported: use.reported,
    });
    this.#askLater<CommitReply>(
      use,
      (node, reply) => {
        node.execute(change.id, awaitedCount, reply);
      },
      (look) => {
        this.#judgeFirst(use, change, look, awaitedCount);
      },
    );
  }

  #judgeFirst(use: Use, change: Change, look: CommitReply, awaitedCount: number): void {
    if (look.role === 'slave') {
      this.#leave();
      return;
    }
    const promotable = this.#promotable(use);
    const confirmed = this.logic.confirmed({
      listed: look.listed,
      primaryOffset: look.offset,
      acknowledgedCount: look.count,
      listedBefore: use.ledger.listed,
      promotable: promotable.map(({ name }) => name),
      awaitedCount,
    });
    use.confirmed = confirmed;
    this.#note(use, look);
    const missing = lackingOf(promotable, confirmed);
    const { outcome } = this.logic.acknowledge({
      promotable,
      confirmed,
      awaited: new Set(look.listed.map(({ name }) => name).filter((name) => !use.ledger.isStill(name))),
      isStrict: this.isStrict,
      isLone: () => [...missing].every((name) => use.ledger.isStill(name)) && use.ledger.isShort && this.#renew(use),
      isJustElected: () => false,
    });
    if (outcome === 'hold') this.#hold(use, change, look, this.world.now, look.offset);
    else this.#acknowledge(use, change, missing, outcome);
  }

  #hold(use: Use, change: Change, look: CommitReply, executedAt: number, target: number): void {
    if (this.#use !== use || !this.pending.has(change)) return;
    if (look.role === 'slave') {
      this.#leave();
      return;
    }
    if (!use.ledger.isShort) use.missingSinceAt = Math.max(use.missingSinceAt, executedAt);
    const { now } = this.world;
    this.#alertUntil = Math.max(this.#alertUntil, now + 200);
    const promotable = this.#promotable(use);
    const confirmed = reachedBy(look.listed, target);
    const missing = lackingOf(promotable, confirmed);
    const isPatienceOver = now - executedAt >= LAG_MS;
    const { outcome } = this.logic.acknowledge({
      promotable,
      confirmed,
      awaited: new Set(
        isPatienceOver ? [] : look.listed.map(({ name }) => name).filter((name) => !use.ledger.isStill(name)),
      ),
      isStrict: this.isStrict,
      isLone: () => this.#isLone(use, missing, executedAt, this.#aliveAt(use, missing)),
      isJustElected: () => this.#isJustElected(use, missing),
    });
    if (outcome !== 'hold') {
      this.#acknowledge(use, change, missing, outcome);
      return;
    }
    this.world.after(this, HOLD_MS, () => {
      this.#askLater<CommitReply>(
        use,
        (node, reply) => {
          node.execute(null, look.listed.length, reply);
        },
        (again) => {
          this.#note(use, again);
          this.#hold(use, change, again, executedAt, target);
        },
      );
    });
  }

  #acknowledge(
    use: Use,
    change: Change,
    missing: ReadonlySet<string>,
    outcome: 'replicated' | 'degraded' | 'provisional',
  ): void {
    const isShort = outcome !== 'replicated' || missing.size > 0;
    if (isShort || use.ledger.isShort) use.ledger.excuse(missing, isShort);
    if (!this.pending.delete(change)) return;
    use.acknowledgedCount++;
    this.listener.acknowledged(change.id, outcome === 'replicated' ? 'replicated' : 'degraded');
  }

  #renew(use: Use): boolean {
    return this.#isLone(use, use.ledger.excused, -Infinity, this.#aliveAt(use, use.ledger.excused), 2000);
  }

  #aliveAt(use: Use, missing: ReadonlySet<string>): number {
    return Math.max(use.missingSinceAt, ...[...missing].map((name) => use.ledger.aliveAt(name, this.world.now)));
  }

  #isJustElected(use: Use, missing: ReadonlySet<string>): boolean {
    if (!use.isPromoted || [...missing].some((name) => use.ledger.hasSeen(name))) return false;
    const answers = [...this.#answers.values()];
    return answers.some(
      ({ flags, epoch, primary }) =>
        flags.has('failover_in_progress') || (epoch === this.#best?.epoch && primary === use.node.id),
    );
  }

  #isLone(
    use: Use,
    missing: ReadonlySet<string>,
    sinceAt: number,
    missingSinceAt: number,
    renewableMs?: number,
  ): boolean {
    const { now } = this.world;
    const votes = [...this.#answers.values()].map((answer): SentinelVote => ({
      ...answer,
      isForPrimary: answer.primary === use.node.id,
    }));
    const life = renewableMs === undefined ? null : this.logic.life(votes, renewableMs);
    const others = new Map(
      [...this.#watches].flatMap(([id, { report }]) => (id === use.node.id ? [] : [[id, report]])),
    );
    const view = {
      replicationId: use.node.replicationId,
      votes,
      sentinelCount: this.#electorate.length,
      others,
      missing,
      sinceAt: Math.max(sinceAt, life ? now - life.askedMs : -Infinity),
      aliveSinceAt: life ? now - life.aliveMs : sinceAt,
      missingSinceAt,
      rivalSinceAt: null,
      now,
    };
    return this.logic.lone(view).outcome === 'lone';
  }

  #promotable(use: Use): readonly PromotableServer[] {
    return (use.promotable ??= this.#findPromotable(use));
  }

  #findPromotable(use: Use): readonly PromotableServer[] {
    const answers = [...this.#answers.values()];
    this.#listed = decideListedReplicas({
      lists: answers.map(({ replicas }) => replicas.map((replica) => ({ ...replica, runId: replica.name }))),
      known: this.#listed,
      addressesOf: () => [],
    }).outcome;
    const best = this.#best;
    return this.logic.promotable({
      replicas: this.#listed,
      primary: [nameOf(use.node.id)],
      claimed: [
        ...this.#claims(use).map(({ primary }) => nameOf(primary)),
        ...(best && best.primary !== use.node.id ? [nameOf(best.primary)] : []),
      ],
      connected: [...use.ledger.listed].map(nameOf),
    });
  }

  /** Answers of Sentinels that name another node, in an epoch that is not older than the one that counts. */
  #claims(use: Use): readonly Answer[] {
    return [...this.#answers.values()].filter(
      ({ epoch, primary }) => epoch >= (this.#best?.epoch ?? -1) && primary !== use.node.id,
    );
  }

  #lostSightAt(name: string): number | null {
    const watch = this.#watches.get(name);
    if (!watch) return Infinity;
    if (watch.report?.role === 'master') return watch.report.askedAt;
    return watch.report ? null : watch.lostSightAt;
  }

  #sightedAt(name: string): number {
    const report = this.#watches.get(name)?.report;
    return report?.role === 'slave' ? report.askedAt : -Infinity;
  }

  #note({ ledger }: Use, { listed, offset }: CommitReply): void {
    ledger.note(listed, offset, this.world.now);
  }

  #report(): void {
    const use = this.#use;
    if (!use) return;
    this.#ask(
      use,
      (node) => this.#roleOf(node),
      (look) => {
        if (look.role === 'slave') {
          this.#leave();
          return;
        }
        use.reported = new Set(look.listed.map(({ name }) => name));
        this.#note(use, look);
      },
    );
  }

  #askSentinel(sentinel: Sentinel): void {
    const askedAt = this.world.now;
    let isAnswered = false;
    this.world.send(this.id, sentinel.id, () => {
      const answer = sentinel.answer();
      this.world.send(sentinel.id, this.id, () => {
        isAnswered = true;
        if ((this.#answers.get(sentinel.id)?.askedAt ?? -1) > askedAt) return;
        const former = this.#answers.get(sentinel.id);
        const isSame =
          former?.replicas === answer.replicas && former.primary === answer.primary && former.epoch === answer.epoch;
        const nodes = isSame ? former.nodes : new Set([answer.primary, ...answer.replicas.map(({ name }) => name)]);
        const told = { ...answer, askedAt, nodes };
        this.#answers.set(sentinel.id, told);
        if (!isSame) {
          if (this.#use) this.#use.promotable = null;
          for (const name of nodes) this.#known.add(name);
        }
        if (!isSame) this.#weigh();
        if (!isSame || former.flags !== answer.flags || !this.#use) this.#evaluate();
      });
    });
    this.world.after(this, 300, () => {
      if (isAnswered) return;
      this.world.after(this, 1, () => {
        if (isAnswered || (this.#answers.get(sentinel.id)?.askedAt ?? 0) > askedAt) return;
        this.#answers.delete(sentinel.id);
        if (this.#use) this.#use.promotable = null;
        this.#weigh();
        this.#evaluate();
      });
    });
  }

  #watch(node: RedisNode): void {
    const watch = this.#watches.get(node.id) as Watch;
    // Nobody has named it yet.
    if (watch.isAsking || !this.#known.has(node.id)) return;
    watch.isAsking = true;
    const askedAt = this.world.now;
    let isAnswered = false;
    this.world.send(this.id, node.id, () => {
      node.connected.add(this);
      const { role, replicationId, formerReplicationId } = node;
      const primary = node.primary?.id ?? null;
      this.world.send(node.id, this.id, () => {
        isAnswered = true;
        watch.isAsking = false;
        const former = watch.report;
        watch.report = { role, primary, replicationId, formerReplicationId, askedAt };
        if (this.#use?.node === node && role === 'master') this.#replicationId = replicationId;
        const isSame = former?.role === role && former.primary === primary && former.replicationId === replicationId;
        // Nothing else follows from what was said before.
        if (!isSame || !this.#use) this.#evaluate();
      });
    });
    this.world.after(this, ATTEMPT_MS, () => {
      if (isAnswered) return;
      this.world.after(this, 1, () => {
        if (isAnswered) return;
        watch.isAsking = false;
        if (watch.report) watch.lostSightAt = this.world.now;
        watch.report = null;
        this.#evaluate();
      });
    });
  }

  #leave(): void {
    if (!this.#use) return;
    this.#use = null;
    this.#searchingSince = this.world.now;
    this.#evaluate();
  }

  /** What the Sentinels say counts, as it does for the finder of the package. */
  #weigh(): void {
    const standings = this.sentinels.map((sentinel): SentinelStanding => {
      const answer = this.#answers.get(sentinel.id);
      return {
        key: sentinel.id,
        id: sentinel.id,
        isConfigured: true,
        claim: answer ?? null,
        others: answer ? sentinel.listed : [],
        nodes: answer?.nodes ?? NOBODY,
        countedAt: this.#countedAt.get(sentinel.id) ?? -Infinity,
      };
    });
    const { now } = this.world;
    // They have counted until now: the answers in between said the same.
    for (const { key, ground } of this.#electorate) if (ground !== 'lately') this.#countedAt.set(key, now);
    this.#electorate = decideElectorate(standings, now).outcome;
    const { outcome } = decideNamedPrimary({
      electorate: this.#electorate,
      known: this.#best,
      isEveryoneAsked: now > 500,
    });
    if (!outcome || (outcome.primary === this.#best?.primary && outcome.epoch === this.#best.epoch)) return;
    if (outcome.primary !== this.#best?.primary) {
      this.#generation++;
      this.#namedSinceAt = now;
    }
    this.#best = outcome;
    if (this.#use) this.#use.promotable = null;
  }

  /** As the finder of the package does it. */
  #evaluate(): void {
    if (!this.#best) return;
    const { named, use } = { named: this.#best.primary, use: this.#use };
    const replicationId = this.#replicationId === '' ? null : this.#replicationId;
    const view = (sinceAt: number): PrimaryChoiceView => ({
      named,
      claimed: new Set(
        [...this.#answers.values()].flatMap(({ epoch, primary }) =>
          epoch >= (this.#best?.epoch ?? 0) ? [primary] : [],
        ),
      ),
      isFailoverInProgress: [...this.#answers.values()].some(({ flags }) => flags.has('failover_in_progress')),
      nodes: new Map(
        [...this.#watches].flatMap(([id, { report }]) =>
          report && report.askedAt >= sinceAt ? [[id, { ...report, isLoading: false }]] : [],
        ),
      ),
      replicationId,
    });
    const isFresh = (id: string, sinceAt: number): boolean =>
      (this.#watches.get(id)?.report?.askedAt ?? -Infinity) >= sinceAt;
    if (use) {
      const isLeft = this.logic.leave({
        ...view(0),
        current: use.node.id,
        isCurrentFresh: isFresh(use.node.id, this.#searchingSince),
        isNamedSince: this.#generation > use.generation,
        isNamedFresh: isFresh(named, this.#namedSinceAt),
      }).outcome;
      if (isLeft) this.#leave();
      return;
    }
    const { outcome } = decidePrimary(view(this.#searchingSince));
    const report = outcome === null ? null : this.#watches.get(outcome)?.report;
    if (outcome !== null && report)
      this.#open(outcome, replicationId !== null && report.formerReplicationId === replicationId);
  }

  #open(id: string, isPromoted: boolean): void {
    const node = this.nodes.get(id) as RedisNode;
    const use: Use = {
      node,
      isPromoted,
      generation: this.#generation,
      ledger: new ReplicaLedger(),
      reported: new Set(),
      confirmed: new Set(),
      missingSinceAt: this.world.now,
      acknowledgedCount: 0,
      promotable: null,
    };
    this.#use = use;
    this.#replicationId = (this.#watches.get(id)?.report as Report).replicationId;
    this.#report();
    for (const change of this.pending) {
      if (change.deadlineAt < this.world.now) this.pending.delete(change);
      else this.#send(change);
    }
  }
}
