import { endpointKey, type NodeAddress } from '../connection/node-address.js';
import type { HostNames } from '../connection/host-names.js';
import {
  decideElectorate,
  isVouchedFor,
  type Electorate,
  type ListedSentinel,
  type SentinelStanding,
} from '../decisions/sentinel-electorate.js';
import type { WatchPace } from '../primary/watch-pace.js';
import { SentinelPeer, type SentinelPeerListener, type SentinelPeerOptions } from './sentinel-peer.js';

/** Sentinels that are asked at most: no group has more, and whoever can publish to `__sentinel__:hello` can invent any number. */
const MAX_PEERS = 32;

/** Settings of a roster. @internal */
export interface SentinelRosterOptions extends SentinelPeerOptions {
  /** The Sentinels that the application's options name. */
  readonly seeds: readonly NodeAddress[];
  /** Whether Sentinels that others list are asked, and count. */
  readonly isDiscovering: boolean;
  /** Makes a told address one that this process can reach. */
  readonly translate: (address: NodeAddress) => NodeAddress;
}

/**
 * The Sentinels of one group: the configured ones, by all addresses that their names lead to now, and those that these list.
 *
 * @internal
 */
export class SentinelRoster {
  readonly #peers = new Map<string, SentinelPeer>();
  /** When each counted last because it answered or was listed. */
  readonly #countedAt = new Map<string, number>();
  #electorate: Electorate = [];
  #pace: WatchPace = 'alert';
  #isClosed = false;

  constructor(
    private readonly options: SentinelRosterOptions,
    private readonly names: HostNames,
    private readonly listener: SentinelPeerListener,
  ) {
    this.update();
  }

  /** The Sentinels of which a majority decides. */
  get electorate(): Electorate {
    return this.#electorate;
  }

  /** Those of them that are asked; each Sentinel once. */
  get members(): readonly SentinelPeer[] {
    return this.#electorate.flatMap(({ key }) => this.#peers.get(key) ?? []);
  }

  /** All that are asked, also those that do not count. */
  get peers(): readonly SentinelPeer[] {
    return [...this.#peers.values()];
  }

  /** Whether each of the configured ones has answered, or failed to, at least once. */
  get isEveryoneAsked(): boolean {
    return this.options.seeds.every((seed) => {
      const endpoints = this.#endpointsOf(seed);
      if (endpoints.length === 0) return this.names.troubleOf(seed.host) !== null;
      return endpoints.every((endpoint) => this.#peers.get(endpointKey(endpoint))?.isAsked);
    });
  }

  /** What is wrong with those that do not answer as they should. */
  get troubles(): readonly string[] {
    const unresolved = this.options.seeds.flatMap(({ host, port }) => {
      const trouble = this.names.troubleOf(host);
      return trouble === null ? [] : [`${host}:${port}: ${trouble}`];
    });
    return [
      ...unresolved,
      ...this.peers.flatMap(({ name, trouble }) => (trouble === null ? [] : [`${name}: ${trouble}`])),
    ];
  }

  /** How closely to look. */
  set pace(pace: WatchPace) {
    this.#pace = pace;
    for (const peer of this.#peers.values()) peer.pace = pace;
  }

  /** Decides anew who counts and who is asked: after an answer, or when a name leads elsewhere. */
  update(): void {
    if (this.#isClosed) return;
    const now = performance.now();
    const configured = this.options.seeds.flatMap((seed) => this.#endpointsOf(seed));
    for (const address of configured) this.#add(address);
    const standings = this.#standings(new Set(configured.map(endpointKey)));
    this.#electorate = decideElectorate(standings, now).outcome;
    for (const { key, ground } of this.#electorate) if (ground !== 'lately') this.#countedAt.set(key, now);
    if (this.options.isDiscovering) this.#discover(standings);
    this.#forget(standings);
  }

  close(): void {
    this.#isClosed = true;
    for (const peer of this.#peers.values()) peer.close();
  }

  #add(address: NodeAddress): void {
    const key = endpointKey(address);
    if (this.#peers.has(key)) return;
    const peer = new SentinelPeer(address, this.options, this.listener);
    peer.pace = this.#pace;
    this.#peers.set(key, peer);
  }

  #endpointsOf({ host, port }: NodeAddress): readonly NodeAddress[] {
    return this.names.addressesOf(host).map((ip) => (ip === host ? { host, port } : { host, port, ip }));
  }

  #standings(configured: ReadonlySet<string>): readonly SentinelStanding[] {
    return this.peers.map((peer): SentinelStanding => {
      const { key, view, inventory } = peer;
      const { translate, isDiscovering } = this.options;
      const claim = view && { primary: endpointKey(translate(view.primary)), epoch: view.epoch };
      const nodes = view ? [view.primary, ...(inventory.replicas ?? []).map(({ address }) => address)] : [];
      return {
        key,
        id: inventory.id,
        isConfigured: configured.has(key),
        claim,
        others: view && isDiscovering ? (inventory.others ?? []).map((other) => this.#listed(other)) : [],
        nodes: new Set(nodes.map((address) => endpointKey(translate(address)))),
        countedAt: this.#countedAt.get(key) ?? -Infinity,
      };
    });
  }

  #listed({ address, id }: { readonly address: NodeAddress; readonly id: string }): ListedSentinel {
    return { key: endpointKey(this.options.translate(address)), id };
  }

  /** Asks the Sentinels that others list, too. */
  #discover(standings: readonly SentinelStanding[]): void {
    const knownIds = new Set(standings.map(({ id }) => id));
    for (const { others } of this.members.map(({ inventory }) => inventory)) {
      for (const other of others ?? []) {
        if (this.#peers.size >= MAX_PEERS) return;
        const { key, id } = this.#listed(other);
        const isKnown = this.#peers.has(key) || (id !== '' && knownIds.has(id));
        if (!isKnown && isVouchedFor({ key, id, claim: null }, standings))
          this.#add(this.options.translate(other.address));
      }
    }
  }

  /** Lets go of those that are not configured, do not answer, and count no more. */
  #forget(standings: readonly SentinelStanding[]): void {
    const counting = new Set(this.#electorate.map(({ key }) => key));
    for (const { key, isConfigured, claim } of standings) {
      const peer = this.#peers.get(key);
      if (!peer || isConfigured || claim || counting.has(key) || !peer.isAsked) continue;
      peer.close();
      this.#peers.delete(key);
      this.#countedAt.delete(key);
    }
  }
}
