import { HostNames, type ResolveHost } from '../connection/host-names.js';
import { addressKey, parseAddressKey, type NodeAddress } from '../connection/node-address.js';
import { decideListedReplicas, type KnownReplica } from '../decisions/listed-replicas.js';
import { decideNamedPrimary, isCredible } from '../decisions/named-primary.js';
import type { WatchPace } from '../primary/watch-pace.js';
import { SentinelRoster, type SentinelRosterOptions } from './sentinel-roster.js';
import type { SentinelView } from './sentinel-view.js';

/** How long after a sign of a failover everything is looked at more often. @unit milliseconds */
const ALERT_AFTER_SIGN_MS = 3000;

/** Settings of a watch. @internal */
export interface SentinelWatchOptions extends SentinelRosterOptions {
  readonly resolve: ResolveHost;
}

/** The primary that the Sentinels name. @internal */
export interface NamedPrimary {
  /** Where this process reaches it. */
  readonly primary: NodeAddress;
  /** `host:port` as Sentinel and the nodes name it. */
  readonly name: string;
  readonly epoch: number;
}

/**
 * All Sentinels of one group, asked in parallel, and what follows from their answers. Seeds are kept for ever, by host name, so
 * that a Sentinel may come back with another address; others are found through those that answer.
 *
 * @internal
 */
export class SentinelWatch {
  readonly #names: HostNames;
  readonly #roster: SentinelRoster;
  #views: readonly SentinelView[] = [];
  #replicas: ReadonlyMap<string, KnownReplica> = new Map();
  #best: NamedPrimary | null = null;
  #generation = 0;
  #namedSinceAt = 0;
  #pace: WatchPace = 'alert';
  #signTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly options: SentinelWatchOptions,
    private readonly onChange: () => void,
  ) {
    this.#names = new HostNames(options.resolve, () => {
      this.#update();
    });
    this.#names.want(options.seeds.map(({ host }) => host));
    this.#roster = new SentinelRoster(options, this.#names, {
      onAnswer: () => {
        this.#update();
      },
      onSign: () => {
        this.#heed();
      },
    });
  }

  /** The primary that counts now; kept while no majority names another one. */
  get best(): NamedPrimary | null {
    return this.#best;
  }

  /** Rises whenever another address counts. */
  get generation(): number {
    return this.#generation;
  }

  /** Since when that address counts, on the clock of `performance.now()`. */
  get namedSinceAt(): number {
    return this.#namedSinceAt;
  }

  /** What those that count say now, as far as the node that they name is one that others know as well. */
  get views(): readonly SentinelView[] {
    return this.#views;
  }

  /** Replicas as any of these Sentinels lists them, by name; kept while none has a list. */
  get replicas(): ReadonlyMap<string, KnownReplica> {
    return this.#replicas;
  }

  /** Sentinels that count; a majority is more than half of them. */
  get knownCount(): number {
    const counts = this.#roster.members
      .filter(({ inventory }) => this.options.isDiscovering && inventory.others === null)
      .map(({ view }) => view?.sentinelCount ?? 0);
    return Math.max(this.#roster.electorate.length, ...counts);
  }

  /** Sentinels that answer, but do not know the group, by name. */
  get unaware(): readonly string[] {
    return this.#roster.peers.flatMap(({ isUnaware, name }) => (isUnaware ? [name] : []));
  }

  /** Whether a failover is going on, as far as a Sentinel says. Only the one that leads it knows. */
  get isFailoverInProgress(): boolean {
    return this.views.some((view) => view.flags.has('failover_in_progress'));
  }

  /** How closely to look; closer for a while after a sign of a failover. */
  get pace(): WatchPace {
    return this.#signTimer === undefined ? this.#pace : 'alert';
  }

  set pace(pace: WatchPace) {
    this.#pace = pace;
    this.#roster.pace = this.pace;
  }

  /** What is wrong with the Sentinels that do not answer as they should. */
  get troubles(): readonly string[] {
    return this.#roster.troubles;
  }

  /** `ip:port` that a name leads to; empty while unknown. */
  addressesOf(name: string): readonly string[] {
    const { host, port } = parseAddressKey(name);
    return this.#names.addressesOf(host).map((ip) => `${ip}:${port}`);
  }

  /** Whether a node is one that may be connected to. */
  isCredible(address: NodeAddress): boolean {
    return isCredible(addressKey(address), this.#roster.electorate);
  }

  /** Asks all Sentinels at the same time; resolves with what those say that answered in time. */
  async askAll(): Promise<readonly SentinelView[]> {
    await Promise.all(this.#roster.peers.map((peer) => peer.ask()));
    return this.views;
  }

  /** Whether a majority could start a failover: what any Sentinel that answers says. `null`: none does. */
  async checkQuorum(): Promise<boolean | null> {
    const answers = await Promise.all(
      this.#roster.peers.map(async (peer) => ({ peer, hasQuorum: await peer.checkQuorum() })),
    );
    const { members } = this.#roster;
    const known = answers.flatMap(({ peer, hasQuorum }) =>
      hasQuorum !== null && members.includes(peer) ? [hasQuorum] : [],
    );
    return known.length === 0 ? null : known.some(Boolean);
  }

  close(): void {
    clearTimeout(this.#signTimer);
    this.#roster.close();
    this.#names.close();
  }

  /** Every operation asks for what follows from the answers: so it is put together once for every answer. */
  #update(): void {
    this.#roster.update();
    const told = this.#roster.members.flatMap(({ view, inventory }) => {
      const primary = view && this.options.translate(view.primary);
      return primary && this.isCredible(primary) ? [{ view: { ...view, primary }, inventory }] : [];
    });
    this.#views = told.map(({ view }) => view);
    this.#replicas = decideListedReplicas({
      lists: told.map(({ inventory }) => inventory.replicas),
      known: this.#replicas,
      addressesOf: (name) => this.addressesOf(name),
    }).outcome;
    this.#names.want([...this.options.seeds.map(({ host }) => host), ...this.#namedHosts()]);
    this.#weigh();
    this.onChange();
  }

  #namedHosts(): readonly string[] {
    return [...this.#replicas.keys(), ...this.#views.map(({ name }) => name)].map((name) => parseAddressKey(name).host);
  }

  #weigh(): void {
    const { electorate, isEveryoneAsked } = this.#roster;
    const known = this.#best && { primary: addressKey(this.#best.primary), epoch: this.#best.epoch };
    const claim = decideNamedPrimary({ electorate, known, isEveryoneAsked }).outcome;
    const view = claim && this.#views.find(({ primary }) => addressKey(primary) === claim.primary);
    if (!view || (claim.primary === known?.primary && claim.epoch === known.epoch)) return;
    // The leader of a failover raises the epoch of the old primary before it names the new one.
    if (claim.primary !== known?.primary) {
      this.#generation++;
      this.#namedSinceAt = performance.now();
    }
    this.#best = { primary: view.primary, name: view.name, epoch: claim.epoch };
  }

  #heed(): void {
    clearTimeout(this.#signTimer);
    this.#signTimer = setTimeout(() => {
      this.#signTimer = undefined;
      this.#roster.pace = this.pace;
      this.onChange();
    }, ALERT_AFTER_SIGN_MS);
    this.#roster.pace = this.pace;
    this.onChange();
  }
}
