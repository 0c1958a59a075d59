import type { RedisTarget } from './variants.js';

/** The only argument of the server process, as JSON. */
export interface ServerSettings {
  readonly variant: string;
  readonly redis: RedisTarget;
}

/** What the server process has used since it started. */
export interface Usage {
  /** User and system time of all its threads. @unit microseconds */
  readonly cpuMicros: number;
  /** Requests that reached the handler. */
  readonly requests: number;
  readonly rssBytes: number;
}

/** From the server to the bench. */
export type ServerMessage =
  | { readonly type: 'ready'; readonly port: number }
  | { readonly type: 'failed'; readonly reason: string }
  | ({ readonly type: 'usage' } & Usage)
  | { readonly type: 'profiled' };

/** From the bench to the server. */
export type ServerRequest =
  | { readonly type: 'usage' | 'stop' | 'startProfile' }
  /** Writes a `.cpuprofile` of what ran since `startProfile`. */
  | { readonly type: 'stopProfile'; readonly file: string };
