import type { LinkCommand } from '../../core/session-link.js';
import { isReplyError, type ConnectionLostError } from '../connection/connection-lost.error.js';
import { addressKey } from '../connection/node-address.js';
import { inquire, parseInfo, parseRole, type NodeReport, type ToldRole } from '../connection/node-report.js';
import type { PrimaryChoice } from './primary-finder.js';
import { RedisConnection, type RedisConnectionOptions } from '../connection/redis-connection.js';
import { CommandRunner } from '../connection/script-call.js';
import { refusalOf } from '../connection/server-reply.js';

/** How often a primary in use is asked whether it still is one, and for the time. @unit milliseconds */
const INQUIRY_PERIOD_MS = 500;
const REPLICA = 'it is a replica';
/** Samples of the clock: the most advanced of them is the one that was delayed least. */
const CLOCK_SAMPLES = 8;

/**
 * The primary in use, from its opening until it is left: one connection for reads, and one for changes, since a `WAIT` or a
 * paused write blocks the connection it is on. Either lost means both are.
 *
 * @internal
 */
export class PrimaryNode {
  readonly key: string;
  readonly read: RedisConnection;
  readonly write: RedisConnection;
  readonly #reader: CommandRunner;
  readonly #writer: CommandRunner;
  readonly #clock: number[] = [];
  #clockOffsetMs: number | null = null;
  readonly #onReport: (() => void)[] = [];
  #waitsForOthers = false;
  #runId: string | null = null;
  #report: NodeReport | null = null;
  #timer: NodeJS.Timeout | undefined;
  #syncing: Promise<void> | undefined;
  #telling: Promise<ToldRole> | undefined;

  constructor(
    readonly choice: PrimaryChoice,
    options: RedisConnectionOptions,
  ) {
    this.key = addressKey(choice.address);
    const heartbeat = (connection: RedisConnection): void => void connection.call('ping').catch(() => undefined);
    this.read = new RedisConnection(choice.address, { ...options, heartbeat });
    this.write = new RedisConnection(choice.address, { ...options, heartbeat });
    this.read.onLost(({ reason }) => {
      this.leave(reason);
    });
    this.write.onLost(({ reason }) => {
      this.leave(reason);
    });
    this.#reader = new CommandRunner((command) => this.read.send(command));
    this.#writer = new CommandRunner((command) => this.write.send(command));
  }

  /** What it said of itself last. */
  get report(): NodeReport | null {
    return this.#report;
  }

  /** Commands that went after others that were to be sent later. */
  get deferredCount(): number {
    return this.#reader.deferredCount + this.#writer.deferredCount;
  }

  /**
   * Whether `WAIT` on a connection waits for changes that were made by others, too. Redis >= 7.2 waits for the connection's
   * own last write alone, so that a replay that finds its change done waits for nothing.
   */
  get waitsForOthers(): boolean {
    return this.#waitsForOthers;
  }

  /** Names the server's process that is read from; `null` when it may not be asked. */
  get runId(): string | null {
    return this.#runId;
  }

  /** Redis's clock less `performance.now()`, never ahead of the truth; `null` when it may not be asked. */
  get clockOffsetMs(): number | null {
    return this.#clockOffsetMs;
  }

  get heardAt(): number {
    return Math.max(this.read.heardAt, this.write.heardAt);
  }

  /**
   * Opens both connections and checks that they lead to a primary that serves and that takes sessions.
   *
   * @param probe - a change that a server runs when it takes sessions
   * @throws ConnectionLostError when they do not.
   */
  async open(probe: LinkCommand): Promise<this> {
    await Promise.all([this.read.connect(), this.write.connect()]);
    const [report, other, info, refusal] = await Promise.all([
      inquire(this.read),
      inquire(this.write),
      this.read.call('info', 'server').catch(() => null),
      this.run(probe, Number.MAX_SAFE_INTEGER).then(() => null, refusalOf),
    ]);
    this.#accept(report);
    const facts = parseInfo(info);
    this.#waitsForOthers = isBefore(facts.get('redis_version'), 7, 2);
    this.#runId = facts.get('run_id') ?? null;
    if (other.role === 'slave') this.leave(REPLICA);
    if (report.isSentinel) this.leave('it is a Sentinel; give it in `sentinels`, with the `name` of its group');
    if (refusal !== null) this.leave(`it refuses sessions: ${refusal}`);
    if (this.lost) throw this.lost;
    this.#timer = setInterval(() => void this.sync(performance.now()).catch(() => undefined), INQUIRY_PERIOD_MS);
    return this;
  }

