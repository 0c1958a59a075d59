import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ExecutionContext } from '@nestjs/common';
import type { Store } from 'express-session';
import type { LiveSession } from './session.types.js';

/** Marks the request that stands for one message of a socket. @internal */
export const MESSAGE = Symbol.for('nestjs-ha-session:message');

/** Node's own request, as a session middleware and its hosts dress it. @internal */
export interface RawRequest extends IncomingMessage {
  session?: LiveSession | null;
  sessionID?: string;
  sessionStore?: Store;
  originalUrl?: string;
  /** Express: whether the client's connection is secure, proxies considered. */
  secure?: boolean;
  /** Fastify, by its middleware engine: the same as `https` or `http`. */
  protocol?: string;
  /** What the `cookie-parser` middleware has read. */
  cookies?: Readonly<Record<string, unknown>>;
  /** What the `cookie-parser` middleware has read and verified. */
  signedCookies?: Readonly<Record<string, unknown>>;
}

/** Node's own request or response: Fastify wraps them, Express dresses them. @internal */
export function rawOf<T extends object>(outer: T | { raw: T }): T {
  return 'raw' in outer ? outer.raw : outer;
}

/** Node's own request behind whatever Nest calls a handler or a resolver with; `undefined`: there is none. @internal */
export function rawRequestOf(context: ExecutionContext): RawRequest | undefined {
  const kind: string = context.getType();
  if (kind === 'http') return rawOrNothing(context.switchToHttp().getRequest());
  if (kind === 'ws') return context.getArgs<unknown[]>().find(isMessage);
  if (kind !== 'graphql') return undefined;
  // Resolvers get (parent, arguments, context, info). Apollo's context has the request; Mercurius's has the reply that has it.
  const own = context.getArgByIndex<GraphQLContext | undefined>(2);
  const request = rawOrNothing(own?.req ?? own?.request ?? own?.reply?.request);
  return request?.headers && isUpgrade(request) ? undefined : request;
}

/** Whether a request leaves a socket behind, which outlives it: nobody would store what its messages change. @internal */
export function isUpgrade({ headers }: RawRequest): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket';
}

/** As the drivers of `@nestjs/graphql` make it, unless the application makes its own. */
interface GraphQLContext {
  readonly req?: unknown;
  readonly request?: unknown;
  readonly reply?: { readonly request?: unknown };
}

/** The socket adapter hands it to each handler, behind what Nest knows. */
function isMessage(argument: unknown): argument is RawRequest {
  return typeof argument === 'object' && argument !== null && MESSAGE in argument;
}

function rawOrNothing(outer: unknown): RawRequest | undefined {
  return typeof outer === 'object' && outer !== null ? rawOf<RawRequest>(outer as RawRequest) : undefined;
}

/** Aborts once nobody can take the response any more. @internal */
export function signalOfClose(response: ServerResponse): AbortSignal {
  if (response.destroyed) return AbortSignal.abort();
  const controller = new AbortController();
  response.once('close', () => {
    controller.abort();
  });
  return controller.signal;
}
