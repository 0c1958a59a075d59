import type { RedisNodeOptions } from '../../options/redis.options.js';
import { ConnectionLostError, isReplyError, notSent } from './connection-lost.error.js';
import { addressKey, type NodeAddress } from './node-address.js';
import { openCommand, QuietRedis, type RedactedCommand } from './redacted-command.js';
import { connectorTo, discardSocket, type ConnectedSocket } from './redis-connector.js';

/** Settings of one connection. @internal */
export interface RedisConnectionOptions {
  readonly node: RedisNodeOptions;
  /** @unit milliseconds */
  readonly connectTimeoutMs: number;
  /** How long the peer may say nothing while an answer is due. @unit milliseconds */
  readonly silenceTimeoutMs: number;
  /** Asks for a sign of life; called when nothing was heard for a quarter of the silence allowed. */
  readonly heartbeat?: ((connection: RedisConnection) => void) | undefined;
}

/** Where Redis tells a RESP2 connection of changed keys; redis.io, "Client-side caching". @internal */
export const INVALIDATION_CHANNEL = '__redis__:invalidate';

/** What a server sends that takes no more clients. */
const FULL = '-ERR max number of clients';

/** Shares of the silence allowed: how often it is checked, and when a sign of life is asked for. */
const CHECKS_PER_SILENCE = 10;
const BEATS_PER_SILENCE = 4;

/**
 * One socket to one node, from its opening to its end; it never reconnects.
 *
 * @remarks
 * ioredis serves as the protocol driver alone. Timing, retries and discovery are ours, because a keep-alive cannot see a
 * stopped process, and because ioredis may execute a command again, or later, that its caller has given up.
 *
 * @internal
 */
export class RedisConnection {
  readonly key: string;
  readonly #redis: QuietRedis;
  readonly #options: RedisConnectionOptions;
  readonly #onLost: ((error: ConnectionLostError) => void)[] = [];
  #socket: ConnectedSocket | null = null;
  #lost: ConnectionLostError | null = null;
  #lastError: Error | null = null;
  #watchdog: NodeJS.Timeout | undefined;
  #outstanding = 0;
  /** Since when an answer is due: from the moment the question was written. */
  #waitingSince = Infinity;
  #heardAt = performance.now();
  /** Whether the peer has ever sent anything. */
  #hasHeard = false;
  /** What the server said before it closed the connection. */
  #farewell: string | null = null;
  #isCorked = false;
  readonly #beforeFlush: (() => void)[] = [];
  #opening: Promise<this> | undefined;

