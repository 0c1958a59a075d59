import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster, Redis } from 'ioredis';
import type { KeyWatch, KeyWatchRequest } from '../../core/key-watch.js';
import { isReplyError } from '../connection/connection-lost.error.js';
import type { RedactedCommand } from '../connection/redacted-command.js';
import { CommandRunner } from '../connection/script-call.js';
import { meaningOf } from '../connection/server-reply.js';
import { copyBytes, type WaitingMemory } from '../connection/waiting-memory.js';
import { ClientClock } from './client-clock.js';
import type { Operation } from './operation.js';
import type { Recovery, Route, RouteListener } from './route.js';

/** What a route over an ioredis client is made of. @internal */
export interface ClientRouteParts<Client extends Redis | Cluster = Redis | Cluster> {
  readonly mode: 'cluster' | 'client';
  readonly client: Client;
  /** Time one attempt may take. @unit milliseconds */
  readonly attemptTimeoutMs: number;
  /** In which copies are counted that the client still holds although another was sent. */
  readonly memory: WaitingMemory;
}

/** One try to have an operation done. */
interface Attempt {
  /** The last command of it, since a script may have to be brought. */
  readonly command: RedactedCommand | undefined;
  readonly reply: Promise<unknown>;
}

/** Pause before an operation is sent again. @unit milliseconds */
const RETRY_MS = 100;

/**
 * The route over an ioredis client that finds its servers itself: one that the application has made.
 *
 * @remarks
 * A client of the application keeps its own settings. With ioredis's defaults it hangs on a frozen server and stays on a
 * demoted one; then operations fail at their deadline instead of being moved.
 *
 * @internal
 */
