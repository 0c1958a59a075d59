import { Process, type World } from './world.js';

/** `repl-timeout` of the model. @unit milliseconds */
const REPLICATION_TIMEOUT_MS = 5000;

/** How often a node looks after its replicas, or its primary; Redis does it once a second. @unit milliseconds */
const TICK_MS = 250;

/** How a node answers a commit or a look: `WAIT`, then `ROLE`. */
export interface CommitReply {
  readonly role: 'master' | 'slave';
  readonly count: number;
  readonly listed: readonly { readonly name: string; readonly offset: number }[];
  readonly offset: number;
}

/** What was stored when a read was executed. */
export interface Snapshot {
  readonly log: readonly number[];
  readonly length: number;
}

interface Wait {
  readonly offset: number;
  readonly count: number;
  readonly reply: (reply: CommitReply) => void;
  isDone: boolean;
}

/** A Redis server: a log of changes, replicated without waiting; its memory survives a restart (append-only file). */
export class RedisNode extends Process {
  role: 'master' | 'slave' = 'slave';
  primary: RedisNode | null = null;
  /** Changes, in the order they were executed. A history only grows; a full sync begins another array. */
  log: number[] = [];
  #stored = new Set<number>();
  replicationId = '';
  formerReplicationId = '';
  readonly replicas = new Map<string, { ack: number; isOnline: boolean; heardAt: number }>();
  readonly connected = new Set<{ readonly id: string; onClosed: (node: RedisNode) => void }>();
  #isSynced = false;
  #heardAt = 0;
  #waits: Wait[] = [];
  #histories = 0;

  constructor(
    id: string,
    readonly world: World,
    readonly priority: number,
  ) {
    super(id);
    world.add(this);
    this.#start();
  }

  /** Begins as the primary of a new group. */
  found(): void {
    this.role = 'master';
    this.replicationId = this.#newHistory();
  }

  follow(primary: RedisNode): void {
    if (this.role === 'slave' && this.primary === primary) return;
    const former = this.primary;
    if (this.role === 'slave' && former) this.world.send(this.id, former.id, () => former.replicas.delete(this.id));
    const wasPrimary = this.role === 'master';
    this.role = 'slave';
    this.primary = primary;
    this.#isSynced = false;
    this.replicas.clear();
    this.#failWaits();
    if (wasPrimary) this.#closeConnections();
  }

  promote(): void {
    if (this.role === 'master') return;
    const former = this.primary;
    if (former) this.world.send(this.id, former.id, () => former.replicas.delete(this.id));
    this.role = 'master';
    this.primary = null;
    this.formerReplicationId = this.replicationId;
    this.replicationId = this.#newHistory();
    this.#closeConnections();
  }

  restart(): void {
    if (this.isAlive) return;
    this.isAlive = true;
    this.#isSynced = false;
    this.replicas.clear();
    this.#waits = [];
    if (this.role === 'master') {
      // A restarted primary begins a history of its own.
      this.formerReplicationId = '';
      this.replicationId = this.#newHistory();
    }
    this.#start();
  }

  override die(): void {
    super.die();
    this.#closeConnections();
  }

  /** Executes a change once, and answers when so many replicas have it, or after 50 ms. */
  execute(change: number | null, count: number, reply: (reply: CommitReply) => void): void {
    if (this.role === 'slave') {
      reply(this.#look(0));
      return;
    }
    if (change !== null && !this.#stored.has(change)) {
      this.#stored.add(change);
      this.log.push(change);
      this.#stream();
    }
    const wait: Wait = { offset: this.log.length, count, reply, isDone: false };
    if (this.#settle(wait, count === 0)) return;
    this.#waits.push(wait);
    this.world.after(this, 50, () => void this.#settle(wait, true));
  }

  snapshot(): Snapshot {
    return { log: this.log, length: this.log.length };
  }

  has(change: number): boolean {
    return this.#stored.has(change);
  }

  #start(): void {
    this.#heardAt = this.world.now;
    this.world.every(
      this,
      () => TICK_MS,
      () => this.#tick(),
    );
  }

  #tick(): void {
    const { now } = this.world;
    if (this.role === 'master') {
      for (const [id, { heardAt }] of this.replicas)
        if (now - heardAt > REPLICATION_TIMEOUT_MS) this.replicas.delete(id);
      this.#stream();
      return;
    }
    const { primary } = this;
    if (!primary) return;
    if (now - this.#heardAt > REPLICATION_TIMEOUT_MS) this.#isSynced = false;
    if (this.#isSynced) this.#acknowledge(primary);
    else this.world.send(this.id, primary.id, () => primary.#sync(this));
  }

  #sync(replica: RedisNode): void {
    if (this.role !== 'master') return;
    this.replicas.set(replica.id, { ack: 0, isOnline: false, heardAt: this.world.now });
    const { replicationId } = this;
    const log = [...this.log];
    this.world.send(this.id, replica.id, () => {
      if (replica.primary !== this || replica.role !== 'slave') return;
      replica.log = log;
      replica.#stored = new Set(log);
      replica.replicationId = replicationId;
      replica.#isSynced = true;
      replica.#heardAt = this.world.now;
      replica.#acknowledge(this);
    });
  }

  #stream(): void {
    const { length } = this.log;
    const { replicationId, log } = this;
    for (const id of this.replicas.keys()) {
      this.world.send(this.id, id, () => {
        const replica = this.world.process(id) as RedisNode;
        if (replica.primary !== this || !replica.#isSynced || replica.replicationId !== replicationId) return;
        replica.#heardAt = this.world.now;
        for (let at = replica.log.length; at < length; at++) {
          const change = log[at] as number;
          replica.log.push(change);
          replica.#stored.add(change);
        }
        replica.#acknowledge(this);
      });
    }
  }

  #acknowledge(primary: RedisNode): void {
    const ack = this.log.length;
    this.world.send(this.id, primary.id, () => {
      const known = primary.replicas.get(this.id);
      if (!known || primary.role !== 'master') {
        if (primary.role === 'master' && this.primary === primary) this.#isSynced = false;
        return;
      }
      primary.replicas.set(this.id, { ack, isOnline: true, heardAt: this.world.now });
      for (const wait of primary.#waits) primary.#settle(wait, false);
      primary.#waits = primary.#waits.filter(({ isDone }) => !isDone);
    });
  }

  #settle(wait: Wait, isOver: boolean): boolean {
    if (wait.isDone) return true;
    const count = [...this.replicas.values()].filter(({ isOnline, ack }) => isOnline && ack >= wait.offset).length;
    if (count < wait.count && !isOver) return false;
    wait.isDone = true;
    wait.reply(this.#look(count));
    return true;
  }

  #look(count: number): CommitReply {
    const listed = [...this.replicas].flatMap(([name, { ack, isOnline }]) => (isOnline ? [{ name, offset: ack }] : []));
    return { role: this.role, count, listed, offset: this.log.length };
  }

  #failWaits(): void {
    for (const wait of this.#waits.splice(0)) if (!wait.isDone) wait.reply(this.#look(0));
  }

  #closeConnections(): void {
    for (const client of this.connected) this.world.send(this.id, client.id, () => client.onClosed(this));
    this.connected.clear();
  }

  #newHistory(): string {
    return `${this.id}#${++this.#histories}`;
  }
}
