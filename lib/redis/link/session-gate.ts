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
import { isReplyError } from '../connection/connection-lost.error.js';
import { codeOf, refusalIn } from '../connection/server-reply.js';
import { WaitingMemory } from '../connection/waiting-memory.js';
import { CommandLane } from './command-lane.js';
import { inspectLink } from './link-inspection.js';
import { LinkJournal } from './link-journal.js';
import { OperationBook, type Operation, type OperationLimits } from './operation.js';
import { OutageWatch } from './outage-watch.js';
import type { Route, RouteFactory, RouteListener } from './route.js';

/** An attempt that has not been executed by twice its time never will be, even by a server that was frozen meanwhile. */
const STAMP_ATTEMPTS = 2;

/** How long the first primary is looked for until the log says why there is none. @unit milliseconds */
const START_PATIENCE_MS = 2000;

/** Bounds of a gate. @internal */
export interface GateLimits extends OperationLimits {
  /** Time one attempt may take. @unit milliseconds */
  readonly attemptTimeoutMs: number;
  /** Memory that waiting operations may hold. @unit bytes */
  readonly maxWaitingBytes: number;
}

/** What a gate is made of. @internal */
export interface SessionGateParts {
  readonly limits: GateLimits;
  /** A change that a server runs when it takes sessions. */
  readonly probe: LinkCommand;
  readonly makeRoute: RouteFactory;
}

/**
 * The one gate that all operations pass: they wait here for a usable primary, are sent along the route, and sent again when
 * the node or the connection goes, until they are done or their deadline has come.
 *
 * @internal
 */
export class SessionGate implements SessionLink {
  readonly #limits: GateLimits;
  readonly #probe: LinkCommand;
  readonly #route: Route;
  readonly #journal = new LinkJournal();
  readonly #book: OperationBook;
  readonly #reads: CommandLane;
  readonly #writes: CommandLane;
  readonly #outage: OutageWatch;
  /** Changes that were acknowledged too early and are being made again. */
  #restoring = 0;
  #closing: Promise<void> | undefined;

