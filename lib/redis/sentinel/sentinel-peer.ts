import { ConnectionLostError, isReplyError } from '../connection/connection-lost.error.js';
import { endpointKey, type NodeAddress } from '../connection/node-address.js';
import { RedisConnection, type RedisConnectionOptions } from '../connection/redis-connection.js';
import {
  NOTHING_TOLD,
  parseAddressView,
  parseReplicas,
  parseSentinels,
  parseView,
  type SentinelInventory,
  type SentinelView,
} from './sentinel-view.js';
import type { WatchPace, WatchPeriods } from '../primary/watch-pace.js';

const PERIODS: WatchPeriods = { calm: 1000, close: 300, alert: 100 };
/** Pause before a lost subscription is made again. @unit milliseconds */
const RESUBSCRIBE_MS = 1000;
/** How long a Sentinel that refuses the subscription is left alone. @unit milliseconds */
const REFUSED_DELAY_MS = 60_000;
/** Every so many questions the other nodes are asked for in any case. */
const INVENTORY_EVERY = 5;

/** Channels that announce a failover before its end; none is needed, each makes us look closer earlier. */
const EARLY_CHANNELS = [
  '+odown',
  '+try-failover',
  '+failover-state-send-slaveof-noone',
  '+promoted-slave',
  '+failover-end',
];

/** Settings of all Sentinels of one group. @internal */
export interface SentinelPeerOptions {
  readonly name: string;
  readonly connection: RedisConnectionOptions;
  /** How long a subscription may be silent. @unit milliseconds */
  readonly subscriptionSilenceMs: number;
}

/** What a peer reports to its watch. @internal */
export interface SentinelPeerListener {
  /** Its answer has changed, or it does not answer any more. */
  onAnswer(peer: SentinelPeer): void;
  /** Something is going on with our primary. */
  onSign(peer: SentinelPeer): void;
}

/**
 * One Sentinel: a connection that asks it, and one that listens to it. Neither is needed as long as others answer.
 *
 * @internal
 */
export class SentinelPeer {
  /** `ip:port` or `host:port` that is connected to. */
  readonly key: string;
  #connection: RedisConnection | null = null;
  #subscription: RedisConnection | null = null;
  #view: SentinelView | null = null;
  #inventory: SentinelInventory = NOTHING_TOLD;
  /** What its lists of replicas and Sentinels belong to; `null`: they are to be asked for again. */
  #inventorySubject: string | null = null;
  #isAsked = false;
  #isUnaware = false;
  #trouble: string | null = null;
  #timer: NodeJS.Timeout | undefined;
  #subscriptionTimer: NodeJS.Timeout | undefined;
  #subscriptionDelayMs = RESUBSCRIBE_MS;
  #questions = 0;
  #pace: WatchPace = 'calm';
  #isClosed = false;

  constructor(
    readonly address: NodeAddress,
    private readonly options: SentinelPeerOptions,
    private readonly listener: SentinelPeerListener,
  ) {
    this.key = endpointKey(address);
    this.#schedule(0);
    void this.#subscribe();
  }

  /** For an operator: as it was named, with the address where that was looked up. */
  get name(): string {
    const { host, port, ip } = this.address;
    return ip === undefined ? this.key : `${host}:${port} (${ip})`;
  }

  /** Whether it has answered, or failed to, at least once. */
  get isAsked(): boolean {
    return this.#isAsked;
  }

  /** Whether it answers, but does not know the group. */
  get isUnaware(): boolean {
    return this.#isUnaware;
  }

  /** Why it gives no answer, or `null`. */
  get trouble(): string | null {
    return this.#view || this.#trouble === null ? null : saidOf(this.#trouble, this.options.name);
  }

  /** Its last answer; `null` when it does not answer now. */
  get view(): SentinelView | null {
    return this.#view;
  }

  /** What it lists, as far as it has told since it answers; its id is kept. */
  get inventory(): SentinelInventory {
    return this.#inventory;
  }

