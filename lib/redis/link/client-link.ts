import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster, Redis } from 'ioredis';
import type { KeyWatch, KeyWatchRequest } from '../../core/key-watch.js';
import type {
  LinkCommand,
  LinkCommandOptions,
  SessionLink,
  SessionLinkInspection,
  SessionLinkStatus,
} from '../../core/session-link.js';
import type { SessionLinkEvents } from '../../core/session-link-events.js';
import { SessionUnavailableError } from '../../errors/session-unavailable.error.js';
import { ClusterReplication } from '../replication/cluster-replication.js';
import { CommandLane } from './command-lane.js';
import { isReplyError } from '../connection/connection-lost.error.js';
import { inspectLink } from './link-inspection.js';
import { LinkJournal } from './link-journal.js';
import { OperationBook, type Operation, type OperationLimits } from './operation.js';
import type { RedactedCommand } from '../connection/redacted-command.js';
import { CommandRunner } from '../connection/script-call.js';
import { meaningOf } from '../connection/server-reply.js';

/** What a link over an ioredis client is made of. @internal */
export interface ClientLinkParts {
  readonly mode: 'cluster' | 'client';
  readonly client: Redis | Cluster;
  /** Whether a change must reach replicas, and at least one in any case. */
  readonly replication?: { readonly isStrict: boolean } | undefined;
  readonly limits: OperationLimits & { readonly attemptTimeoutMs: number };
  /** Closes what was opened for this link; nothing when the client is the application's. */
  readonly close: () => void;
}

/** Pause before an operation is sent again. @unit milliseconds */
const RETRY_MS = 100;
/** How often the servers are asked for the time. @unit milliseconds */
const CLOCK_PERIOD_MS = 10_000;
/** An attempt that has not been executed by twice its time never will be. */
const STAMP_ATTEMPTS = 2;

/**
 * The gate over an ioredis client, which finds its servers itself: a Cluster, or whatever the application has made. Deadlines,
 * bounds, retries and stamps are those of the other links.
 *
 * @remarks
 * A client of the application keeps its own settings. With ioredis's defaults it hangs on a frozen server and stays on a
 * demoted one; then operations fail at their deadline instead of being moved.
 *
 * @internal
 */