  constructor({ limits, probe, makeRoute }: SessionGateParts) {
    this.#limits = limits;
    this.#probe = probe;
    const memory = new WaitingMemory(limits.maxWaitingBytes);
    this.#book = new OperationBook(limits, memory, () => this.#route.trouble);
    const attempt = (operation: Operation): void => {
      this.#attempt(operation);
    };
    // What was acknowledged is made again before anybody reads.
    this.#reads = new CommandLane(attempt, () => this.#route.isOpen && this.#restoring === 0);
    this.#writes = new CommandLane(attempt, () => this.#route.isOpen);
    const journal = this.#journal;
    this.#outage = new OutageWatch(
      () => this.#route.trouble,
      (outage) => {
        journal.unavailable(outage);
      },
    );
    this.#outage.begin(START_PATIENCE_MS);
    const listener: RouteListener = {
      onUsable: (name, server) => {
        this.#outage.end();
        journal.usable(name, server);
        for (const lane of [this.#reads, this.#writes]) {
          lane.restart();
          lane.pump();
        }
      },
      onLost: (name, reason, heardAt) => {
        // A failover may take so long; from then on requests fail.
        this.#outage.begin(limits.operationTimeoutMs);
        journal.lost(name, reason, heardAt);
        if (this.#closing) this.#book.dropBackground();
      },
      onUnconfirmed: (commands) => {
        for (const command of commands) this.#restore(command);
      },
      onDegraded: (name, reason) => {
        journal.degraded(name, reason);
      },
      onRecovered: (name) => {
        journal.recovered(name);
      },
      onNearCacheOff: (reason) => {
        journal.nearCacheOff(reason);
      },
      onGroupUnknown: (sentinels) => {
        journal.groupUnknown(sentinels);
      },
    };
    this.#route = makeRoute(listener, memory);
  }

  execute(command: LinkCommand, options?: LinkCommandOptions): Promise<unknown> {
    let operation: Operation;
    try {
      this.#requireUsable();
      operation = this.#book.enter(command, options);
    } catch (error) {
      return Promise.reject(error);
    }
    if (!this.#route.isOpen) this.#journal.held();
    this.#laneOf(operation).add(operation);
    return operation.promise;
  }

  async ready(): Promise<void> {
    try {
      await this.execute(this.#probe);
    } catch (error) {
      if (!isReplyError(error)) throw error;
      throw new SessionUnavailableError('refused', `Redis refuses sessions: ${codeOf(error)}.`, { cause: error });
    }
  }

  nowMs(): number {
    return Math.round(performance.now() + this.#route.clockOffsetMs);
  }

  status(): SessionLinkStatus {
    return {
      mode: this.#route.mode,
      state: this.#journal.state,
      primary: this.#journal.primary,
      oldestMs: this.#book.oldestMs,
      totals: { ...this.#journal.totals },
      waiting: this.#reads.queued + this.#writes.queued + this.#route.waiting,
      lastFailover: this.#journal.lastFailover,
      trouble: this.#route.trouble?.message ?? null,
    };
  }

  inspect(timeoutMs: number): Promise<SessionLinkInspection> {
    return inspectLink(this, { timeoutMs, probe: this.#probe, inspectSentinels: () => this.#route.inspectSentinels() });
  }

  on<E extends keyof SessionLinkEvents>(event: E, listener: (payload: SessionLinkEvents[E]) => void): () => void {
    return this.#journal.on(event, listener);
  }

  watch(request: KeyWatchRequest): KeyWatch {
    return this.#route.watch(request);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    // Operations that come from now on are refused before this resolves.
    await Promise.resolve();
    if (!this.#isUsable) this.#book.dropBackground();
    await this.#book.empty();
    this.#reads.stop();
    this.#writes.stop();
    this.#outage.end();
    this.#journal.closed();
    this.#route.close();
  }

  get #isUsable(): boolean {
    const { state } = this.#journal;
    return state === 'ready' || state === 'degraded';
  }

  #requireUsable(): void {
    if (this.#closing) throw closedError(new Error('the application shuts down'));
    const { end } = this.#route;
    if (end) throw closedError(end);
  }

  #attempt(operation: Operation): void {
    this.#book.attempt(operation);
    this.#route
      .send(operation, () => this.#notAfterMs(operation))
      .then(
        (reply) => {
          this.#book.attempted(operation);
          if (operation.isWrite) this.#journal.acknowledged();
          this.#book.complete(operation, reply);
          this.#laneOf(operation).answered();
        },
        (error: unknown) => void this.#handle(operation, error),
      );
  }

  async #handle(operation: Operation, error: unknown): Promise<void> {
    const lane = this.#laneOf(operation);
    operation.lastError = error;
    const recovery = await this.#route.recover(operation, error);
    this.#book.attempted(operation);
    const { end } = this.#route;
    if (recovery === 'failed' || end) {
      this.#book.fail(operation, end ? closedError(end) : error);
      lane.answered();
      return;
    }
    if (recovery === 'slowly') lane.backOff();
    if (!this.#route.isOpen) this.#journal.takenBack(operation.isReplay);
    if (operation.isReplay) this.#journal.resent();
    lane.takeBack(operation);
  }

  /** Makes a change again whose caller has been given its success, until it is done. */
  #restore(command: LinkCommand): void {
    const operation = this.#book.enterAgain(command);
    this.#restoring++;
    this.#writes.putBack(operation);
    const finish = (): void => {
      this.#restoring--;
      this.#reads.pump();
    };
    operation.promise.then(
      (reply) => {
        const refusal = refusalIn(reply);
        if (refusal !== null) this.#journal.unrestored(command, refusal);
        finish();
      },
      (error: unknown) => {
        finish();
        if (error instanceof SessionUnavailableError && !this.#closing) this.#restore(command);
        else this.#journal.unrestored(command, isReplyError(error) ? codeOf(error) : 'the application shuts down');
      },
    );
  }

  /** The latest moment, by Redis's clock, at which a change may still be executed. */
  #notAfterMs(operation: Operation): number {
    const now = performance.now();
    const allowed = Math.min(operation.deadlineAt - now, STAMP_ATTEMPTS * this.#limits.attemptTimeoutMs);
    return Math.floor(now + (operation.clockOffsetMs ?? this.#route.clockOffsetMs) + allowed);
  }

  #laneOf(operation: Operation): CommandLane {
    return operation.isWrite ? this.#writes : this.#reads;
  }
}

function closedError(cause: Error): SessionUnavailableError {
  const message = `The connection to Redis is closed or closing: ${cause.message}.`;
  return new SessionUnavailableError('closed', message, { cause });
}
