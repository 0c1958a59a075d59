import type { SessionSentinelInspection } from '../../core/session-link.js';
import { addressKey, parseAddressKey, type NodeAddress } from '../connection/node-address.js';
import { continuesHistory, type NodeReport } from '../connection/node-report.js';
import type { RedisConnectionOptions } from '../connection/redis-connection.js';
import {
  decideLeaving,
  decidePrimary,
  isPrimary,
  type NodeState,
  type PrimaryChoiceView,
} from '../decisions/primary-choice.js';
import { decideServers, type ServerName } from '../decisions/servers.js';
import { NodeWatch } from '../primary/node-watch.js';
import type { PrimaryChoice, PrimaryFinder } from '../primary/primary-finder.js';
import type { WatchPace } from '../primary/watch-pace.js';
import { SentinelWatch, type NamedPrimary, type SentinelWatchOptions } from './sentinel-watch.js';

/** Settings of the finder. @internal */
export interface SentinelFinderOptions extends SentinelWatchOptions {
  /** Connections that ask the data nodes. */
  readonly data: RedisConnectionOptions;
  /** Called with the Sentinels that answer but do not know the group, when these are others than before. */
  readonly onGroupUnknown: (sentinels: readonly string[]) => void;
}

/**
 * Finds the primary from what the Sentinels say and from what the nodes say of themselves; the rules are in
 * `decidePrimary` and `decideLeaving`.
 *
 * @internal
 */
export class SentinelFinder implements PrimaryFinder {
  onChange = (): void => undefined;
  readonly sentinels: SentinelWatch;
  readonly #watches = new Map<string, NodeWatch>();
  #current: PrimaryChoice | null = null;
  #requestedPace: WatchPace = 'calm';
  #searchingSince = 0;
  /** The node in use, if it was promoted: it may be opened again. */
  #promotedKey: string | null = null;
  /** The history of the last known primary. */
  #replicationId: string | null = null;
  /** Which names are one server; `null`: to be decided again. */
  #servers: ReadonlyMap<string, ReadonlySet<string>> | null = null;
  #unaware = '';
  #isClosed = false;

  constructor(private readonly options: SentinelFinderOptions) {
    this.sentinels = new SentinelWatch(options, () => {
      this.#update();
    });
  }

