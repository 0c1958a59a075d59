import { Instance } from './instance.js';
import { LOGIC, type Logic } from './logic.js';
import { RedisNode, type Snapshot } from './redis-node.js';
import { Sentinel } from './sentinel.js';
import { World } from './world.js';

/** The machines there are: `n2` has priority 10, `n3` priority 100, `z` is never promoted, `j` joins when it is told to. */
export const NODES = ['n1', 'n2', 'n3', 'z', 'j'] as const;
export const SENTINELS = ['s1', 's2', 's3'] as const;
export const INSTANCES = ['a1', 'a2'] as const;

type Machine = (typeof NODES)[number] | (typeof SENTINELS)[number] | (typeof INSTANCES)[number];

/** One fault, so long after the one before it. */
export type Step = { readonly afterMs: number } & (
  | { readonly fault: 'kill' | 'restart' | 'freeze' | 'thaw'; readonly machine: Machine }
  | { readonly fault: 'cut' | 'cutOneWay'; readonly from: Machine; readonly to: readonly Machine[] }
  | { readonly fault: 'heal' | 'join' }
  | { readonly fault: 'failover'; readonly machine: (typeof SENTINELS)[number] }
  | { readonly fault: 'block'; readonly machine: (typeof INSTANCES)[number]; readonly ms: number }
);

/** A run of the model. */
export interface Schedule {
  readonly seed: number;
  /** 1: `n2` alone; 2: `n3` as well. */
  readonly replicas: 1 | 2;
  /** Whether there is a replica that is never promoted. */
  readonly hasObserver: boolean;
  readonly isStrict: boolean;
  readonly steps: readonly Step[];
}

/** What must not be, in words; empty when all is well. */
export interface Verdict {
  readonly faults: readonly string[];
  readonly acknowledged: number;
  readonly degraded: number;
  readonly reads: number;
}

/** A read is held against so many changes that were acknowledged last before it. */
const LATEST = 4;
const WARM_UP_MS = 1500;
const GO_ON_MS = 3000;
const REPAIR_MS = 10_000;
/** Sentinels that have agreed for so long, each having asked the primary meanwhile, go on doing so. */
const AGREED_MS = 2000;
const LOOK_MS = 250;
/** Within so long a change must be answered while its instance reaches a majority of the Sentinels and the primary they name. */
const PROGRESS_MS = 6000;

/** Runs a schedule with the decisions of the package, or with others, and says what went wrong. */
export function runSchedule(schedule: Schedule, logic: Logic = LOGIC): Verdict {
  const run = new ModelRun(schedule, logic);
  return run.finish();
}

interface Acknowledged {
  readonly change: number;
  readonly at: number;
  readonly how: 'replicated' | 'degraded';
}

class ModelRun {
  readonly #world: World;
  readonly #nodes = new Map<string, RedisNode>();
  readonly #sentinels: readonly Sentinel[];
  readonly #instances: readonly Instance[];
  readonly #acknowledged: Acknowledged[] = [];
  readonly #stale: { readonly change: number; readonly ageMs: number; readonly by: string }[] = [];
  readonly #stuck: string[] = [];
  readonly #reachableSince = new Map<string, number>();
  readonly #sentAt = new Map<number, { readonly at: number; readonly by: string }>();
  #reads = 0;
  #changes = 0;
  #endsAt = WARM_UP_MS;
  #isOver = false;

