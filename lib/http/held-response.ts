import type { ServerResponse } from 'node:http';
import { headersSentError } from './response-head.js';

type Arguments = readonly unknown[];
type Method = (...args: Arguments) => unknown;
type Listener = (...args: unknown[]) => void;

/** Where a response keeps its guard. @internal */
export const GUARD = Symbol('nestjs-ha-session:guard');

/** What a response had of its own where a cover lies over it. @internal */
export type CoveredProperties = Readonly<Record<string, PropertyDescriptor | undefined>>;

/** What a guard knows of a response that is held. @internal */
export interface HeldResponse {
  /** Whether its calls wait. */
  readonly isHeld: boolean;
  /** Whether one of them sends the head. */
  readonly hasHead: boolean;
  /** Whether one of them is the last. */
  readonly hasEnd: boolean;
  /** Those who want to know when the response can be written to again. */
  readonly drainListeners: Listener[];
  /** What {@link coverHeldResponse} has found beneath its covers; `undefined`: nothing. */
  readonly covered: CoveredProperties | undefined;
  /** Takes a call that makes the response leave. */
  take(name: 'writeHead' | 'write' | 'end' | 'flushHeaders', args: Arguments): unknown;
  /** The client has gone, or all has been sent. */
  closed(): void;
}

/** A response with a guard. @internal */
export interface GuardedResponse extends ServerResponse {
  [GUARD]: HeldResponse;
}

/** Methods of a response that a held one refuses, as one does whose head has been sent. */
const REFUSED = { setHeader: 'set', setHeaders: 'set', appendHeader: 'append', removeHeader: 'remove' } as const;

/**
 * Lays over a response what a held one answers instead of itself. Otherwise the response answers as before. The covers are the same
 * for all responses, so that Node's own code meets responses of one shape.
 *
 * @returns what the response had of its own beneath them; `undefined`: nothing
 * @internal
 */
export function coverHeldResponse(response: ServerResponse): CoveredProperties | undefined {
  let covered: Record<string, PropertyDescriptor | undefined> | undefined;
  for (const name of COVERED_NAMES)
    if (Object.hasOwn(response, name)) (covered ??= {})[name] = Object.getOwnPropertyDescriptor(response, name);
  Object.defineProperties(response, COVERS);
  return covered;
}

const COVERS: PropertyDescriptorMap = {
  headersSent: accessor('headersSent', () => true),
  writableEnded: accessor('writableEnded', ({ hasEnd }) => hasEnd),
  ...Object.fromEntries(
    Object.entries(REFUSED).map(([name, action]) => [
      name,
      method(name, () => {
        throw headersSentError(action);
      }),
    ]),
  ),
  // Whoever replaced `write` above us (compression) asks for the head before each part that it writes.
  _implicitHeader: method('_implicitHeader', (response) => {
    return response[GUARD].hasHead || response.writeHead(response.statusCode);
  }),
  // Kept back, not only registered: who replaced `on` beneath us (compression again) moves the listeners that it knows to a stream
  // of its own, which knows nothing of our `false`.
  on: method('on', (response, args) => {
    const [type, listener] = args;
    if (type !== 'drain') return (below(response, 'on').value as Method).apply(response, args as unknown[]);
    response[GUARD].drainListeners.push(listener as Listener);
    return response;
  }),
};

const COVERED_NAMES: readonly string[] = Object.keys(COVERS);

function accessor(name: string, whenHeld: (guard: HeldResponse) => boolean): PropertyDescriptor {
  return {
    configurable: true,
    get(this: GuardedResponse): unknown {
      const guard = this[GUARD];
      if (guard.isHeld) return whenHeld(guard);
      const property = below(this, name);
      return property.get ? (property.get.call(this) as unknown) : (property.value as unknown);
    },
  };
}

function method(name: string, whenHeld: (response: GuardedResponse, args: Arguments) => unknown): PropertyDescriptor {
  return {
    configurable: true,
    writable: true,
    value(this: GuardedResponse, ...args: unknown[]): unknown {
      if (this[GUARD].isHeld) return whenHeld(this, args);
      return (below(this, name).value as Method).apply(this, args);
    },
  };
}

/**
 * What lies beneath a cover: the response's own, or what it has by its class. That is looked up anew, since a mounted Express
 * application exchanges the prototype.
 */
function below(response: GuardedResponse, name: string): PropertyDescriptor {
  const own = response[GUARD].covered?.[name];
  if (own) return own;
  for (let at: unknown = Object.getPrototypeOf(response); at !== null; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertyDescriptor(at, name);
    if (found) return found;
  }
  return { value: undefined };
}
