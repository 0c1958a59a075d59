import type { SessionLinkEvents } from '../../lib/core/session-link-events.js';
import type { SessionDurability } from '../../lib/options/redis.options.js';

/** The installation's name; for the peer the prefix of its keys. */
export const FAULT_APPLICATION = 'fault-lab';
export const FAULT_SECRET = 'the secret of the fault lab, long enough';
export const FAULT_COOKIE = 'fault.sid';

/** What the application under faults is told at start, as JSON in the environment variable `FAULT_APP`. */
export interface FaultAppOptions {
  /** Ours, or the peer that the lab must find faulty: express-session with connect-redis over plain ioredis. */
  readonly store: 'ours' | 'connect-redis';
  readonly host: string;
  /** As the store's own `redis` option has it. */
  readonly redis: Record<string, unknown> &
    ({ sentinels: { host: string; port: number }[]; name: string } | { cluster: { host: string; port: number }[] });
  readonly durability?: SessionDurability | undefined;
}

/** From the application to the lab. */
export type FaultAppMessage =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'unhandled'; readonly what: string }
  | LinkMessage
  | { readonly type: 'memory'; readonly rssBytes: number; readonly heapBytes: number }
  | { readonly type: 'closed'; readonly resources: readonly string[] };

/** One event of the session link. */
export interface LinkMessage {
  readonly type: 'link';
  readonly event: keyof SessionLinkEvents;
  readonly payload: SessionLinkEvents[keyof SessionLinkEvents];
  readonly atMs: number;
}

/** From the lab to the application. */
export type FaultAppCommand =
  { readonly type: 'block'; readonly ms: number } | { readonly type: 'memory' } | { readonly type: 'close' };