  get trouble(): Error | undefined {
    const { best, troubles } = this.sentinels;
    if (!best)
      return new Error(
        `No Sentinel names a primary "${this.options.name}": ${troubles.map((trouble) => `Sentinel ${trouble}`).join('; ') || 'none has answered yet'}`,
      );
    if (this.#current) return undefined;
    const { outcome, reason } = decidePrimary(this.#view(this.#searchingSince));
    return new Error(outcome === null ? `No primary "${this.options.name}": ${reason}` : `${outcome} is not open yet`);
  }

  choose(): PrimaryChoice | null {
    const { outcome: key } = decidePrimary(this.#view(this.#searchingSince));
    if (key === null) return null;
    const { best } = this.sentinels;
    const address = best && addressKey(best.primary) === key ? best.primary : this.#watches.get(key)?.address;
    return address ? this.#choice(address) : null;
  }

  objection(current: PrimaryChoice): string | null {
    const key = addressKey(current.address);
    const { generation, namedSinceAt } = this.sentinels;
    const view = this.#view(0);
    const isFresh = (node: string, sinceAt: number): boolean =>
      (this.#watches.get(node)?.report?.askedAt ?? -Infinity) >= sinceAt;
    const { outcome, reason } = decideLeaving({
      ...view,
      current: key,
      isCurrentFresh: isFresh(key, this.#searchingSince),
      isNamedSince: generation > current.generation,
      isNamedFresh: view.named !== null && isFresh(view.named, namedSinceAt),
    });
    return outcome ? reason : null;
  }

  settle(current: PrimaryChoice): void {
    this.#current = current;
    this.#promotedKey = current.isPromoted ? addressKey(current.address) : null;
    this.#replicationId = this.#watches.get(addressKey(current.address))?.report?.replicationId ?? null;
    this.#update();
  }

  search(): void {
    this.#current = null;
    this.#searchingSince = performance.now();
    this.#requestedPace = 'calm';
    this.#update();
  }

  /** How closely to look while a primary is in use; while none is, it is `alert`. */
  set pace(pace: WatchPace) {
    if (this.#requestedPace === pace) return;
    this.#requestedPace = pace;
    this.#spreadPace();
  }

  /** What every known node said of itself last, by the address it is reached at; `null`: it does not answer. */
  get reports(): ReadonlyMap<string, NodeReport | null> {
    return new Map([...this.#watches].map(([key, watch]) => [key, watch.report]));
  }

  /** When the node reached at `key` last stopped to answer as a replica; `null`: it does, `Infinity`: nobody watches it. */
  lostSightAt(key: string): number | null {
    return this.#watches.get(key)?.lostSightAt ?? (this.#watches.has(key) ? null : Infinity);
  }

  /** `host:port` at which this process reaches the node that Sentinel and the nodes call `name`. */
  reachable(name: string): string {
    return addressKey(this.options.translate(parseAddressKey(name)));
  }

  /** Whether a name and the address of a node that is watched mean one server. */
  isSameServer(name: string, key: string): boolean {
    if (name === key || this.reachable(name) === key) return true;
    this.#servers ??= decideServers([
      ...this.sentinels.replicas.values(),
      ...this.primaryNames,
      ...[...this.#watches.keys()].map((watched) => this.named(watched)),
    ]);
    return this.#servers.get(name)?.has(key) ?? false;
  }

  /** The address of what a Sentinel names: that of the node in use, if it is the same server by another name. */
  keyOf({ name, primary }: Pick<NamedPrimary, 'name' | 'primary'>): string {
    const current = this.#current && addressKey(this.#current.address);
    return current !== null && this.isSameServer(name, current) ? current : addressKey(primary);
  }

  /** The names of the primary that the Sentinels name, with its run id. */
  get primaryNames(): readonly ServerName[] {
    return this.sentinels.views.map(({ name, runId }) => ({ ...this.named(name), runId }));
  }

  /** A name, with the addresses that it leads to. */
  named(name: string): ServerName {
    return { name, runId: null, addresses: this.sentinels.addressesOf(name) };
  }

  /** Asks all Sentinels for a health check. */
  async survey(): Promise<SessionSentinelInspection> {
    const { sentinels } = this;
    const [views, quorum] = await Promise.all([sentinels.askAll(), sentinels.checkQuorum()]);
    return {
      known: sentinels.knownCount,
      reachable: views.length,
      quorum,
      unaware: sentinels.unaware,
      unconnected: this.#unconnected(),
    };
  }

  close(): void {
    this.#isClosed = true;
    this.sentinels.close();
    for (const watch of this.#watches.values()) watch.close();
  }

  /** What the nodes said since then, and what the Sentinels say. */
  #view(sinceAt: number): PrimaryChoiceView {
    const { best, views, isFailoverInProgress } = this.sentinels;
    const nodes = [...this.#watches].flatMap(([key, { report }]) =>
      report && report.askedAt >= sinceAt ? [[key, this.#state(report)] as const] : [],
    );
    return {
      named: best && this.keyOf(best),
      claimed: new Set(views.filter(({ epoch }) => epoch >= (best?.epoch ?? 0)).map((view) => this.keyOf(view))),
      isFailoverInProgress,
      nodes: new Map(nodes),
      replicationId: this.#replicationId,
    };
  }

  #state({ role, isLoading, primary, formerReplicationId }: NodeReport): NodeState {
    const followed = primary && addressKey(this.options.translate(primary));
    return { role, isLoading, primary: followed, formerReplicationId };
  }

  #choice(address: NodeAddress): PrimaryChoice {
    const key = addressKey(address);
    const report = this.#watches.get(key)?.report;
    const isPromoted =
      key === this.#promotedKey || (isPrimary(report ?? null) && continuesHistory(report, this.#replicationId));
    return { address, generation: this.sentinels.generation, isPromoted };
  }

  #unconnected(): readonly string[] {
    const report = this.#current && this.#watches.get(addressKey(this.#current.address))?.report;
    if (report?.role !== 'master') return [];
    const connected = report.replicas.map(({ address }) => this.named(addressKey(address)));
    const servers = decideServers([...connected, ...this.primaryNames, ...this.sentinels.replicas.values()]);
    const present = new Set([...connected, ...this.primaryNames].flatMap(({ name }) => [...(servers.get(name) ?? [])]));
    return [...this.sentinels.replicas.keys()].filter((name) => !present.has(name));
  }

  #update(): void {
    if (this.#isClosed) return;
    this.#watchNodes();
    this.#servers = null;
    this.#tellUnaware();
    this.#spreadPace();
    const report = this.#current && this.#watches.get(addressKey(this.#current.address))?.report;
    if (report?.role === 'master') this.#replicationId = report.replicationId;
    this.onChange();
  }

  /** While a primary is looked for, the trouble says it. */
  #tellUnaware(): void {
    const { unaware } = this.sentinels;
    if (!this.#current || unaware.join() === this.#unaware) return;
    this.#unaware = unaware.join();
    this.options.onGroupUnknown(unaware);
  }

  #spreadPace(): void {
    const pace = this.#current ? this.#requestedPace : 'alert';
    if (this.sentinels.pace !== pace) this.sentinels.pace = pace;
    for (const watch of this.#watches.values()) watch.pace = this.sentinels.pace;
  }

  /** One watch for every node that can be relied on to be one; those that nobody names and that do not answer are let go. */
  #watchNodes(): void {
    const named = new Map<string, NodeAddress>();
    const name = (address: NodeAddress): void => void named.set(addressKey(address), address);
    const { best, replicas, views } = this.sentinels;
    if (best) name(best.primary);
    if (this.#current) name(this.#current.address);
    // The password goes to nobody whom one Sentinel alone names.
    const listed = [...replicas.keys()].map((replica) => this.options.translate(parseAddressKey(replica)));
    for (const address of [...listed, ...views.map(({ primary }) => primary)]) {
      if (this.#watches.has(addressKey(address)) || this.sentinels.isCredible(address)) name(address);
    }
    for (const { report } of this.#watches.values()) if (report?.primary) name(this.options.translate(report.primary));
    const onReport = (): void => {
      this.#update();
    };
    for (const [key, address] of named) {
      if (!this.#watches.has(key)) {
        this.#watches.set(key, new NodeWatch(address, this.options.data, onReport, this.sentinels.pace));
      }
    }
    for (const [key, watch] of this.#watches) {
      if (named.has(key) || watch.report) continue;
      watch.close();
      this.#watches.delete(key);
    }
  }
}
