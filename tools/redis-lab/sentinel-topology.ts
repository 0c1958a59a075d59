import { makeCertificates, type LabCertificates } from './certificates.js';
import { pollUntil } from './poll.js';
import { startRedisServer, type RedisAccess, type RedisProcess, type RedisServerOptions } from './redis-server.js';

/** A user of the data nodes or of the Sentinels. Without a `username` it is `requirepass`. */
export interface LabCredentials {
  readonly username?: string;
  readonly password: string;
}

/** Options of {@link startSentinelTopology}. */
export interface SentinelTopologyOptions {
  /** @defaultValue 1 */
  readonly replicas?: number;
  /** @defaultValue 3 */
  readonly sentinels?: number;
  /** @defaultValue a majority of the Sentinels */
  readonly quorum?: number;
  /** Name of the primary's group. @defaultValue 'lab' */
  readonly name?: string;
  /** `down-after-milliseconds`. @defaultValue 1000 */
  readonly downAfterMs?: number;
  /**
   * `failover-timeout`. A vote that was split, as happens on a busy machine, is repeated after twice this time: by default soon
   * enough for an operation's deadline. @defaultValue 2500
   */
  readonly failoverTimeoutMs?: number;
  /**
   * Shortens Sentinel's own periods (`SENTINEL DEBUG`), so that it discovers nodes and demotes a returned primary within
   * about a second instead of ten or twenty. `down-after` is not touched. @defaultValue true
   */
  readonly fast?: boolean;
  /** Append-only file with `appendfsync always`, so that a restart loses nothing. @defaultValue false */
  readonly persistence?: boolean;
  /** Further lines of every data node's `redis.conf`, for example `min-replicas-to-write 1`. */
  readonly nodeConfig?: readonly string[];
  /** Further lines for the replicas alone, for example `replica-priority 0`. */
  readonly replicaConfig?: readonly string[];
  /** Further lines for one replica each, in their order. */
  readonly replicaConfigs?: readonly (readonly string[])[];
  /** Further lines for the Sentinels; `%name%` stands for the group. */
  readonly sentinelConfig?: readonly string[];
  /** The name by which the Sentinels are given the first primary. @defaultValue its address, or the name of its place */
  readonly monitorHost?: string;
  /** Who may enter the data nodes; nobody else may. */
  readonly nodeAuth?: LabCredentials;
  /** Who may enter the Sentinels; nobody else may. */
  readonly sentinelAuth?: LabCredentials;
  /** TLS for data nodes and Sentinels; nothing listens without it. @defaultValue false */
  readonly tls?: boolean;
  /** The program of nodes and Sentinels. @defaultValue as for {@link startRedisServer} */
  readonly program?: string | undefined;
  /** Where each process runs; on free ports of 127.0.0.1 unless given. */
  readonly place?: (kind: 'node' | 'sentinel', index: number) => LabPlace;
}

/** Where a process runs. With a `name` nodes and Sentinels announce themselves by it, and by nothing else. */
export interface LabPlace extends Pick<RedisServerOptions, 'host' | 'port' | 'prefix'> {
  readonly name?: string;
}

/** What a client has to know; the fields are ioredis's. */
export interface SentinelClientOptions extends RedisAccess {
  sentinels: { host: string; port: number }[];
  name: string;
  sentinelUsername?: string;
  sentinelPassword?: string;
  sentinelTLS?: NonNullable<RedisAccess['tls']>;
}

