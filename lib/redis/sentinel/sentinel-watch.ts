import { addressKey, type NodeAddress } from '../connection/node-address.js';
import { SentinelPeer, type SentinelPeerListener, type SentinelPeerOptions } from './sentinel-peer.js';
import type { SentinelReplica, SentinelView } from './sentinel-view.js';
import type { WatchPace } from '../primary/watch-pace.js';

/** How long after a sign of a failover everything is looked at more often. @unit milliseconds */
const ALERT_AFTER_SIGN_MS = 3000;

/** How long nobody must have named an epoch before a majority for an older one counts. @unit milliseconds */
const RESET_AFTER_MS = 5000;

/** Settings of a watch. @internal */
export interface SentinelWatchOptions extends SentinelPeerOptions {
  readonly seeds: readonly NodeAddress[];
  /** Makes a told address one that this process can reach. */
  readonly translate: (address: NodeAddress) => NodeAddress;
}

/**
 * All Sentinels of one group, asked in parallel. Seeds are kept for ever, by host name, so that a Sentinel may come back with
 * another address; others are found through those that answer.
 *
 * @internal
 */
export class SentinelWatch {
  readonly #peers = new Map<string, SentinelPeer>();
  readonly #seedKeys: ReadonlySet<string>;
  readonly #listener: SentinelPeerListener;
  #views: readonly SentinelView[] = [];
  #replicas: ReadonlyMap<string, SentinelReplica> = new Map();
  #best: SentinelView | null = null;
  #generation = 0;
  #pace: WatchPace = 'alert';
  #signTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(
    private readonly options: SentinelWatchOptions,
    private readonly onChange: () => void,
  ) {
    this.#seedKeys = new Set(options.seeds.map(addressKey));
    this.#listener = {
      onAnswer: (peer) => {
        this.#learnFrom(peer);
        this.onChange();
      },
      onSign: () => {
        this.#heed();
      },
    };
    for (const seed of options.seeds) this.#add(seed);
  }

  /** What counts now: see {@link newestView}; kept while no Sentinel answers. */
  get best(): SentinelView | null {
    return this.#best;
  }

  /** Rises whenever another address counts. */
  get generation(): number {
    return this.#generation;
  }

  /** What the Sentinels that answer say now. */
  get views(): readonly SentinelView[] {
    return this.#views;
  }

  /** Replicas as any Sentinel that answers lists them, by the address they can be reached at; kept while none answers. */
  get replicas(): ReadonlyMap<string, SentinelReplica> {
    return this.#replicas;
  }

  /** Sentinels there are, as far as anybody has said; a majority is more than half of them. */
  get knownCount(): number {
    return Math.max(this.#distinctPeers().length, ...this.views.map((view) => view.sentinelCount));
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
    this.#spreadPace();
  }

  /** What is wrong with the Sentinels that do not answer as they should. */
  get troubles(): readonly string[] {
    return [...this.#peers.values()].flatMap((peer) => (peer.trouble === null ? [] : [`${peer.key}: ${peer.trouble}`]));
  }

  /** Asks all Sentinels at the same time; resolves with what those say that answered in time. */
  async askAll(): Promise<readonly SentinelView[]> {
    await Promise.all(this.#distinctPeers().map((peer) => peer.ask()));
    return this.views;
  }

  /** Whether a majority could start a failover: what any Sentinel that answers says. `null`: none does. */
  async checkQuorum(): Promise<boolean | null> {
    const answers = await Promise.all(this.#distinctPeers().map((peer) => peer.checkQuorum()));
    const known = answers.filter((answer) => answer !== null);
    return known.length === 0 ? null : known.some(Boolean);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#signTimer);
    for (const peer of this.#peers.values()) peer.close();
  }

  #add(address: NodeAddress): void {
    const key = addressKey(address);
    if (this.#isClosed || this.#peers.has(key)) return;
    const peer = new SentinelPeer(address, this.options, this.#listener);
    peer.pace = this.pace;
    this.#peers.set(key, peer);
  }

  /** One peer for each Sentinel: a seed's host name and a discovered address may mean the same one. */
  #distinctPeers(): readonly SentinelPeer[] {
    const ids = new Set<string>();
    const answeringFirst = [...this.#peers.values()].sort((a, b) => Number(b.view !== null) - Number(a.view !== null));
    return answeringFirst.filter((peer) => {
      if (peer.id === null) return true;
      if (ids.has(peer.id)) return false;
      ids.add(peer.id);
      return true;
    });
  }

  #learnFrom(peer: SentinelPeer): void {
    this.#collect();
    this.#weigh();
    if (!peer.view) return;
    const knownIds = new Set([...this.#peers.values()].map((known) => known.id));
    for (const other of peer.others) {
      if (other.id === '' || !knownIds.has(other.id)) this.#add(this.options.translate(other.address));
    }
    this.#forgetDeparted();
  }

  /** Every operation asks for these: so they are put together once for every answer. */
  #collect(): void {
    const peers = this.#distinctPeers();
    this.#views = peers.flatMap(({ view }) =>
      view ? [{ ...view, primary: this.options.translate(view.primary) }] : [],
    );
    const answering = peers.filter((peer) => peer.view);
    const listed = (answering.length > 0 ? answering : peers).flatMap((peer) => peer.replicas);
    this.#replicas = new Map(
      listed.map((replica) => {
        const address = this.options.translate(replica.address);
        return [addressKey(address), { ...replica, address }];
      }),
    );
  }

  #weigh(): void {
    const best = newestView(this.views, this.#best, this.knownCount);
    if (!best) return;
    // The leader of a failover raises the epoch of the old primary before it names the new one.
    if (!this.#best || addressKey(this.#best.primary) !== addressKey(best.primary)) this.#generation++;
    this.#best = best;
  }

  /** Drops discovered Sentinels that do not answer and that nobody lists any more. */
  #forgetDeparted(): void {
    const listed = new Set(
      [...this.#peers.values()].flatMap((peer) =>
        peer.others.map((other) => addressKey(this.options.translate(other.address))),
      ),
    );
    for (const [key, peer] of this.#peers) {
      if (this.#seedKeys.has(key) || peer.view || listed.has(key)) continue;
      peer.close();
      this.#peers.delete(key);
    }
  }

  #heed(): void {
    clearTimeout(this.#signTimer);
    this.#signTimer = setTimeout(() => {
      this.#signTimer = undefined;
      this.#spreadPace();
      this.onChange();
    }, ALERT_AFTER_SIGN_MS);
    this.#spreadPace();
    this.onChange();
  }

  #spreadPace(): void {
    for (const peer of this.#peers.values()) peer.pace = this.pace;
  }
}

/**
 * Which answer counts: the highest epoch wins, and of equal epochs what most Sentinels say. An epoch that was seen once is
 * not given up for a lower one, which a Sentinel that has not heard of it yet may still name, unless nobody names it any more
 * and a majority names the other: then an operator has set the group up anew.
 *
 * @internal
 */
export function newestView(
  views: readonly SentinelView[],
  known: SentinelView | null,
  knownCount: number,
): SentinelView | null {
  const votes = new Map<string, { readonly view: SentinelView; count: number }>();
  for (const view of views) {
    const key = `${view.epoch} ${addressKey(view.primary)}`;
    const vote = votes.get(key);
    if (vote) vote.count++;
    else votes.set(key, { view, count: 1 });
  }
  const [newest] = [...votes.values()].sort((a, b) => b.view.epoch - a.view.epoch || b.count - a.count);
  if (!newest || !known) return newest?.view ?? known;
  const isReset = newest.count * 2 > knownCount && newest.view.answeredAt - known.answeredAt > RESET_AFTER_MS;
  return newest.view.epoch >= known.epoch || isReset ? newest.view : known;
}
