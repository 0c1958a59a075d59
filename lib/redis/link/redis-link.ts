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
import { CommandLane } from './command-lane.js';
import { ConnectionLostError } from '../connection/connection-lost.error.js';
import { GroupCommit } from '../replication/group-commit.js';
import { InvalidationFeed } from './invalidation-feed.js';
import { inspectLink, type SentinelInspection } from './link-inspection.js';
import { LinkJournal } from './link-journal.js';
import { OperationBook, type Operation, type OperationLimits } from './operation.js';
import type { PrimaryFinder } from '../primary/primary-finder.js';
import { PrimaryKeeper } from '../primary/primary-keeper.js';
import type { PrimaryNode } from '../primary/primary-node.js';
import { ProvisionalLog } from '../replication/provisional-log.js';
import type { RedisConnectionOptions } from '../connection/redis-connection.js';
import type { ReplicaAuthority } from '../replication/replica-authority.js';
import { meaningOf } from '../connection/server-reply.js';

/** What a link is made of. @internal */
export interface RedisLinkParts {
  readonly mode: 'standalone' | 'sentinel';
  readonly finder: PrimaryFinder;
  readonly connection: RedisConnectionOptions;
  readonly limits: OperationLimits & { readonly attemptTimeoutMs: number };
  /** How safe a change must be; `null`: the primary alone is enough. */
  readonly replication: { readonly authority: ReplicaAuthority; readonly isStrict: boolean } | null;
  /** Sentinel's side of an inspection. */
  readonly inspectSentinels?: (() => Promise<SentinelInspection>) | undefined;
}

/** An attempt that has not been executed by twice its time never will be, even by a server that was frozen meanwhile. */
const STAMP_ATTEMPTS = 2;

/**
 * The gate to one logical primary: operations wait here for a usable one, are sent, and sent again when the node or the
 * connection goes, until they are done or their deadline has come.
 *
 * @internal
 */
export class RedisLink implements SessionLink {
  readonly #journal = new LinkJournal();
  readonly #book: OperationBook;
  readonly #keeper: PrimaryKeeper;
  readonly #reads: CommandLane;
  readonly #writes: CommandLane;
  readonly #log: ProvisionalLog;
  #commits: GroupCommit | null = null;
  #feed: InvalidationFeed | null = null;
  /** Changes that were acknowledged too early and are being made again. */
  #restoring = 0;
  #clockOffsetMs = Date.now() - performance.now();
  #isClosed = false;
  #closing: Promise<void> | undefined;

  constructor(private readonly parts: RedisLinkParts) {
    this.#book = new OperationBook(parts.limits, () => this.#keeper.lastError ?? parts.finder.trouble);
    this.#log = new ProvisionalLog(parts.limits.maxWaitingBytes);
    const attempt = (operation: Operation): void => {
      this.#attempt(operation);
    };
    // What was acknowledged is made again before anybody reads.
    this.#reads = new CommandLane(attempt, () => this.#keeper.node !== null && this.#restoring === 0);
    this.#writes = new CommandLane(attempt, () => this.#keeper.node !== null);
    this.#keeper = new PrimaryKeeper(parts.finder, parts.connection, {
      onUsable: (node) => {
        this.#commits = this.#groupCommitOn(node);
        this.#feed?.follow(node);
        this.#journal.usable(node.key, node.runId);
        for (const lane of [this.#reads, this.#writes]) {
          lane.restart();
          lane.pump();
        }
      },
      onLost: (node, reason) => {
        this.#feed?.leave();
        this.#clockOffsetMs = node.clockOffsetMs ?? this.#clockOffsetMs;
        this.#journal.lost(node.key, reason, node.heardAt);
        for (const command of this.#log.clear()) this.#restore(command);
      },
    });
  }

