import type { SentinelVote } from '../../lib/redis/decisions/lone-primary.js';
import type { RedisNode } from './redis-node.js';
import { Process, type World } from './world.js';

export const DOWN_AFTER_MS = 1000;
const QUORUM = 2;
const FAILOVER_TIMEOUT_MS = 2500;

/** By whether it finds the primary down (1), the quorum agrees (2), and it leads a failover (4). */
const FLAGS: readonly ReadonlySet<string>[] = Array.from(
  { length: 8 },
  (_, bits) =>
    new Set(['master', 's_down', 'o_down', 'failover_in_progress'].filter((_flag, bit) => ((2 * bits + 1) >> bit) & 1)),
);

/** What a Sentinel answers, but for when it was asked. */
export type SentinelAnswer = Omit<SentinelVote, 'isForPrimary' | 'askedAt'> & {
  readonly primary: string;
  readonly replicas: readonly { readonly name: string; readonly priority: number }[];
};

/** A failover that this Sentinel leads, or wants to. */
interface Failover {
  readonly startedAt: number;
  readonly epoch: number;
  readonly isForced: boolean;
  votes: number;
  chosen: RedisNode | null;
}

interface NodeInfo {
  readonly role: 'master' | 'slave';
  readonly primary: string | undefined;
  readonly offset: number;
  readonly at: number;
}

/** One Sentinel: pings, asks the others, votes, promotes, tells, and sets nodes right, at a quick lab's pace. */
export class Sentinel extends Process {
  peers: readonly Sentinel[] = [];
  /** The others, as it lists them. */
  listed: readonly { readonly key: string; readonly id: string }[] = [];
  listeners: readonly { readonly id: string; onSign: () => void }[] = [];
  epoch = 1;
  #currentEpoch = 1;
  #votedEpoch = 1;
  #lastOkAt = 0;
  #isDown = false;
  readonly #accusers = new Map<string, number>();
  readonly #infos = new Map<string, NodeInfo>();
  #nextAttemptAt = 0;
  #failover: Failover | null = null;
  /** Since when a node has been what it should not be. */
  readonly #wrongSince = new Map<string, number>();
  readonly #known = new Set<string>();
  #list: { readonly primary: RedisNode; readonly count: number; readonly replicas: SentinelAnswer['replicas'] } | null =
    null;

  constructor(
    id: string,
    readonly world: World,
    readonly nodes: ReadonlyMap<string, RedisNode>,
    public primary: RedisNode,
    replicas: readonly RedisNode[],
  ) {
    super(id);
    world.add(this);
    for (const { id: name } of [primary, ...replicas]) this.#known.add(name);
    this.start();
  }

  start(): void {
    this.isAlive = true;
    this.#lastOkAt = this.world.now;
    this.#failover = null;
    const { world } = this;
    world.every(
      this,
      () => 250 + world.random(100),
      () => this.#ping(),
    );
    world.every(
      this,
      () => 400 + world.random(200),
      () => this.#askNodes(),
    );
    world.every(
      this,
      () => 900 + world.random(200),
      () => this.#tell(),
    );
    world.every(
      this,
      () => 90 + world.random(20),
      () => this.#act(),
    );
  }

  answer(): SentinelAnswer {
    const flags = (this.#isDown ? 1 : 0) + (this.#isAgreed ? 2 : 0) + (this.#failover ? 4 : 0);
    return {
      primary: this.primary.id,
      epoch: this.epoch,
      flags: FLAGS[flags] as ReadonlySet<string>,
      quorum: QUORUM,
      downAfterMs: DOWN_AFTER_MS,
      sinceOkPingMs: this.world.now - this.#lastOkAt,
      replicas: this.#listReplicas(),
    };
  }

  /** The same array as long as it says the same. */
  #listReplicas(): SentinelAnswer['replicas'] {
    if (this.#list?.primary === this.primary && this.#list.count === this.#known.size) return this.#list.replicas;
    const replicas = [...this.#known].flatMap((name) =>
      name === this.primary.id ? [] : [{ name, priority: this.nodes.get(name)?.priority ?? 100 }],
    );
    this.#list = { primary: this.primary, count: this.#known.size, replicas };
    return replicas;
  }

  /** `SENTINEL FAILOVER` */
  force(): void {
    if (!this.#failover) this.#begin(true);
  }

  /** Whether it names this primary, finds it up, and is about to do nothing. */
  isAtRestWith(primary: RedisNode): boolean {
    return this.primary === primary && !this.#isDown && !this.#failover;
  }

  get #isAgreed(): boolean {
    if (!this.#isDown) return false;
    const recent = [...this.#accusers.values()].filter((at) => this.world.now - at < 1000).length;
    return recent + 1 >= QUORUM;
  }

  #ping(): void {
    const { primary } = this;
    this.#ask(primary, () => {
      if (this.primary === primary) this.#lastOkAt = this.world.now;
    });
  }