  set pace(pace: WatchPace) {
    const isCloser = PERIODS[pace] < PERIODS[this.#pace];
    this.#pace = pace;
    if (isCloser) this.#schedule(0);
  }

  /** Asks now; `null` when it does not answer in time. */
  async ask(): Promise<SentinelView | null> {
    if (this.#isClosed) return null;
    try {
      const connection = (this.#connection ??= this.#open());
      await connection.connect();
      const isDue = this.#questions++ % INVENTORY_EVERY === 0;
      let view = isDue ? await this.#askEverything(connection) : await this.#askView(connection);
      // The list that belonged to the former primary says of the new one that it has no replica.
      if (view && subjectOf(view) !== this.#inventorySubject) view = await this.#askEverything(connection);
      this.#accept(view);
    } catch (error) {
      this.#isUnaware = false;
      this.#trouble = error instanceof ConnectionLostError ? error.reason : (error as Error).message;
      this.#connection?.destroy('the Sentinel did not answer');
      this.#connection = null;
      this.#accept(null);
    }
    return this.#view;
  }

  /** `SENTINEL CKQUORUM`; `null` when the Sentinel does not answer or may not tell. */
  async checkQuorum(): Promise<boolean | null> {
    try {
      // It may have been opened by another question, a moment ago.
      const connection = await this.#connection?.connect();
      await connection?.call('sentinel', 'CKQUORUM', this.options.name);
      return connection ? true : null;
    } catch (error) {
      return isReplyError(error) && error.message.startsWith('NOQUORUM') ? false : null;
    }
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#subscriptionTimer);
    this.#connection?.destroy('closed');
    this.#subscription?.destroy('closed');
  }

  #open(): RedisConnection {
    return new RedisConnection(this.address, this.options.connection);
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => {
      void this.ask().then(() => {
        this.#schedule(PERIODS[this.#pace]);
      });
    }, delayMs);
  }

  /** In one turn, so that both answers are of the same moment. */
  async #askEverything(connection: RedisConnection): Promise<SentinelView | null> {
    const [view, inventory] = await Promise.all([this.#askView(connection), this.#askInventory(connection)]);
    // Without an answer of the primary to its `INFO` a Sentinel knows of no replica, which does not mean that there is none.
    const isEmpty = view?.runId === null && inventory.replicas?.length === 0;
    this.#inventory = view
      ? { ...inventory, ...(isEmpty && { replicas: null }) }
      : { ...NOTHING_TOLD, id: inventory.id };
    const isComplete = !isEmpty && (inventory.replicas ?? []).every(({ runId }) => runId !== null);
    this.#inventorySubject = view && isComplete ? subjectOf(view) : null;
    return view;
  }

  async #askView(connection: RedisConnection): Promise<SentinelView | null> {
    const askedAt = performance.now();
    const { name } = this.options;
    this.#isUnaware = false;
    try {
      return parseView(await connection.call('sentinel', 'MASTER', name), askedAt, performance.now());
    } catch (error) {
      if (!isReplyError(error)) throw error;
      this.#trouble = error.message;
      this.#isUnaware = error.message.includes('No such master');
      if (!error.message.startsWith('NOPERM')) return null;
      const reply = await connection.call('sentinel', 'GET-MASTER-ADDR-BY-NAME', name);
      return parseAddressView(reply, askedAt, performance.now());
    }
  }

  /** Replicas, other Sentinels and the own id; whatever may not be asked for stays unknown. */
  async #askInventory(connection: RedisConnection): Promise<SentinelInventory> {
    const { name } = this.options;
    const ask = async (...args: string[]): Promise<unknown> => {
      try {
        return await connection.call('sentinel', ...args);
      } catch (error) {
        if (!isReplyError(error)) throw error;
        return null;
      }
    };
    const [replicas, sentinels, id] = await Promise.all([ask('REPLICAS', name), ask('SENTINELS', name), ask('MYID')]);
    // `SLAVES` is the older name, which an ACL may allow instead.
    return {
      replicas: parseReplicas(replicas ?? (await ask('SLAVES', name))),
      others: parseSentinels(sentinels),
      id: typeof id === 'string' ? id : null,
    };
  }

  #accept(view: SentinelView | null): void {
    this.#view = view;
    this.#isAsked = true;
    if (!this.#isClosed) this.listener.onAnswer(this);
  }

  async #subscribe(): Promise<void> {
    const subscription = new RedisConnection(this.address, {
      ...this.options.connection,
      silenceTimeoutMs: this.options.subscriptionSilenceMs,
      heartbeat: (connection) => void connection.call('ping').catch(() => undefined),
    });
    this.#subscription = subscription;
    subscription.onMessage((channel, message) => {
      if (!concerns(channel, message, this.options.name)) return;
      this.#schedule(0);
      this.listener.onSign(this);
    });
    subscription.onLost(() => {
      this.#resubscribeLater();
    });
    try {
      await subscription.connect();
      await subscription.call('subscribe', '+switch-master');
      // What was announced while nobody listened stays unheard: so it is asked for.
      this.#schedule(0);
    } catch (error) {
      // A user who may not subscribe is served by polling alone.
      this.#subscriptionDelayMs = isReplyError(error) ? REFUSED_DELAY_MS : RESUBSCRIBE_MS;
      subscription.destroy((error as Error).message);
      return;
    }
    await subscription.call('subscribe', ...EARLY_CHANNELS).catch(() => undefined);
  }

  #resubscribeLater(): void {
    clearTimeout(this.#subscriptionTimer);
    if (this.#isClosed) return;
    this.#subscriptionTimer = setTimeout(() => void this.#subscribe(), this.#subscriptionDelayMs);
  }
}

/** What a Sentinel answered, in words for an operator. */
function saidOf(message: string, name: string): string {
  if (message.startsWith('ERR No such master')) return `no master "${name}"`;
  return message.startsWith('ERR unknown command') ? 'it is not a Sentinel' : message;
}

/** What the lists of other nodes are a part of: with any of it they may have changed. */
function subjectOf({ name, epoch, replicaCount, sentinelCount, runId }: SentinelView): string {
  return [name, epoch, replicaCount, sentinelCount, runId].join(' ');
}

/** Whether a message of a Sentinel is about our primary: `<name> …`, `master <name> …` or `slave … @ <name> …`. */
function concerns(channel: string, message: string, name: string): boolean {
  const words = message.split(' ');
  if (channel === '+switch-master') return words[0] === name;
  return words[0] === 'master' ? words[1] === name : words[words.indexOf('@') + 1] === name;
}
