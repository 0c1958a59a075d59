import { pollUntil } from './poll.js';
import { reservePort } from './ports.js';
import { startRedisServer, type RedisProcess } from './redis-server.js';

const SLOT_COUNT = 16_384;

/** Options of {@link startClusterTopology}. */
export interface ClusterTopologyOptions {
  /** @defaultValue 3 */
  readonly masters?: number;
  /** @defaultValue 1 */
  readonly replicasPerMaster?: number;
  /** `cluster-node-timeout`. @defaultValue 1000 */
  readonly nodeTimeoutMs?: number;
}

/** A Redis Cluster. */
export interface ClusterTopology {
  readonly nodes: readonly RedisProcess[];
  /** Seeds for a client. */
  readonly seeds: readonly { host: string; port: number }[];
  /** The running masters that own slots, as a running node sees them. */
  masters(): Promise<RedisProcess[]>;
  /** The running replicas of a master. */
  replicasOf(master: RedisProcess): Promise<RedisProcess[]>;
  /** The master that owns the key. */
  masterOf(key: string): Promise<RedisProcess>;
  /** A planned failover: the replica takes its master's place (`CLUSTER FAILOVER`); returns once all nodes agree. */
  failover(replica: RedisProcess): Promise<void>;
  /** Moves slots with their keys from their owner to another master, one by one, as `redis-cli --cluster reshard` does. */
  reshard(slots: readonly number[], to: RedisProcess): Promise<void>;
  /** Waits until every running node says `cluster_state:ok`, all slots are served and the replicas are in step. */
  whenStable(timeoutMs?: number): Promise<void>;
  stop(): Promise<void>;
}

interface NodeView {
  readonly id: string;
  readonly address: string;
  readonly flags: readonly string[];
  readonly masterId: string;
  readonly slots: readonly [number, number][];
}

class LabClusterTopology implements ClusterTopology {
  readonly nodes: RedisProcess[] = [];
  readonly #releases: (() => void)[] = [];
  readonly #masterCount: number;
  readonly #replicasPerMaster: number;
  readonly #nodeTimeoutMs: number;

  constructor(options: ClusterTopologyOptions) {
    this.#masterCount = options.masters ?? 3;
    this.#replicasPerMaster = options.replicasPerMaster ?? 1;
    this.#nodeTimeoutMs = options.nodeTimeoutMs ?? 1_000;
  }