  #ask(node: RedisNode, then: () => void): void {
    this.world.send(this.id, node.id, () => {
      this.world.send(node.id, this.id, then);
    });
  }

  #askNodes(): void {
    for (const name of this.#known) this.#askNode(this.nodes.get(name) as RedisNode);
  }

  #askNode(node: RedisNode): void {
    this.world.send(this.id, node.id, () => {
      const info = { role: node.role, primary: node.primary?.id, offset: node.log.length };
      const replicas = [...node.replicas.keys()];
      this.world.send(node.id, this.id, () => {
        this.#infos.set(node.id, { ...info, at: this.world.now });
        if (node === this.primary) for (const name of replicas) this.#known.add(name);
        this.#setRight(node, info);
      });
    });
  }

  /** A node that follows the wrong primary, or none. */
  #setRight(node: RedisNode, { role, primary }: Omit<NodeInfo, 'at'>): void {
    const { now } = this.world;
    const isRight = node === this.primary || (role === 'slave' && primary === this.primary.id);
    if (isRight || this.#isDown || this.#failover) {
      this.#wrongSince.delete(node.id);
      return;
    }
    const since = this.#wrongSince.get(node.id) ?? now;
    this.#wrongSince.set(node.id, since);
    // Four publish periods: by then it has heard of a failover.
    if (now - since < 4000) return;
    const wanted = this.primary;
    this.world.send(this.id, node.id, () => node.follow(wanted));
  }

  #act(): void {
    const { now } = this.world;
    const wasDown = this.#isDown;
    this.#isDown = now - this.#lastOkAt > DOWN_AFTER_MS;
    if (this.#isDown) {
      for (const peer of this.peers) {
        const { primary } = this;
        this.world.send(this.id, peer.id, () => {
          const isDown = peer.#isDown && peer.primary === primary;
          this.world.send(peer.id, this.id, () => {
            if (isDown && this.primary === primary) this.#accusers.set(peer.id, this.world.now);
            else this.#accusers.delete(peer.id);
          });
        });
      }
    } else {
      this.#accusers.clear();
    }
    if (this.#isDown && !wasDown) this.#nextAttemptAt = Math.max(this.#nextAttemptAt, now + this.world.random(500));
    if (this.#failover) this.#goOn(this.#failover);
    else if (this.#isAgreed && now >= this.#nextAttemptAt) this.#begin(false);
  }

  #begin(isForced: boolean): void {
    const epoch = ++this.#currentEpoch;
    const failover: Failover = { startedAt: this.world.now, epoch, votes: 1, chosen: null, isForced };
    this.#failover = failover;
    this.#votedEpoch = epoch;
    this.#nextAttemptAt = this.world.now + FAILOVER_TIMEOUT_MS + this.world.random(1000);
    for (const peer of this.peers) {
      this.world.send(this.id, peer.id, () => {
        if (epoch <= peer.#votedEpoch) return;
        peer.#votedEpoch = epoch;
        peer.#currentEpoch = Math.max(peer.#currentEpoch, epoch);
        peer.#nextAttemptAt = this.world.now + FAILOVER_TIMEOUT_MS + this.world.random(1000);
        this.world.send(peer.id, this.id, () => {
          failover.votes++;
        });
      });
    }
    this.#sign();
  }

  #goOn(failover: Failover): void {
    const { now } = this.world;
    if (now - failover.startedAt > FAILOVER_TIMEOUT_MS) {
      this.#failover = null;
      return;
    }
    if (!failover.isForced && failover.votes * 2 <= this.peers.length + 1) return;
    const { chosen } = failover;
    if (!chosen) {
      for (const name of this.#known) this.#askNode(this.nodes.get(name) as RedisNode);
      const choice = this.#choose();
      if (!choice || now - failover.startedAt < 100) return;
      failover.chosen = choice;
      this.world.send(this.id, choice.id, () => choice.promote());
      return;
    }
    this.#askNode(chosen);
    if (this.#infos.get(chosen.id)?.role !== 'master') return;
    this.#failover = null;
    this.#adopt(failover.epoch, chosen);
    this.#tell();
  }

  /** By priority, then by offset as it was heard last, then by name. */
  #choose(): RedisNode | undefined {
    const { now } = this.world;
    const candidates = [...this.#known].flatMap((name) => {
      const node = this.nodes.get(name) as RedisNode;
      const info = this.#infos.get(name);
      const isUsable = node !== this.primary && node.priority > 0 && info?.role === 'slave' && now - info.at < 1500;
      return isUsable ? [{ node, info }] : [];
    });
    candidates.sort(
      (a, b) =>
        a.node.priority - b.node.priority || b.info.offset - a.info.offset || a.node.id.localeCompare(b.node.id),
    );
    return candidates[0]?.node;
  }

  #tell(): void {
    const { epoch, primary } = this;
    for (const peer of this.peers) {
      this.world.send(this.id, peer.id, () => {
        if (epoch > peer.epoch) peer.#adopt(epoch, primary);
      });
    }
  }

  #adopt(epoch: number, primary: RedisNode): void {
    this.epoch = epoch;
    this.#currentEpoch = Math.max(this.#currentEpoch, epoch);
    this.#known.add(primary.id);
    this.primary = primary;
    this.#lastOkAt = this.world.now;
    this.#isDown = false;
    this.#accusers.clear();
    this.#failover = null;
    this.#wrongSince.clear();
    this.#sign();
  }

  #sign(): void {
    for (const listener of this.listeners) this.world.send(this.id, listener.id, () => listener.onSign());
  }
}