  constructor(
    private readonly schedule: Schedule,
    logic: Logic,
  ) {
    const world = new World(schedule.seed);
    this.#world = world;
    const priorities = { n1: 100, n2: 10, n3: 100, z: 0, j: 100 };
    for (const id of NODES) this.#nodes.set(id, new RedisNode(id, world, priorities[id]));
    const primary = this.#node('n1');
    primary.found();
    const replicas = ['n2', ...(schedule.replicas === 2 ? ['n3'] : []), ...(schedule.hasObserver ? ['z'] : [])];
    for (const id of replicas) this.#node(id).follow(primary);
    this.#sentinels = SENTINELS.map(
      (id) =>
        new Sentinel(
          id,
          world,
          this.#nodes,
          primary,
          replicas.map((name) => this.#node(name)),
        ),
    );
    this.#instances = INSTANCES.map(
      (id) =>
        new Instance(id, world, this.#nodes, this.#sentinels, logic, schedule.isStrict, {
          acknowledged: (change, how) => {
            this.#acknowledged.push({ change, at: world.now, how });
            this.#sentAt.delete(change);
          },
          read: (readAt, snapshot) => {
            this.#judgeRead(id, readAt, snapshot);
          },
        }),
    );
    for (const sentinel of this.#sentinels) {
      sentinel.peers = this.#sentinels.filter((peer) => peer !== sentinel);
      sentinel.listed = sentinel.peers.map(({ id }) => ({ key: id, id }));
      sentinel.listeners = this.#instances;
    }
    for (const instance of this.#instances) this.#use(instance);
    this.#watchProgress();
    this.#plan();
  }

  finish(): Verdict {
    const world = this.#world;
    const stopAt = this.#endsAt + GO_ON_MS;
    world.runUntil(stopAt);
    this.#isOver = true;
    world.heal();
    for (const node of this.#nodes.values()) {
      node.go();
      node.restart();
    }
    for (const sentinel of this.#sentinels) {
      sentinel.go();
      if (!sentinel.isAlive) sentinel.start();
    }
    for (const instance of this.#instances) instance.die();
    const primary = this.#settle(stopAt);
    const lost = this.#acknowledged.filter(({ change, how }) => how === 'replicated' && !primary.has(change));
    // What was acknowledged as degraded may be lost; then nobody can have read too little.
    const stale = this.#stale.filter(({ change }) => primary.has(change));
    const faults = [
      ...lost.map(({ change }) => `change ${change}, acknowledged as replicated, is lost`),
      ...stale.map(
        ({ change, ageMs, by }) => `${by} has read without change ${change}, acknowledged ${ageMs} ms before`,
      ),
      ...this.#stuck,
    ];
    const degraded = this.#acknowledged.filter(({ how }) => how === 'degraded').length;
    return { faults, acknowledged: this.#acknowledged.length, degraded, reads: this.#reads };
  }

  /** Gives the Sentinels time to agree, and returns the primary that they name in the end. */
  #settle(stopAt: number): RedisNode {
    let newest = this.#sentinels[0] as Sentinel;
    for (let passedMs = 0, agreedMs = 0; passedMs < REPAIR_MS && agreedMs < AGREED_MS; passedMs += LOOK_MS) {
      this.#world.runUntil(stopAt + passedMs + LOOK_MS);
      newest = this.#sentinels.reduce((one, other) => (other.epoch > one.epoch ? other : one));
      const { primary } = newest;
      const isAgreed = primary.role === 'master' && this.#sentinels.every((sentinel) => sentinel.isAtRestWith(primary));
      agreedMs = isAgreed ? agreedMs + LOOK_MS : 0;
    }
    return newest.primary;
  }

  #node(id: string): RedisNode {
    return this.#nodes.get(id) as RedisNode;
  }

  /** Users change and read all the time. Their requests reach a process that stands still, and wait there. */
  #use(instance: Instance): void {
    const world = this.#world;
    const step = (): void => {
      if (this.#isOver) return;
      const at = world.now;
      if (instance.pending.size < 6) {
        const change = ++this.#changes;
        this.#sentAt.set(change, { at, by: instance.id });
        instance.take(() => {
          instance.change(change);
        });
      }
      instance.take(() => {
        instance.read(at);
      });
      world.at(world.now + 60 + world.random(60), step);
    };
    world.at(500 + world.random(50), step);
  }

  #judgeRead(by: string, readAt: number, { log, length }: Snapshot): void {
    this.#reads++;
    let checked = 0;
    for (let index = this.#acknowledged.length - 1; index >= 0 && checked < LATEST; index--) {
      const { change, at } = this.#acknowledged[index] as Acknowledged;
      if (at >= readAt) continue;
      checked++;
      const place = log.lastIndexOf(change);
      if (place === -1 || place >= length) this.#stale.push({ change, ageMs: Math.round(readAt - at), by });
    }
  }

  #watchProgress(): void {
    const world = this.#world;
    const look = (): void => {
      if (this.#isOver) return;
      for (const instance of this.#instances) this.#look(instance);
      world.at(world.now + 250, look);
    };
    world.at(WARM_UP_MS, look);
  }

  /** Changes of an instance that reaches what it takes, and has for long. */
  #look(instance: Instance): void {
    const { now } = this.#world;
    if (this.schedule.isStrict || instance.isStopped || !this.#canGoOn(instance.id)) {
      this.#reachableSince.delete(instance.id);
      return;
    }
    const since = this.#reachableSince.get(instance.id) ?? now;
    this.#reachableSince.set(instance.id, since);
    for (const [change, { at, by }] of this.#sentAt) {
      if (by !== instance.id || now - Math.max(since, at) < PROGRESS_MS) continue;
      this.#sentAt.delete(change);
      if (this.#stuck.length < 3) this.#stuck.push(`${by} has not got change ${change} stored for ${PROGRESS_MS} ms`);
    }
  }

  #canGoOn(instance: string): boolean {
    const world = this.#world;
    const votes = new Map<RedisNode, number>();
    for (const sentinel of this.#sentinels) {
      const { primary } = sentinel;
      const isReached = world.isOpen(instance, sentinel.id) && world.isOpen(sentinel.id, primary.id);
      if (sentinel.isAlive && !sentinel.isStopped && isReached) votes.set(primary, (votes.get(primary) ?? 0) + 1);
    }
    return [...votes].some(
      ([node, count]) =>
        count * 2 > this.#sentinels.length &&
        node.isAlive &&
        !node.isStopped &&
        node.role === 'master' &&
        world.isOpen(instance, node.id),
    );
  }

  #plan(): void {
    for (const step of this.schedule.steps) {
      this.#endsAt += step.afterMs;
      this.#world.at(this.#endsAt, () => {
        this.#cause(step);
      });
    }
  }

  #cause(step: Step): void {
    const world = this.#world;
    switch (step.fault) {
      case 'kill':
        world.process(step.machine)?.die();
        break;
      case 'restart': {
        const sentinel = this.#sentinels.find(({ id }) => id === step.machine);
        if (sentinel && !sentinel.isAlive) sentinel.start();
        this.#nodes.get(step.machine)?.restart();
        break;
      }
      case 'freeze':
        world.process(step.machine)?.stop();
        break;
      case 'thaw':
        world.process(step.machine)?.go();
        break;
      case 'cut':
      case 'cutOneWay':
        for (const to of step.to) {
          world.cut(step.from, to);
          if (step.fault === 'cut') world.cut(to, step.from);
        }
        break;
      case 'heal':
        world.heal();
        break;
      case 'join': {
        const primary = this.#instances[0]?.primary;
        if (primary && primary.id !== 'j') this.#node('j').follow(primary);
        break;
      }
      case 'failover':
        // Not while degraded, while anything is cut off or while another failover goes on, as operators are told.
        if (world.hasCuts || this.#instances.some(({ isWhole }) => !isWhole)) break;
        if (this.#sentinels.some((sentinel) => sentinel.answer().flags.has('failover_in_progress'))) break;
        if (this.#sentinels.find(({ id }) => id === step.machine)?.isAlive)
          this.#sentinels.find(({ id }) => id === step.machine)?.force();
        break;
      case 'block': {
        const process = world.process(step.machine);
        process?.stop();
        world.at(world.now + step.ms, () => process?.go());
        break;
      }
    }
  }
}