  /** Calls back once when the node is no longer usable. */
  onLost(listener: (error: ConnectionLostError) => void): void {
    this.read.onLost(listener);
  }

  /** Calls back whenever the node has said again what it is. */
  onReport(listener: () => void): void {
    this.#onReport.push(listener);
  }

  /** Sends one command; resolves with the reply of this node alone. */
  run(command: LinkCommand, notAfterMs: number): Promise<unknown> {
    const isWrite = typeof command.run !== 'string' && command.run.isWrite;
    return (isWrite ? this.#writer : this.#reader).run(command, notAfterMs);
  }

  /** Why the node is not usable any more, or `null`. */
  get lost(): ConnectionLostError | null {
    return this.read.lost;
  }

  /**
   * Asks the node what it is and what time it has, unless it was asked at `sinceAt` or later; many callers share one question.
   *
   * @throws ConnectionLostError
   */
  async sync(sinceAt: number): Promise<void> {
    await this.#syncing;
    if (this.#report && this.#report.askedAt >= sinceAt) return;
    this.#syncing ??= inquire(this.read)
      .then((report) => {
        this.#accept(report);
      })
      .finally(() => {
        this.#syncing = undefined;
      });
    await this.#syncing;
  }

  /**
   * What the node says it is once it has executed all reads sent so far; all reads of one turn of the event loop share one
   * question, and get the same promise. A role that it may not tell is `null`.
   *
   * @throws ConnectionLostError
   */
  tell(): Promise<ToldRole> {
    this.#telling ??= new Promise((resolve, reject) => {
      this.read.beforeFlush(() => {
        this.#telling = undefined;
        askRole(this.read).then(resolve, reject);
      });
    });
    return this.#telling;
  }

  /** The same for all changes sent so far. @throws ConnectionLostError */
  tellOfChanges(): Promise<ToldRole> {
    return askRole(this.write);
  }

  /** Stops using the node: what is in flight rejects, and nothing already written to the sockets is delivered later. */
  leave(reason: string): void {
    clearInterval(this.#timer);
    this.read.destroy(reason);
    this.write.destroy(reason);
  }

  #accept(report: NodeReport): void {
    this.#report = report;
    if (report.role === 'slave') this.leave(REPLICA);
    else if (report.isLoading) this.leave('it is loading its data set');
    if (report.clockOffsetMs !== null) this.#setClock(report.clockOffsetMs);
    for (const listener of this.#onReport) listener();
  }

  #setClock(offsetMs: number): void {
    const latest = this.#clock.at(-1);
    // A step of the server's clock makes all earlier samples worthless.
    if (latest !== undefined && Math.abs(offsetMs - latest) > 1000) this.#clock.length = 0;
    this.#clock.push(offsetMs);
    if (this.#clock.length > CLOCK_SAMPLES) this.#clock.shift();
    this.#clockOffsetMs = Math.max(...this.#clock);
  }
}

/** What the node says it is; nothing where that may not be asked. @throws ConnectionLostError */
function askRole(connection: RedisConnection): Promise<ToldRole> {
  return connection.call('role').then(parseRole, (error: unknown) => {
    if (isReplyError(error)) return parseRole(null);
    throw error;
  });
}

/** Whether a version, where it is known, is older than another. */
function isBefore(version: string | undefined, major: number, minor: number): boolean {
  const [ownMajor = Infinity, ownMinor = Infinity] = (version ?? '')
    .split('.')
    .map((part) => (part === '' ? Infinity : Number(part)));
  return ownMajor < major || (ownMajor === major && ownMinor < minor);
}