/** A primary, its replicas and their Sentinels. */
export interface SentinelTopology {
  readonly name: string;
  readonly nodes: readonly RedisProcess[];
  readonly sentinels: readonly RedisProcess[];
  readonly redisOptions: SentinelClientOptions;
  /** The node that the majority of the answering Sentinels names and that calls itself a primary. */
  primary(timeoutMs?: number): Promise<RedisProcess>;
  /** All running nodes but the primary. */
  replicas(): Promise<RedisProcess[]>;
  /** A planned failover (`SENTINEL FAILOVER`); returns once a majority names the new primary and it is one. */
  failover(): Promise<void>;
  /** Waits until all running nodes and Sentinels know each other, agree, and every replica is in step. */
  whenStable(timeoutMs?: number): Promise<void>;
  /** A further replica of the primary, at an address of its own; returns once it runs. */
  addReplica(): Promise<RedisProcess>;
  /** A further Sentinel that knows nothing but the primary, at an address of its own; the others know which unless it is given. */
  addSentinel(primary?: RedisProcess): Promise<RedisProcess>;
  /** Ends a node or a Sentinel for good; nobody is told. */
  retire(server: RedisProcess): Promise<void>;
  /** Shortens the periods of the Sentinels that run, where `fast` was not wanted: what was to be seen at their usual pace is over. */
  hurry(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Sentinel waits for four publish periods before it makes a promoted node that it has not heard of a replica of the former
 * primary: so they must be longer than a Sentinel that was cut off needs to be connected again and to hear of a failover.
 */
const FAST_PERIODS = [
  'info-period',
  '500',
  'publish-period',
  '1000',
  'min-link-reconnect-period',
  '1000',
  'ping-period',
  '300',
  'ask-period',
  '100',
  'tilt-period',
  '1000',
];

class LabSentinelTopology implements SentinelTopology {
  readonly name: string;
  readonly nodes: RedisProcess[] = [];
  readonly sentinels: RedisProcess[] = [];
  readonly #certificates: LabCertificates | undefined;
  readonly #options: SentinelTopologyOptions;
  /** Addresses by the names of their places. */
  readonly #hostsByName = new Map<string, string>();
  readonly #started = { node: 0, sentinel: 0 };

  constructor(options: SentinelTopologyOptions) {
    this.#options = options;
    this.name = options.name ?? 'lab';
    this.#certificates = options.tls ? makeCertificates(this.#hosts()) : undefined;
  }

  async start(): Promise<void> {
    const replicaCount = this.#options.replicas ?? 1;
    const first = await this.#startNode([]);
    const sentinelCount = this.#options.sentinels ?? 3;
    // Settled one by one: when one fails to start, stop() must still find the others.
    const started = await Promise.allSettled([
      ...range(replicaCount).map((index) => this.#startReplica(first, index)),
      ...range(sentinelCount).map(() => this.#startSentinel(first)),
    ]);
    for (const result of started) if (result.status === 'rejected') throw result.reason;
    await this.whenStable(20_000);
  }

  get redisOptions(): SentinelClientOptions {
    const { nodeAuth, sentinelAuth } = this.#options;
    const tls = this.#certificates && { ca: this.#certificates.ca };
    return {
      sentinels: this.sentinels.map(({ host, port }) => ({ host: this.#nameOf(host), port })),
      name: this.name,
      ...nodeAuth,
      ...(sentinelAuth?.username !== undefined && { sentinelUsername: sentinelAuth.username }),
      ...(sentinelAuth && { sentinelPassword: sentinelAuth.password }),
      ...(tls && { tls, sentinelTLS: tls }),
    };
  }

  primary(timeoutMs = 15_000): Promise<RedisProcess> {
    const ask = async (): Promise<RedisProcess | undefined> => {
      const address = await this.#agreedPrimary();
      const node = this.nodes.find((candidate) => candidate.address === address);
      return node && (await roleOf(node)) === 'master' ? node : undefined;
    };
    return pollUntil('a primary that the Sentinels agree on', ask, { timeoutMs });
  }

  async replicas(): Promise<RedisProcess[]> {
    const primary = await this.primary();
    return this.nodes.filter((node) => node !== primary && node.running);
  }

  async failover(): Promise<void> {
    const old = await this.primary();
    const sentinel = this.#answering(this.sentinels)[0];
    if (!sentinel) throw new Error('No Sentinel runs');
    const isAccepted = async (): Promise<boolean> => {
      // One answer about both: asked again after the switch, it would at once go back to a node that has not caught up.
      const { ip, port, flags } = toRecord(await sentinel.cli('SENTINEL', 'MASTER', this.name));
      if (this.#addressOf([String(ip), String(port)]) !== old.address) return true;
      // On a busy machine a Sentinel gives up half-way (no fresh INFO of the replica); then it has to be asked again.
      if (!flags?.includes('failover_in_progress')) await sentinel.cli('SENTINEL', 'FAILOVER', this.name);
      return false;
    };
    await pollUntil('SENTINEL FAILOVER to be carried out', isAccepted, { timeoutMs: 30_000, intervalMs: 100 });
    await pollUntil('the Sentinels to agree on the promoted node', async () => (await this.primary()) !== old);
  }

  async whenStable(timeoutMs = 15_000): Promise<void> {
    let missing = 'everything';
    const isStable = async (): Promise<boolean> => {
      missing = (await this.#whatIsMissing()) ?? '';
      return missing === '';
    };
    await pollUntil('a stable topology', isStable, { timeoutMs, intervalMs: 100 }).catch((error: unknown) => {
      throw new Error(`Topology not stable after ${timeoutMs} ms: ${missing}`, { cause: error });
    });
  }

  async hurry(): Promise<void> {
    await Promise.all(this.#answering(this.sentinels).map(shortenPeriods));
  }

  async addReplica(): Promise<RedisProcess> {
    return this.#startReplica(await this.primary());
  }

  async addSentinel(primary?: RedisProcess): Promise<RedisProcess> {
    return this.#startSentinel(primary ?? (await this.primary()));
  }

  async retire(server: RedisProcess): Promise<void> {
    await server.stop();
    for (const list of [this.nodes, this.sentinels]) if (list.includes(server)) list.splice(list.indexOf(server), 1);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.nodes, ...this.sentinels].map((server) => server.stop()));
    this.#certificates?.remove();
  }

  #hosts(): string[] {
    const place = this.#options.place;
    if (!place) return [];
    const nodes = range(1 + (this.#options.replicas ?? 1)).map((i) => place('node', i).host);
    const sentinels = range(this.#options.sentinels ?? 3).map((i) => place('sentinel', i).host);
    return [...nodes, ...sentinels].filter((host) => host !== undefined);
  }

  #startReplica(primary: RedisProcess, index?: number): Promise<RedisProcess> {
    const replicaof = `replicaof ${this.#nameOf(primary.host)} ${primary.port}`;
    const own = index === undefined ? [] : (this.#options.replicaConfigs?.[index] ?? []);
    return this.#startNode([replicaof, ...(this.#options.replicaConfig ?? []), ...own]);
  }

  #startNode(config: readonly string[]): Promise<RedisProcess> {
    const { nodeAuth, persistence } = this.#options;
    return this.#start('node', nodeAuth, [
      ...(persistence ? ['appendonly yes', 'appendfsync always'] : []),
      // Replication notices a dead peer within seconds, not after the default minute.
      'repl-timeout 5',
      'repl-ping-replica-period 1',
      ...(nodeAuth
        ? [`masterauth ${nodeAuth.password}`, ...(nodeAuth.username ? [`masteruser ${nodeAuth.username}`] : [])]
        : []),
      ...config,
      ...(this.#options.nodeConfig ?? []),
    ]);
  }

  #startSentinel(primary: RedisProcess): Promise<RedisProcess> {
    const { nodeAuth, sentinelAuth, downAfterMs = 1_000, failoverTimeoutMs = 2_500, fast = true } = this.#options;
    const quorum = this.#options.quorum ?? Math.floor((this.#options.sentinels ?? 3) / 2) + 1;
    const name = this.name;
    const host = this.#options.monitorHost ?? this.#nameOf(primary.host);
    return this.#start(
      'sentinel',
      sentinelAuth,
      [
        `sentinel monitor ${name} ${host} ${primary.port} ${quorum}`,
        `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
        `sentinel failover-timeout ${name} ${failoverTimeoutMs}`,
        ...(nodeAuth ? [`sentinel auth-pass ${name} ${nodeAuth.password}`] : []),
        ...(nodeAuth?.username ? [`sentinel auth-user ${name} ${nodeAuth.username}`] : []),
        ...(sentinelAuth ? [`sentinel sentinel-pass ${sentinelAuth.password}`] : []),
        ...(sentinelAuth?.username ? [`sentinel sentinel-user ${sentinelAuth.username}`] : []),
        ...(this.#options.sentinelConfig ?? []).map((line) => line.replaceAll('%name%', name)),
      ],
      async (sentinel) => {
        if (fast) await shortenPeriods(sentinel);
      },
    );
  }

  async #start(
    kind: 'node' | 'sentinel',
    auth: LabCredentials | undefined,
    config: readonly string[],
    afterStart?: (server: RedisProcess) => Promise<void>,
  ): Promise<RedisProcess> {
    const users =
      auth?.username === undefined
        ? auth
          ? [`requirepass ${auth.password}`]
          : []
        : [`user ${auth.username} on >${auth.password} ~* &* +@all`, 'user default off'];
    const { name, ...place } = this.#options.place?.(kind, this.#started[kind]++) ?? {};
    if (name !== undefined && place.host !== undefined) this.#hostsByName.set(name, place.host);
    const announced = kind === 'node' ? [`replica-announce-ip ${name}`] : announcing(String(name));
    const server = await startRedisServer({
      ...place,
      program: this.#options.program,
      sentinel: kind === 'sentinel',
      access: { ...auth, ...(this.#certificates && { tls: { ca: this.#certificates.ca } }) },
      config: [...(this.#certificates?.config ?? []), ...users, ...(name === undefined ? [] : announced), ...config],
      ...(afterStart && { afterStart }),
    });
    (kind === 'node' ? this.nodes : this.sentinels).push(server);
    return server;
  }

  #answering(servers: readonly RedisProcess[]): RedisProcess[] {
    return servers.filter((server) => server.running && !server.frozen);
  }

  #nameOf(host: string): string {
    return [...this.#hostsByName].find(([, address]) => address === host)?.[0] ?? host;
  }

  /** A node may be named by `monitorHost` or by its place. */
  #addressOf([host, port]: readonly [string, string]): string {
    const isFirst = host === this.#options.monitorHost;
    const node = isFirst ? this.nodes.find((candidate) => String(candidate.port) === port) : undefined;
    return node?.address ?? `${this.#hostsByName.get(host) ?? host}:${port}`;
  }

  async #agreedPrimary(): Promise<string | undefined> {
    const answers = await Promise.allSettled(
      this.#answering(this.sentinels).map((sentinel) => sentinel.cli('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.name)),
    );
    const votes = new Map<string, number>();
    for (const answer of answers) {
      if (answer.status !== 'fulfilled' || !Array.isArray(answer.value)) continue;
      const address = this.#addressOf(answer.value as [string, string]);
      votes.set(address, (votes.get(address) ?? 0) + 1);
    }
    const [winner] = [...votes].sort((a, b) => b[1] - a[1]);
    return winner && winner[1] * 2 > answers.length ? winner[0] : undefined;
  }

  async #whatIsMissing(): Promise<string | undefined> {
    const address = await this.#agreedPrimary();
    const nodes = this.#answering(this.nodes);
    const sentinels = this.#answering(this.sentinels);
    const primary = nodes.find((node) => node.address === address);
    if (!primary) return `no agreement on a running primary (${address ?? 'none'})`;
    const [role, offset, replicas] = (await primary.cli('ROLE')) as [string, number, unknown[]];
    if (role !== 'master') return `${primary.address} is ${role}`;
    if (replicas.length !== nodes.length - 1) return `${replicas.length} of ${nodes.length - 1} replicas connected`;
    for (const node of nodes) {
      if (node === primary) continue;
      const [replicaRole, , , state, done] = (await node.cli('ROLE')) as [string, string, number, string, number];
      if (replicaRole !== 'slave' || state !== 'connected') return `replica ${node.address} is ${replicaRole} ${state}`;
      // Connected says little: after a full sync the stream of changes may begin a second later.
      if (done < offset) return `replica ${node.address} is ${offset - done} bytes behind`;
    }
    for (const sentinel of sentinels) {
      const master = toRecord(await sentinel.cli('SENTINEL', 'MASTER', this.name));
      if (master['flags'] !== 'master') return `${sentinel.address} says ${master['flags']} of the primary`;
      if (Number(master['num-other-sentinels']) < sentinels.length - 1)
        return `${sentinel.address} knows ${master['num-other-sentinels']} Sentinels`;
      const known = ((await sentinel.cli('SENTINEL', 'REPLICAS', this.name)) as string[][]).map(toRecord);
      const good = known.filter((replica) => replica['flags'] === 'slave' && replica['master-link-status'] === 'ok');
      if (good.length < nodes.length - 1) return `${sentinel.address} knows ${good.length} good replicas`;
    }
    return undefined;
  }
}

/** Starts a primary, replicas and Sentinels, and returns once all know each other. */
export async function startSentinelTopology(options: SentinelTopologyOptions = {}): Promise<SentinelTopology> {
  const topology = new LabSentinelTopology(options);
  try {
    await topology.start();
    return topology;
  } catch (error) {
    await topology.stop();
    throw error;
  }
}

/** What makes Sentinels call each other and the nodes by names. */
function announcing(name: string): readonly string[] {
  return ['sentinel resolve-hostnames yes', 'sentinel announce-hostnames yes', `sentinel announce-ip ${name}`];
}

async function shortenPeriods(sentinel: RedisProcess): Promise<void> {
  await sentinel.cli('SENTINEL', 'DEBUG', ...FAST_PERIODS);
}

async function roleOf(node: RedisProcess): Promise<string> {
  return ((await node.cli('ROLE')) as [string])[0];
}

/** The flat `name, value, …` list that Sentinel answers with, as a record. */
export function toRecord(flat: unknown): Record<string, string> {
  const list = flat as string[];
  return Object.fromEntries(range(list.length / 2).map((i) => [list[2 * i], list[2 * i + 1]])) as Record<
    string,
    string
  >;
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