export class ClientLink implements SessionLink {
  readonly #journal = new LinkJournal();
  readonly #book: OperationBook;
  readonly #lane: CommandLane;
  readonly #runner: CommandRunner;
  readonly #replication: ClusterReplication | null;
  readonly #onReady = (): void => {
    this.#journal.usable(this.#name());
    void this.#readClocks();
  };
  readonly #onClose = (): void => {
    if (this.#journal.state === 'ready')
      this.#journal.lost(this.#name(), 'the client lost its connection', performance.now());
  };
  #clockOffsetMs = Date.now() - performance.now();
  #clockTimer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor(private readonly parts: ClientLinkParts) {
    const { client, limits } = parts;
    this.#book = new OperationBook(limits, () => undefined);
    this.#lane = new CommandLane(
      (operation) => void this.#attempt(operation),
      () => true,
    );
    this.#runner = new CommandRunner((command) => this.#send(command));
    this.#replication =
      parts.replication && isCluster(client)
        ? new ClusterReplication(
            client,
            parts.replication.isStrict,
            (reply) => this.#withinAttempt(reply),
            (isAlone) => {
              if (isAlone) this.#journal.degraded(this.#name(), 'the Cluster lists no replica for a slot');
              else this.#journal.recovered(this.#name());
            },
          )
        : null;
    client.on('ready', this.#onReady);
    client.on('close', this.#onClose);
    if (client.status === 'ready') setImmediate(this.#onReady);
    this.#clockTimer = setInterval(() => void this.#readClocks(), CLOCK_PERIOD_MS).unref();
  }

  execute(command: LinkCommand, options?: LinkCommandOptions): Promise<unknown> {
    let operation: Operation;
    try {
      if (this.#closing) throw new SessionUnavailableError('closed', 'The connection to Redis is closed or closing.');
      operation = this.#book.enter(command, options?.signal);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#lane.add(operation);
    return operation.promise;
  }

  nowMs(): number {
    return Math.round(performance.now() + this.#clockOffsetMs);
  }

  status(): SessionLinkStatus {
    return {
      mode: this.parts.mode,
      state: this.#journal.state,
      primary: this.#journal.primary,
      waiting: this.#lane.queued,
      lastFailover: this.#journal.lastFailover,
    };
  }

  inspect(timeoutMs: number): Promise<SessionLinkInspection> {
    return inspectLink(this, timeoutMs, undefined);
  }

  on<E extends keyof SessionLinkEvents>(event: E, listener: (payload: SessionLinkEvents[E]) => void): () => void {
    return this.#journal.on(event, listener);
  }

  /** Refused: in a Cluster each slot would need a watch of its own, and of a given client nobody sees when it reconnects. */
  watch({ listener }: KeyWatchRequest): KeyWatch {
    const reason =
      this.parts.mode === 'cluster' || isCluster(this.parts.client)
        ? 'it does not work with a Redis Cluster; leave `nearCache` out'
        : "it needs connections of its own beside the application's client; give the options of the connection as `redis` " +
          'instead of a client, or leave `nearCache` out';
    // Not before the caller could subscribe to the event.
    setImmediate(() => {
      listener.onRefused(reason);
      this.#journal.nearCacheOff(reason);
    });
    return { provenAt: -Infinity };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    // Operations that come from now on are refused before this resolves.
    await Promise.resolve();
    await this.#book.empty();
    this.#lane.stop();
    this.#journal.closed();
    clearInterval(this.#clockTimer);
    this.parts.client.off('ready', this.#onReady);
    this.parts.client.off('close', this.#onClose);
    this.parts.close();
  }

  async #attempt(operation: Operation): Promise<void> {
    try {
      const reply = await this.#run(operation);
      this.#book.complete(operation, reply);
      this.#lane.answered();
    } catch (error) {
      operation.lastError = error;
      if (isReplyError(error) && meaningOf(error) === 'final') {
        this.#book.fail(operation, error);
        this.#lane.answered();
        return;
      }
      operation.isReplay = true;
      if (meaningOf(error) === 'clock') learnClock(operation, (error as Error).message);
      else await delay(RETRY_MS);
      this.#lane.takeBack(operation);
    }
  }

  #send(command: RedactedCommand): Promise<unknown> {
    this.parts.client.sendCommand(command);
    return command.promise;
  }

  async #run(operation: Operation): Promise<unknown> {
    let sent: RedactedCommand | undefined;
    const reply = await this.#withinAttempt(
      this.#runner.run(operation.command, this.#notAfterMs(operation), (command) => {
        sent = command;
        return this.#send(command);
      }),
    );
    if (this.#replication && sent && operation.isWrite)
      await this.#replication.confirm(sent, () => !operation.isSettled);
    return reply;
  }

  /** The client may never answer: ioredis <= 6.0.0 forgets commands of a lost connection with certain settings. */
  #withinAttempt(reply: Promise<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`no answer within ${this.parts.limits.attemptTimeoutMs} ms`));
      }, this.parts.limits.attemptTimeoutMs);
      reply.then(resolve, reject).finally(() => {
        clearTimeout(timer);
      });
    });
  }

  #notAfterMs(operation: Operation): number {
    const now = performance.now();
    const allowed = Math.min(operation.deadlineAt - now, STAMP_ATTEMPTS * this.parts.limits.attemptTimeoutMs);
    return Math.floor(now + (operation.clockOffsetMs ?? this.#clockOffsetMs) + allowed);
  }

  /** Servers of a Cluster have clocks of their own: the slowest of them decides, so that nothing is executed too late. */
  async #readClocks(): Promise<void> {
    const { client } = this.parts;
    const servers = isCluster(client) ? client.nodes('master') : [client];
    const offsets = await Promise.all(
      servers.map(async (server) => {
        const [seconds, microseconds] = (await this.#withinAttempt(server.time())) as [string, string];
        return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000) - performance.now();
      }),
    ).catch(() => []);
    if (offsets.length > 0) this.#clockOffsetMs = Math.min(...offsets);
  }

  #name(): string {
    const { client, mode } = this.parts;
    if (isCluster(client)) return mode;
    const { path, host, port } = client.options;
    return path ?? `${host ?? 'localhost'}:${port ?? 6379}`;
  }
}

/** Told by what it says, not by `instanceof`: the application may use another copy of ioredis. */
function isCluster(client: Redis | Cluster): client is Cluster {
  return client.isCluster;
}

/** `LATE <now>`: the clock of the server that serves this operation is ahead of what was known. */
function learnClock(operation: Operation, message: string): void {
  const now = Number(message.split(' ')[1]);
  if (Number.isFinite(now)) operation.clockOffsetMs = now - performance.now();
}