  execute(command: LinkCommand, options?: LinkCommandOptions): Promise<unknown> {
    let operation: Operation;
    try {
      if (this.#isClosed) throw new SessionUnavailableError('closed', 'The connection to Redis is closed or closing.');
      operation = this.#book.enter(command, options?.signal);
    } catch (error) {
      return Promise.reject(error);
    }
    if (!this.#keeper.node) this.#journal.held();
    this.#laneOf(operation).add(operation);
    return operation.promise;
  }

  nowMs(): number {
    return Math.round(performance.now() + (this.#keeper.node?.clockOffsetMs ?? this.#clockOffsetMs));
  }

  status(): SessionLinkStatus {
    return {
      mode: this.parts.mode,
      state: this.#journal.state,
      primary: this.#journal.primary,
      waiting: this.#reads.queued + this.#writes.queued + (this.#commits?.waiting ?? 0),
      lastFailover: this.#journal.lastFailover,
    };
  }

  inspect(timeoutMs: number): Promise<SessionLinkInspection> {
    return inspectLink(this, timeoutMs, this.parts.inspectSentinels);
  }

  on<E extends keyof SessionLinkEvents>(event: E, listener: (payload: SessionLinkEvents[E]) => void): () => void {
    return this.#journal.on(event, listener);
  }

  watch({ prefix, proofPeriodMs, listener }: KeyWatchRequest): KeyWatch {
    this.#feed = new InvalidationFeed({
      prefix,
      proofPeriodMs,
      connection: this.parts.connection,
      // What a replica acknowledged under another primary is not told by the former one: so it must still be the primary.
      confirm: async () => this.#commits?.read(() => Promise.resolve()),
      listener,
      onRefused: (reason) => {
        this.#journal.nearCacheOff(reason);
      },
    });
    if (this.#keeper.node) this.#feed.follow(this.#keeper.node);
    return this.#feed;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    await this.#book.empty();
    this.#reads.stop();
    this.#writes.stop();
    this.#journal.closed();
    this.#feed?.leave();
    this.#keeper.close();
  }

  #attempt(operation: Operation): void {
    const node = this.#keeper.node;
    if (!node) throw new Error('unreachable: a lane is open only while there is a primary');
    this.#send(operation, node).then(
      (reply) => {
        this.#book.complete(operation, reply);
        this.#laneOf(operation).answered();
      },
      (error: unknown) => void this.#handle(operation, node, error),
    );
  }

  #send(operation: Operation, node: PrimaryNode): Promise<unknown> {
    const { command, isReplay, isWrite } = operation;
    const notAfterMs = (): number => this.#notAfterMs(operation);
    if (!this.#commits || isInspection(command)) return node.run(command, notAfterMs());
    if (!isWrite) return this.#commits.read(() => node.run(command, notAfterMs()));
    return this.#commits.commit({ command, isReplay, notAfterMs, isWanted: () => !operation.isSettled });
  }

  #groupCommitOn(node: PrimaryNode): GroupCommit | null {
    const { replication } = this.parts;
    if (!replication) return null;
    return new GroupCommit({
      ...replication,
      node,
      log: this.#log,
      onDegraded: (reason) => {
        this.#journal.degraded(node.key, reason);
      },
      onRecovered: () => {
        this.#journal.recovered(node.key);
      },
    });
  }

  /** Makes a change again that its caller was told to be stored, until it is. */
  #restore(command: LinkCommand): void {
    const operation = this.#book.enterAgain(command);
    this.#restoring++;
    this.#writes.putBack(operation);
    const finish = (): void => {
      this.#restoring--;
      this.#reads.pump();
    };
    operation.promise.then(finish, (error: unknown) => {
      finish();
      if (error instanceof SessionUnavailableError && !this.#isClosed) this.#restore(command);
    });
  }

  async #handle(operation: Operation, node: PrimaryNode, error: unknown): Promise<void> {
    const lane = this.#laneOf(operation);
    operation.lastError = error;
    switch (meaningOf(error)) {
      case 'final':
        this.#book.fail(operation, error);
        lane.answered();
        return;
      case 'elsewhere':
        if (!(error instanceof ConnectionLostError)) node.leave((error as Error).message);
        else if (error.isSent) operation.isReplay = true;
        this.#journal.takenBack(operation.isReplay);
        break;
      case 'later':
        lane.backOff();
        break;
      case 'clock':
        await node.sync(performance.now()).catch(() => undefined);
        break;
    }
    lane.takeBack(operation);
  }

  /** The latest moment, by Redis's clock, at which a change may still be executed. */
  #notAfterMs(operation: Operation): number {
    const now = performance.now();
    const allowed = Math.min(operation.deadlineAt - now, STAMP_ATTEMPTS * this.parts.limits.attemptTimeoutMs);
    return Math.floor(this.nowMs() + allowed);
  }

  #laneOf(operation: Operation): CommandLane {
    return operation.isWrite ? this.#writes : this.#reads;
  }
}

/** Whether it is the node itself that is asked, and not what it stores. */
function isInspection({ run }: LinkCommand): boolean {
  return typeof run === 'string' && run !== 'hgetall';
}