export class ClientRoute<Client extends Redis | Cluster = Redis | Cluster> implements Route {
  readonly mode;
  /** ioredis finds the servers itself, and connects with the first command. */
  readonly isOpen = true;
  readonly waiting = 0;
  protected readonly client: Client;
  readonly #attemptTimeoutMs: number;
  readonly #memory: WaitingMemory;
  /** Attempts without a reply. */
  readonly #attempts = new WeakMap<Operation, Attempt>();
  readonly #listener: RouteListener;
  readonly #runner: CommandRunner;
  readonly #clock: ClientClock;
  #isReady = false;
  /** Why the last attempt got no reply. */
  #lastError: Error | null = null;
  readonly #onReady = (): void => {
    this.#isReady = true;
    this.#listener.onUsable(nameOf(this.client));
    void this.#clock.read();
  };
  readonly #onClose = (): void => {
    if (!this.#isReady) return;
    this.#isReady = false;
    this.#listener.onLost(nameOf(this.client), 'the client lost its connection', performance.now());
  };

  constructor({ mode, client, attemptTimeoutMs, memory }: ClientRouteParts<Client>, listener: RouteListener) {
    this.mode = mode;
    this.client = client;
    this.#attemptTimeoutMs = attemptTimeoutMs;
    this.#memory = memory;
    this.#listener = listener;
    this.#runner = new CommandRunner((command) => this.#send(command));
    this.#clock = new ClientClock(client, (reply) => this.withinAttempt(reply));
    client.on('ready', this.#onReady);
    client.on('close', this.#onClose);
    if (client.status === 'ready') setImmediate(this.#onReady);
  }

  get trouble(): Error | null {
    return this.#lastError;
  }

  /** A client that its owner has closed is never opened again by us. */
  get end(): Error | null {
    return this.client.status === 'end' ? new Error('the ioredis client has been closed by the application') : null;
  }

  get clockOffsetMs(): number {
    return this.#clock.offsetMs;
  }

  send(operation: Operation, notAfterMs: () => number): Promise<unknown> {
    const attempt = this.#attempts.get(operation) ?? this.#begin(operation, notAfterMs());
    return this.withinAttempt(attempt.reply).then(async (value) => {
      this.#lastError = null;
      if (attempt.command && operation.isWrite) await this.confirm(attempt.command, operation);
      return value;
    });
  }

  /** What is not the server's own reply tells of the connection, which ioredis makes again. */
  async recover(operation: Operation, error: unknown): Promise<Recovery> {
    const meaning = isReplyError(error) ? meaningOf(error) : 'elsewhere';
    if (meaning === 'final') return 'failed';
    this.#lastError = error as Error;
    operation.isReplay = true;
    this.#giveUp(operation);
    if (meaning === 'clock') learnClock(operation, (error as Error).message);
    else await delay(RETRY_MS);
    return 'again';
  }

  inspectSentinels(): Promise<null> {
    return Promise.resolve(null);
  }

  /** Refused: in a Cluster each slot would need a watch of its own, and of a given client nobody sees when it reconnects. */
  watch({ listener }: KeyWatchRequest): KeyWatch {
    const reason = this.client.isCluster
      ? 'it does not work with a Redis Cluster; leave `nearCache` out'
      : "it needs connections of its own beside the application's client; give the options of the connection as `redis` " +
        'instead of a client, or leave `nearCache` out';
    // Not before the caller could subscribe to the event.
    setImmediate(() => {
      listener.onRefused(reason);
      this.#listener.onNearCacheOff(reason);
    });
    return { provenAt: -Infinity };
  }

  close(): void {
    this.#clock.stop();
    this.client.off('ready', this.#onReady);
    this.client.off('close', this.#onClose);
  }

  /** Resolves once a change counts as done; here as soon as the server has made it. */
  protected confirm(_command: RedactedCommand, _operation: Operation): Promise<void> {
    return Promise.resolve();
  }

  /** The client may never answer: ioredis <= 6.0.0 forgets commands of a lost connection with certain settings. */
  protected withinAttempt(reply: Promise<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`no answer within ${this.#attemptTimeoutMs} ms`));
      }, this.#attemptTimeoutMs);
      reply.then(resolve, reject).finally(() => {
        clearTimeout(timer);
      });
    });
  }

  #begin(operation: Operation, notAfterMs: number): Attempt {
    let sent: RedactedCommand | undefined;
    const reply = this.#runner.run(operation.command, notAfterMs, (command) => {
      sent = command;
      return this.#send(command);
    });
    const attempt: Attempt = {
      get command() {
        return sent;
      },
      reply,
    };
    const end = (): void => {
      this.#attempts.delete(operation);
    };
    this.#attempts.set(operation, attempt);
    reply.then(end, end);
    return attempt;
  }

  /**
   * Leaves an attempt that got no reply. What the client still holds of it counts as held; without room for another copy the
   * operation goes on with the attempt that it has.
   */
  #giveUp(operation: Operation): void {
    const command = this.#attempts.get(operation)?.command;
    if (!command) return;
    // The client's promise holds the arguments, too, which the operation counts only as long as it lasts.
    const bytes = operation.isSettled ? operation.bytes : copyBytes(operation.command);
    if (command.isOnItsWay && !operation.isSettled && !this.#memory.hasRoomFor(bytes)) return;
    this.#attempts.delete(operation);
    this.#memory.take(bytes);
    command.giveUp(() => {
      this.#memory.free(bytes);
    });
  }

  #send(command: RedactedCommand): Promise<unknown> {
    this.client.sendCommand(command);
    return command.replied;
  }
}

/** Names the server of a client in events and reports. */
function nameOf(client: Redis | Cluster): string {
  if (client.isCluster) return 'cluster';
  const { path, host, port } = (client as Redis).options;
  return path ?? `${host ?? 'localhost'}:${port ?? 6379}`;
}

/** `LATE <now>`: the clock of the server that serves this operation is ahead of what was known. */
function learnClock(operation: Operation, message: string): void {
  const now = Number(message.split(' ')[1]);
  if (Number.isFinite(now)) operation.clockOffsetMs = now - performance.now();
}
