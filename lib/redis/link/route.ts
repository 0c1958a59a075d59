import type { KeyWatch, KeyWatchRequest } from '../../core/key-watch.js';
import type { LinkCommand, SessionLinkInspection, SessionLinkStatus } from '../../core/session-link.js';
import type { WaitingMemory } from '../connection/waiting-memory.js';
import type { ServerIdentity } from './server-identity.js';
import type { Operation } from './operation.js';

/** Sentinel's side of an inspection. @internal */
export type SentinelInspection = NonNullable<SessionLinkInspection['sentinels']>;

/** What a route reports to its gate; nothing before its constructor has returned. @internal */
export interface RouteListener {
  /** Operations can be sent; `server` names the process that takes them, where it is known. */
  onUsable(name: string, server?: ServerIdentity): void;
  /** None can be sent now; `heardAt` is when the primary last answered, on the clock of `performance.now()`. */
  onLost(name: string, reason: string, heardAt: number): void;
  /** These changes were acknowledged too early: they must be made again before anybody reads. */
  onUnconfirmed(commands: readonly LinkCommand[]): void;
  /** Changes are acknowledged by the primary alone from now on. */
  onDegraded(name: string, reason: string): void;
  /** Changes are replicated again. */
  onRecovered(name: string): void;
  /** Changes of keys are not reported by this server. */
  onNearCacheOff(reason: string): void;
  /** Another set of the Sentinels that answer does not know the group. */
  onGroupUnknown(sentinels: readonly string[]): void;
}

/**
 * How an operation goes on whose attempt failed: it is sent `again`, `slowly` (the server asks for patience), or it has `failed`.
 *
 * @internal
 */
export type Recovery = 'again' | 'slowly' | 'failed';

/**
 * The way from the gate to the servers of one topology: one primary (behind Sentinel or at a fixed address), a Cluster, or a
 * client of the application. The gate owns deadlines, bounds, order and events; a route sends one attempt.
 *
 * @internal
 */
export interface Route {
  readonly mode: SessionLinkStatus['mode'];
  /** Whether an attempt can be made now. */
  readonly isOpen: boolean;
  /** Why no attempt can succeed now, in words for an operator; `null` when nothing is wrong. */
  readonly trouble: Error | null;
  /** Whether no attempt will ever succeed again, and why; the gate refuses operations at once then. */
  readonly end: Error | null;
  /** Redis's clock less `performance.now()`. @unit milliseconds */
  readonly clockOffsetMs: number;
  /** Changes that were executed and wait for replicas. */
  readonly waiting: number;
  /**
   * Makes one attempt; resolves with the reply once it is as durable as configured.
   *
   * @param notAfterMs - the latest moment, by Redis's clock, at which a change may still be executed; asked for when it is sent
   */
  send(operation: Operation, notAfterMs: () => number): Promise<unknown>;
  /** Does what the error of an attempt calls for, and says how the operation goes on. Never rejects. */
  recover(operation: Operation, error: unknown): Promise<Recovery>;
  /** Sentinel's side of an inspection; `null` without Sentinel. */
  inspectSentinels(): Promise<SentinelInspection | null>;
  /** See `SessionLink.watch`. */
  watch(request: KeyWatchRequest): KeyWatch;
  close(): void;
}

/** Makes the route of a gate. @param memory - in which the route counts what it holds itself @internal */
export type RouteFactory = (listener: RouteListener, memory: WaitingMemory) => Route;
