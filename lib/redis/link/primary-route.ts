import type { KeyWatch, KeyWatchRequest } from '../../core/key-watch.js';
import type { LinkCommand } from '../../core/session-link.js';
import { ConnectionLostError } from '../connection/connection-lost.error.js';
import type { RedisConnectionOptions } from '../connection/redis-connection.js';
import { meaningOf } from '../connection/server-reply.js';
import type { WaitingMemory } from '../connection/waiting-memory.js';
import type { PrimaryFinder } from '../primary/primary-finder.js';
import { PrimaryKeeper } from '../primary/primary-keeper.js';
import type { PrimaryNode } from '../primary/primary-node.js';
import { GroupCommit } from '../replication/group-commit.js';
import { ProvisionalLog } from '../replication/provisional-log.js';
import type { ReplicaAuthority } from '../replication/replica-authority.js';
import { InvalidationFeed } from './invalidation-feed.js';
import type { Operation } from './operation.js';
import type { Recovery, Route, RouteListener, SentinelInspection } from './route.js';

/** What the route to one logical primary is made of. @internal */
export interface PrimaryRouteParts {
  readonly mode: 'standalone' | 'sentinel';
  readonly finder: PrimaryFinder;
  readonly connection: RedisConnectionOptions;
  /** A change that a server runs when it takes sessions. */
  readonly probe: LinkCommand;
  /** In which changes that were acknowledged by what one Sentinel says are counted while they are kept. */
  readonly memory: WaitingMemory;
  /** How safe a change must be; `null`: the primary alone is enough. */
  readonly replication: { readonly authority: ReplicaAuthority; readonly isStrict: boolean } | null;
  /** Asks the Sentinels; `null` without Sentinel. */
  readonly inspectSentinels: (() => Promise<SentinelInspection>) | null;
}

/**
 * The route to one logical primary, behind Sentinel or at a fixed address, over connections of our own.
 *
 * @internal
 */
export class PrimaryRoute implements Route {
  readonly mode;
  readonly #parts: PrimaryRouteParts;
  readonly #listener: RouteListener;
  readonly #keeper: PrimaryKeeper;
  readonly #log: ProvisionalLog;
  /** The primary in use, or `null` while one is looked for. */
  #node: PrimaryNode | null = null;
  #commits: GroupCommit | null = null;
  #feed: InvalidationFeed | null = null;
  #formerClockOffsetMs = Date.now() - performance.now();

  constructor(parts: PrimaryRouteParts, listener: RouteListener) {
    this.mode = parts.mode;
    this.#parts = parts;
    this.#listener = listener;
    this.#log = new ProvisionalLog(parts.memory);
    this.#keeper = new PrimaryKeeper(parts.finder, parts.connection, parts.probe, {
      onUsable: (node) => {
        this.#node = node;
        this.#commits = this.#groupCommitOn(node);
        this.#feed?.follow(node);
        listener.onUsable(node.key, node);
      },
      onLost: (node, reason) => {
        this.#node = null;
        this.#feed?.leave();
        this.#formerClockOffsetMs = this.#clockOffsetOf(node);
        listener.onLost(node.key, reason, node.heardAt);
        listener.onUnconfirmed(this.#log.clear());
      },
    });
  }

  get isOpen(): boolean {
    return this.#node !== null;
  }

  get trouble(): Error | null {
    if (this.#node) return null;
    return troubleOf(this.#parts.finder.trouble, this.#keeper.lastError);
  }

  /** A primary may come back at any time. */
  readonly end = null;

  get clockOffsetMs(): number {
    const node = this.#node;
    return node ? this.#clockOffsetOf(node) : this.#formerClockOffsetMs;
  }

  get waiting(): number {
    return this.#commits?.waiting ?? 0;
  }

  send(operation: Operation, notAfterMs: () => number): Promise<unknown> {
    const { command, isReplay, isWrite } = operation;
    const node = this.#node;
    if (!node) throw new Error('unreachable: nothing is sent while the route is closed');
    operation.node = node;
    if (!this.#commits || isInspection(command)) return node.run(command, notAfterMs());
    if (!isWrite) return this.#commits.read(() => node.run(command, notAfterMs()));
    return this.#commits.commit({ command, isReplay, notAfterMs, isWanted: () => !operation.isSettled });
  }

  async recover(operation: Operation, error: unknown): Promise<Recovery> {
    switch (meaningOf(error)) {
      case 'final':
        return 'failed';
      case 'elsewhere':
        if (!(error instanceof ConnectionLostError)) operation.node?.leave((error as Error).message);
        else if (error.isSent) operation.isReplay = true;
        return 'again';
      case 'later':
        return 'slowly';
      case 'clock':
        await operation.node?.sync(performance.now()).catch(() => undefined);
        return 'again';
    }
  }

  inspectSentinels(): Promise<SentinelInspection | null> {
    return this.#parts.inspectSentinels?.() ?? Promise.resolve(null);
  }

  watch({ prefix, proofPeriodMs, listener }: KeyWatchRequest): KeyWatch {
    this.#feed = new InvalidationFeed({
      prefix,
      proofPeriodMs,
      connection: this.#parts.connection,
      // What a replica acknowledged under another primary is not told by the former one: so it must still be the primary.
      confirm: async () => this.#commits?.read(() => Promise.resolve()),
      listener,
      onRefused: (reason) => {
        this.#listener.onNearCacheOff(reason);
      },
    });
    if (this.#node) this.#feed.follow(this.#node);
    return this.#feed;
  }

  close(): void {
    this.#feed?.leave();
    this.#keeper.close();
  }

  #groupCommitOn(node: PrimaryNode): GroupCommit | null {
    const { replication } = this.#parts;
    if (!replication) return null;
    return new GroupCommit({
      ...replication,
      node,
      log: this.#log,
      onDegraded: (reason) => {
        this.#listener.onDegraded(node.key, reason);
      },
      onRecovered: () => {
        this.#listener.onRecovered(node.key);
      },
    });
  }

  #clockOffsetOf(node: PrimaryNode): number {
    return node.clockOffsetMs ?? this.#formerClockOffsetMs;
  }
}

/** Whether it is the node itself that is asked, and not what it stores. */
function isInspection({ run }: LinkCommand): boolean {
  return typeof run === 'string' && run !== 'hgetall';
}

/** What is wrong with the way to the primary, and with the node that was tried last. */
function troubleOf(found: Error | undefined, tried: unknown): Error | null {
  const cause = tried instanceof Error ? tried : undefined;
  const node = tried instanceof ConnectionLostError ? `Redis ${tried.address}: ${tried.reason}` : cause?.message;
  const said = [found?.message, node].filter((text) => text !== undefined);
  return said.length === 0 ? null : new Error(said.join('; '), { cause });
}
