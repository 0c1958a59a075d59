import { addressKey, type NodeAddress } from '../connection/node-address.js';
import { continuesHistory, type NodeReport } from '../connection/node-report.js';
import { NodeWatch } from '../primary/node-watch.js';
import type { PrimaryChoice, PrimaryFinder } from '../primary/primary-finder.js';
import type { RedisConnectionOptions } from '../connection/redis-connection.js';
import { SentinelWatch, type SentinelWatchOptions } from './sentinel-watch.js';
import type { WatchPace } from '../primary/watch-pace.js';

/** Settings of the finder. @internal */
export interface SentinelFinderOptions extends SentinelWatchOptions {
  /** Connections that ask the data nodes. */
  readonly data: RedisConnectionOptions;
}

/**
 * Finds the primary from what the Sentinels say and from what the nodes say of themselves.
 *
 * @remarks
 * Sentinel's word is law: the node it names in its newest epoch is the primary once that node calls itself one. Three things
 * are known earlier than Sentinel announces them, and are followed:
 * - the named node says that it replicates another, and that one calls itself a primary (`FAILOVER`, `REPLICAOF` by hand);
 * - the named node does not answer, and another calls itself a primary *and proves that it continues its history*
 *   (a replica that Sentinel has promoted a moment ago; one that merely restarted cannot prove it);
 * - a Sentinel says that it is leading a failover, and another node proves the same.
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
        `No Sentinel names a primary "${this.options.name}": ${troubles.join('; ') || 'none has answered yet'}`,
      );
    if (this.#current) return undefined;
    const report = this.#freshReport(best.primary);
    const state = report
      ? `calls itself ${report.role ?? 'nothing'}${report.isLoading ? ' and is loading' : ''}`
      : 'does not answer';
    return new Error(`The primary that Sentinel names, ${addressKey(best.primary)}, ${state}`);
  }

  choose(): PrimaryChoice | null {
    const best = this.sentinels.best;
    if (!best) return null;
    const named = this.#freshReport(best.primary);
    const promoted = this.#promoted(best.primary);
    if (promoted && (!isPrimary(named) || this.sentinels.isFailoverInProgress)) return this.#choice(promoted);
    if (isPrimary(named) || (named?.role === null && !named.isLoading)) return this.#choice(best.primary);
    if (named?.role !== 'slave' || !named.primary) return null;
    const followed = this.options.translate(named.primary);
    return isPrimary(this.#freshReport(followed)) ? this.#choice(followed) : null;
  }

  objection(current: PrimaryChoice): string | null {
    const best = this.sentinels.best;
    const key = addressKey(current.address);
    if (best && this.sentinels.generation > current.generation && addressKey(best.primary) !== key) {
      return `Sentinel names ${addressKey(best.primary)} now`;
    }
    const report = this.#watches.get(key)?.report;
    if (report?.role === 'slave' && report.askedAt >= this.#searchingSince) return 'it is a replica now';
    const promoted =
      this.sentinels.isFailoverInProgress &&
      best &&
      addressKey(best.primary) === key &&
      this.#promoted(current.address);
    return promoted ? `${addressKey(promoted)} is being promoted by Sentinel` : null;
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

  /** `host:port` at which this process reaches the node that Sentinel and the nodes call `name`. */
  reachable(name: string): string {
    const at = name.lastIndexOf(':');
    return addressKey(this.options.translate({ host: name.slice(0, at), port: Number(name.slice(at + 1)) }));
  }

  close(): void {
    this.#isClosed = true;
    this.sentinels.close();
    for (const watch of this.#watches.values()) watch.close();
  }

  #choice(address: NodeAddress): PrimaryChoice {
    const key = addressKey(address);
    const report = this.#watches.get(key)?.report;
    const isPromoted =
      key === this.#promotedKey || (isPrimary(report ?? null) && continuesHistory(report, this.#replicationId));
    return { address, generation: this.sentinels.generation, isPromoted };
  }

  #freshReport(address: NodeAddress): NodeReport | null {
    const report = this.#watches.get(addressKey(address))?.report;
    return report && report.askedAt >= this.#searchingSince ? report : null;
  }

  /** A node other than the one given that calls itself a primary and continues the last primary's history. */
  #promoted(other: NodeAddress): NodeAddress | null {
    for (const [key, { address, report }] of this.#watches) {
      if (key !== addressKey(other) && isPrimary(report) && continuesHistory(report, this.#replicationId))
        return address;
    }
    return null;
  }

  #update(): void {
    if (this.#isClosed) return;
    this.#watchNodes();
    this.#spreadPace();
    const report = this.#current && this.#watches.get(addressKey(this.#current.address))?.report;
    if (report?.role === 'master') this.#replicationId = report.replicationId;
    this.onChange();
  }

  #spreadPace(): void {
    const pace = this.#current ? this.#requestedPace : 'alert';
    if (this.sentinels.pace !== pace) this.sentinels.pace = pace;
    for (const watch of this.#watches.values()) watch.pace = this.sentinels.pace;
  }

  /** One watch for every node that anybody names; those that nobody names and that do not answer are let go. */
  #watchNodes(): void {
    const named = new Map<string, NodeAddress>();
    const name = (address: NodeAddress): void => void named.set(addressKey(address), address);
    const best = this.sentinels.best;
    if (best) name(best.primary);
    if (this.#current) name(this.#current.address);
    for (const replica of this.sentinels.replicas.values()) name(replica.address);
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

function isPrimary(report: NodeReport | null): boolean {
  return report?.role === 'master' && !report.isLoading;
}