  async start(): Promise<void> {
    const count = this.#masterCount * (1 + this.#replicasPerMaster);
    const started = await Promise.allSettled(Array.from({ length: count }, () => this.#startNode()));
    for (const result of started) if (result.status === 'rejected') throw result.reason;
    const [first, ...others] = this.nodes as [RedisProcess, ...RedisProcess[]];
    const busPorts = new Map<RedisProcess, string>();
    for (const node of this.nodes)
      busPorts.set(node, String(((await node.cli('CONFIG', 'GET', 'cluster-port')) as string[])[1]));
    const masters = this.nodes.slice(0, this.#masterCount);
    // Distinct epochs from the start, so that no collision has to be resolved first.
    await Promise.all(this.nodes.map((node, index) => node.cli('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1))));
    await Promise.all(
      masters.map((master, index) => {
        const from = Math.floor((index * SLOT_COUNT) / masters.length);
        const to = Math.floor(((index + 1) * SLOT_COUNT) / masters.length) - 1;
        return master.cli('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
      }),
    );
    for (const node of others) {
      await node.cli('CLUSTER', 'MEET', first.host, String(first.port), String(busPorts.get(first)));
    }
    const ids = new Map<RedisProcess, string>();
    for (const node of this.nodes) ids.set(node, String(await node.cli('CLUSTER', 'MYID')));
    await Promise.all(
      this.nodes.slice(this.#masterCount).map((replica, index) => {
        const master = masters[index % masters.length] as RedisProcess;
        return pollUntil(`${replica.address} to become a replica`, async () => {
          await replica.cli('CLUSTER', 'REPLICATE', String(ids.get(master)));
          return true;
        });
      }),
    );
    await this.whenStable(30_000);
  }

  get seeds(): { host: string; port: number }[] {
    return this.nodes.map(({ host, port }) => ({ host, port }));
  }

  async masters(): Promise<RedisProcess[]> {
    const views = (await this.#view()).filter((view) => view.slots.length > 0 && !view.flags.includes('fail'));
    return views.map((view) => this.#node(view.address)).filter((node) => node.running);
  }

  async replicasOf(master: RedisProcess): Promise<RedisProcess[]> {
    const views = await this.#view();
    const id = views.find((view) => view.address === master.address)?.id;
    return views
      .filter((view) => view.masterId === id)
      .map((view) => this.#node(view.address))
      .filter((node) => node.running);
  }

  async masterOf(key: string): Promise<RedisProcess> {
    const slot = Number(await this.#anyNode().cli('CLUSTER', 'KEYSLOT', key));
    return this.#ownerOf(slot, await this.#view());
  }

  async failover(replica: RedisProcess): Promise<void> {
    await replica.cli('CLUSTER', 'FAILOVER');
    await pollUntil(
      `${replica.address} to be a master`,
      async () => ((await replica.cli('ROLE')) as [string])[0] === 'master',
    );
    await this.whenStable();
  }

  async reshard(slots: readonly number[], to: RedisProcess): Promise<void> {
    const views = await this.#view();
    const targetId = String(await to.cli('CLUSTER', 'MYID'));
    for (const slot of slots) {
      const from = this.#ownerOf(slot, views);
      if (from === to) continue;
      const sourceId = String(await from.cli('CLUSTER', 'MYID'));
      await to.cli('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', sourceId);
      await from.cli('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', targetId);
      for (;;) {
        const keys = (await from.cli('CLUSTER', 'GETKEYSINSLOT', String(slot), '100')) as string[];
        if (keys.length === 0) break;
        await from.cli('MIGRATE', to.host, String(to.port), '', '0', '5000', 'KEYS', ...keys);
      }
      for (const node of [to, ...(await this.masters())])
        await node.cli('CLUSTER', 'SETSLOT', String(slot), 'NODE', targetId);
    }
  }

  async whenStable(timeoutMs = 15_000): Promise<void> {
    await pollUntil(
      'a stable cluster',
      async () => {
        const running = this.nodes.filter((node) => node.running && !node.frozen);
        for (const node of running) {
          const info = String(await node.cli('CLUSTER', 'INFO'));
          if (!info.includes('cluster_state:ok') || !info.includes(`cluster_slots_ok:${SLOT_COUNT}`)) return false;
          if (!info.includes(`cluster_known_nodes:${this.nodes.length}`)) return false;
          const [role, , , state] = (await node.cli('ROLE')) as [string, unknown, unknown, string];
          if (role === 'slave' && state !== 'connected') return false;
        }
        return await this.#isAgreed(running);
      },
      { timeoutMs, intervalMs: 100 },
    );
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
    for (const release of this.#releases) release();
  }

  /** Gossip takes a moment: right after a change nodes still name different owners of a slot. */
  async #isAgreed(nodes: readonly RedisProcess[]): Promise<boolean> {
    const views = await Promise.all(nodes.map((node) => this.#view(node)));
    const owners = views.map((view) =>
      view
        .filter(({ slots }) => slots.length > 0)
        .map(({ address, slots }) => `${address} ${slots.join(' ')}`)
        .sort()
        .join('\n'),
    );
    return new Set(owners).size === 1;
  }

  async #startNode(): Promise<void> {
    // The bus port is by default the port plus 10000, which nobody has reserved.
    const bus = await reservePort();
    this.#releases.push(bus.release);
    this.nodes.push(
      await startRedisServer({
        config: [
          'cluster-enabled yes',
          `cluster-port ${bus.port}`,
          `cluster-node-timeout ${this.#nodeTimeoutMs}`,
          'cluster-allow-replica-migration no',
          'repl-ping-replica-period 1',
          'repl-timeout 5',
        ],
      }),
    );
  }

  #anyNode(): RedisProcess {
    const node = this.nodes.find((candidate) => candidate.running && !candidate.frozen);
    if (!node) throw new Error('No node of the cluster runs');
    return node;
  }

  #node(address: string): RedisProcess {
    const node = this.nodes.find((candidate) => candidate.address === address);
    if (!node) throw new Error(`${address} is not a node of this cluster`);
    return node;
  }

  #ownerOf(slot: number, views: readonly NodeView[]): RedisProcess {
    const view = views.find(({ slots }) => slots.some(([from, to]) => from <= slot && slot <= to));
    if (!view) throw new Error(`Nobody owns slot ${slot}`);
    return this.#node(view.address);
  }

  async #view(node = this.#anyNode()): Promise<NodeView[]> {
    const text = String(await node.cli('CLUSTER', 'NODES'));
    return text
      .trim()
      .split('\n')
      .map((line) => {
        const [id = '', address = '', flags = '', masterId = '', , , , , ...slots] = line.split(' ');
        return {
          id,
          address: address.split('@')[0] ?? '',
          flags: flags.split(','),
          masterId,
          // `[slot->-…]` marks a slot on the move; its owner is in the plain entries.
          slots: slots
            .filter((slot) => !slot.startsWith('['))
            .map((slot) => {
              const [from, to] = slot.split('-').map(Number) as [number, number | undefined];
              return [from, to ?? from] as [number, number];
            }),
        };
      });
  }
}

/** Starts a Redis Cluster and returns once it serves all slots. */
export async function startClusterTopology(options: ClusterTopologyOptions = {}): Promise<ClusterTopology> {
  const topology = new LabClusterTopology(options);
  try {
    await topology.start();
    return topology;
  } catch (error) {
    await topology.stop();
    throw error;
  }
}
