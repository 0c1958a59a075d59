import type { IncomingMessage } from 'node:http';
import type { Store } from 'express-session';
import type { LiveSession } from './session.types.js';

/** A raw request as express-session and its hosts dress it. @internal */
export interface CycleRequest extends IncomingMessage {
  session?: LiveSession | null;
  sessionID?: string;
  sessionStore?: Store;
  originalUrl?: string;
  /** Express: whether the client's connection is secure, proxies considered. */
  secure?: boolean;
  /** Fastify, by its middleware engine: the same as `https` or `http`. */
  protocol?: string;
}