  constructor(
    readonly address: NodeAddress,
    options: RedisConnectionOptions,
  ) {
    this.key = addressKey(address);
    this.#options = options;
    this.#redis = new QuietRedis({
      ...options.node,
      host: address.host,
      port: address.port,
      ...(address.path === undefined ? {} : { path: address.path }),
      protocol: options.node.protocol ?? 2,
      Connector: connectorTo(address, options.connectTimeoutMs, (socket) => {
        this.#socket = socket;
        if (this.#lost) discardSocket(socket);
      }),
      lazyConnect: true,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      enableReadyCheck: false,
      disableClientInfo: true,
      maxRetriesPerRequest: null,
      retryStrategy: () => null,
    });
    this.#redis.on('error', (error: Error) => {
      this.#lastError = error;
      // ioredis goes on after a refused SELECT, in the wrong database.
      if (this.#redis.status === 'connect') this.destroy(error.message, error);
    });
    this.#redis.once('end', () => {
      this.destroy(this.#explain(this.#lastError?.message ?? 'closed by the server'), this.#lastError ?? undefined);
    });
  }

  /** Why the connection is unusable, or `null` while it is not. */
  get lost(): ConnectionLostError | null {
    return this.#lost;
  }

  /** When the peer was last heard of, on the clock of `performance.now()`. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** Calls back once when the connection is lost, also when it is already. */
  onLost(listener: (error: ConnectionLostError) => void): void {
    if (this.#lost) listener(this.#lost);
    else this.#onLost.push(listener);
  }

  /** Receives pub/sub messages. */
  onMessage(listener: (channel: string, message: string) => void): void {
    this.#redis.on('message', listener);
  }

  /**
   * Receives the names of keys that changed, once that is asked for; `null`: any key may have. RESP2 only.
   *
   * @remarks Anybody who may publish can send anything to this channel. A message that is not a list of names counts as
   *   "any key": it may make the cache colder, never wrong.
   */
  onInvalidation(listener: (keys: readonly string[] | null) => void): void {
    // The one message whose payload is no text: as a text, a list would lose its commas and `null` its meaning.
    this.#redis.on('messageBuffer', (channel: unknown, keys: unknown) => {
      if (String(channel) === INVALIDATION_CHANNEL) listener(Array.isArray(keys) ? keys.map(String) : null);
    });
  }

  /**
   * Opens the connection, authentication and database included.
   *
   * @throws ConnectionLostError when that does not succeed in time.
   */
  connect(): Promise<this> {
    return (this.#opening ??= this.#open());
  }

  async #open(): Promise<this> {
    const { connectTimeoutMs, silenceTimeoutMs } = this.#options;
    const timer = setTimeout(() => {
      this.destroy('no answer to the handshake in time');
    }, connectTimeoutMs + silenceTimeoutMs);
    this.#redis.once('connect', () => {
      this.#socket?.stream.on('data', (chunk: Buffer) => {
        this.#heardAt = performance.now();
        if (this.#hasHeard) return;
        this.#hasHeard = true;
        // A full server says so to whoever connects, whatever was asked, and closes.
        if (chunk.toString('utf8', 0, FULL.length) === FULL) this.#farewell = chunk.toString('utf8', 1).trimEnd();
      });
      // A turn of the event loop earlier than ioredis says so: Sentinel ends the connections of a node that it promotes.
      this.#socket?.stream.once('end', () => {
        this.destroy(this.#farewell ?? 'closed by the server');
      });
    });
    try {
      await this.#redis.connect();
    } catch (error) {
      const cause = this.#lastError ?? (error as Error);
      this.destroy(this.#explain(cause.message), cause);
    } finally {
      clearTimeout(timer);
    }
    if (this.#lost) throw this.#lost;
    this.#heardAt = performance.now();
    this.#watchdog = setInterval(() => {
      this.#check();
    }, silenceTimeoutMs / CHECKS_PER_SILENCE).unref();
    return this;
  }

  /**
   * Sends one command.
   *
   * @throws ConnectionLostError when the connection went before the answer came.
   * @throws the server's own error.
   */
  send(command: RedactedCommand): Promise<unknown> {
    if (this.#lost) return Promise.reject(notSent(this.#lost));
    // Nobody can answer before it is on its way, which a busy process may delay.
    if (this.#outstanding++ === 0) this.#waitingSince = Infinity;
    this.#cork();
    void this.#redis.sendCommand(command);
    return command.promise.then(
      () => {
        this.#outstanding--;
        return command.reply;
      },
      (error: unknown) => {
        this.#outstanding--;
        throw isReplyError(error) ? error : this.destroy((error as Error).message, error as Error);
      },
    );
  }

  /** Sends one command whose arguments anybody may see. */
  call(name: string, ...args: string[]): Promise<unknown> {
    return this.send(openCommand(name, ...args));
  }

  /** Drops the connection at once; what is in flight rejects. Nothing happens when it is lost already. */
  destroy(reason: string, cause?: Error): ConnectionLostError {
    if (this.#lost) return this.#lost;
    const lost = new ConnectionLostError(this.key, reason, cause ? { cause } : undefined);
    this.#lost = lost;
    clearInterval(this.#watchdog);
    this.#redis.disconnect();
    for (const listener of this.#onLost.splice(0)) listener(lost);
    return lost;
  }

  /** Calls back before what was sent in this turn of the event loop leaves, so that something can be sent after all of it. */
  beforeFlush(listener: () => void): void {
    this.#beforeFlush.push(listener);
    this.#cork();
    if (!this.#isCorked) this.flush();
  }

  /** Sends at once what waits for the end of this turn of the event loop. */
  flush(): void {
    for (const listener of this.#beforeFlush.splice(0)) listener();
    if (!this.#isCorked) return;
    this.#isCorked = false;
    if (this.#waitingSince === Infinity) this.#waitingSince = performance.now();
    this.#socket?.stream.uncork();
  }

  /** A server that wants TLS, and some proxies, drop a connection before they say anything: nothing else would tell why. */
  #explain(message: string): string {
    if (this.#farewell !== null) return this.#farewell;
    const isDropped = !this.#hasHeard && !this.#options.node.tls && /ECONNRESET|EPIPE|closed/i.test(message);
    return isDropped
      ? `${message}, before it said anything: does it want TLS, or is it a proxy without ROLE and INFO?`
      : message;
  }

  /** One system call for all commands of one turn of the event loop; ioredis alone makes one for each. */
  #cork(): void {
    const stream = this.#socket?.stream;
    if (this.#isCorked || !stream) return;
    this.#isCorked = true;
    stream.cork();
    setImmediate(() => {
      this.flush();
    });
  }

  #check(): void {
    const now = performance.now();
    if (this.#outstanding === 0 && now - this.#heardAt >= this.#options.silenceTimeoutMs / BEATS_PER_SILENCE) {
      this.#options.heartbeat?.(this);
    } else if (this.#isSilent(now)) {
      // When it was this process that stood still, the answer is waiting to be read: the verdict falls after that.
      setImmediate(() => {
        if (!this.#isSilent(performance.now())) return;
        this.destroy(`no answer within ${this.#options.silenceTimeoutMs} ms`);
      });
    }
  }

  #isSilent(now: number): boolean {
    const allowed = this.#options.silenceTimeoutMs;
    // The part that passes before a sign of life is asked for belongs to the silence.
    const sinceAsked = this.#options.heartbeat ? allowed * (1 - 1 / BEATS_PER_SILENCE) : allowed;
    return this.#outstanding > 0 && now - this.#heardAt >= allowed && now - this.#waitingSince >= sinceAsked;
  }
}
