import { setTimeout as delay } from 'node:timers/promises';
import { createLabNetwork, type LabHost, type LabNetwork } from '../../tools/redis-lab/network.js';
import { pollUntil } from '../../tools/redis-lab/poll.js';
import type { RedisProcess } from '../../tools/redis-lab/redis-server.js';
import {
  startSentinelTopology,
  type SentinelTopology,
  type SentinelTopologyOptions,
} from '../../tools/redis-lab/sentinel-topology.js';
import { startApp, type AppProcess } from './app-process.js';
import type { FaultAppOptions } from './fault-app.protocol.js';
import { Workload, type WorkloadOptions } from './workload.js';

/** What a lab is made of. */
export interface FaultLabOptions {
  readonly store?: FaultAppOptions['store'];
  readonly topology?: SentinelTopologyOptions;
  /** Every server and instance on a machine of its own; needs root. */
  readonly network?: boolean;
  /** With `network`: everybody knows everybody by a host name. */
  readonly hostNames?: boolean;
  /** With `network`: further names, and the machines that each leads to. */
  readonly names?: Readonly<Record<string, readonly string[]>>;
  /** Over the Redis options of both instances, for example `operationTimeoutMs`. */
  readonly redis?: Record<string, unknown>;
  readonly durability?: FaultAppOptions['durability'];
  readonly workload?: WorkloadOptions;
}

/** Redis with Sentinels, two instances of an application, and users: all that a fault function can touch. */
export class FaultLab {
  /** Who was the primary when the lab started, and the first replica. */
  readonly primary: RedisProcess;
  readonly replica: RedisProcess;
  #workload: Workload | undefined;

  private constructor(
    readonly options: FaultLabOptions,
    readonly topology: SentinelTopology,
    readonly apps: readonly [AppProcess, AppProcess],
    private readonly labNetwork: LabNetwork | undefined,
  ) {
    [this.primary, this.replica] = topology.nodes as [RedisProcess, RedisProcess];
  }

  static async start(options: FaultLabOptions): Promise<FaultLab> {
    const network = options.network ? createLabNetwork() : undefined;
    let topology: SentinelTopology | undefined;
    const apps: AppProcess[] = [];
    try {
      topology = await startSentinelTopology({
        ...options.topology,
        ...(network && {
          place: (kind, index) => {
            const host = network.host(`${kind === 'node' ? 'n' : 's'}${index + 1}`);
            const name = `${host.name}.lab`;
            if (options.hostNames) network.setName(name, [host]);
            const port = kind === 'node' ? 6379 : 26379;
            return { host: host.ip, port, prefix: host.prefix, ...(options.hostNames && { name }) };
          },
        }),
      });
      if (network)
        for (const [name, hosts] of Object.entries(options.names ?? {}))
          network.setName(
            name,
            hosts.map((host) => network.host(host)),
          );
      const redis = { ...topology.redisOptions, ...options.redis };
      const started = await Promise.allSettled(
        ['a1', 'a2'].map(async (name) => {
          const host = network?.host(name);
          const store = options.store ?? 'ours';
          const app = await startApp(
            name,
            { store, host: host?.ip ?? '127.0.0.1', redis, durability: options.durability },
            host?.prefix,
          );
          apps.push(app);
          return app;
        }),
      );
      for (const result of started) if (result.status === 'rejected') throw result.reason;
      apps.sort((a, b) => a.name.localeCompare(b.name));
      return new FaultLab(options, topology, apps as [AppProcess, AppProcess] & AppProcess[], network);
    } catch (error) {
      await Promise.all(apps.map((app) => app.stop()));
      await topology?.stop();
      network?.stop();
      throw error;
    }
  }

  get network(): LabNetwork {
    if (!this.labNetwork) throw new Error('This scenario needs `network: true`');
    return this.labNetwork;
  }

  get workload(): Workload {
    if (!this.#workload) throw new Error('The workload has not started');
    return this.#workload;
  }

  /** Lets the users in, and waits until both instances serve them and all kinds of steps have happened. */
  async startWorkload(): Promise<Workload> {
    this.#workload = new Workload(this.apps, this.options.workload);
    await this.#workload.whenServing();
    await this.#workload.whenInFullSwing();
    return this.#workload;
  }

  /** Machines by name: `n1` is the first primary, `n2` its replica, `s1` … the Sentinels, `a1` and `a2` the instances. */
  hosts(...names: string[]): LabHost[] {
    return names.map((name) => this.network.host(name));
  }

  sentinel(index: number): RedisProcess {
    return this.topology.sentinels[index] as RedisProcess;
  }

  sleep(ms: number): Promise<void> {
    return delay(ms);
  }

  /** What the Sentinels did, for the message of a failure. */
  sentinelStory(): string {
    const telling =
      /[+-](sdown|odown|try-failover|elected-leader|failover|switch-master|convert|tilt|selected|promoted|vote)/;
    return this.topology.sentinels
      .flatMap((sentinel) => sentinel.log.split('\n').filter((line) => telling.test(line)))
      .map((line) => line.replace(/^\d+:\w \d+ \w+ \d+ /, ''))
      .sort()
      .join('\n');
  }

  /** Waits until the majority of the Sentinels names another primary. */
  async whenFailedOver(from = this.primary, timeoutMs = 20_000): Promise<RedisProcess> {
    return pollUntil(
      'a failover',
      async () => {
        const now = await this.topology.primary();
        return now !== from && now;
      },
      { timeoutMs },
    );
  }

  /** Ends every fault: machines talk again, frozen processes go on, dead ones are started. Waits until all is in order. */
  async repair(): Promise<void> {
    this.labNetwork?.heal();
    for (const server of [...this.topology.nodes, ...this.topology.sentinels]) {
      if (server.frozen) server.thaw();
      else if (!server.running) await server.restart();
    }
    await this.topology.whenStable(40_000);
  }

  async stop(): Promise<void> {
    // After a failure users may still be there.
    this.#workload?.leave();
    await Promise.all(this.apps.map((app) => app.stop()));
    await this.topology.stop();
    this.labNetwork?.stop();
  }
}
