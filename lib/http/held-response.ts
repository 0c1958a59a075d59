import type { ServerResponse } from 'node:http';
import { headersSentError } from './response-head.js';

type Arguments = readonly unknown[];
type Method = (...args: Arguments) => unknown;
type Listener = (...args: unknown[]) => void;

/** Where a response keeps its guard. @internal */
export const GUARD = Symbol('nestjs-ha-session:guard');

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

/** Lays over a response what a held one answers instead of itself. Otherwise the response answers as before. @internal */
export function coverHeldResponse(response: ServerResponse): void {
  for (const [name, coverOf] of COVERS) {
    const own = Object.getOwnPropertyDescriptor(response, name);
    const below = (): PropertyDescriptor => own ?? inherited(response, name);
    Object.defineProperty(response, name, coverOf(below));
  }
}

type Below = () => PropertyDescriptor;

const COVERS: readonly (readonly [name: string, coverOf: (below: Below) => PropertyDescriptor])[] = [
  ['headersSent', (below) => accessor(below, () => true)],
  ['writableEnded', (below) => accessor(below, ({ hasEnd }) => hasEnd)],
  ...Object.entries(REFUSED).map(([name, action]) => {
    const refuse = (): never => {
      throw headersSentError(action);
    };
    return [name, (below: Below) => method(below, refuse)] as const;
  }),
  // Whoever replaced `write` above us (compression) asks for the head before each part that it writes.
  [
    '_implicitHeader',
    (below) => method(below, (response) => response[GUARD].hasHead || response.writeHead(response.statusCode)),
  ],
  // Kept back, not only registered: who replaced `on` beneath us (compression again) moves the listeners that it knows to a stream
  // of its own, which knows nothing of our `false`.
  [
    'on',
    (below) =>
      method(below, (response, args) => {
        const [type, listener] = args;
        if (type !== 'drain') return (below().value as Method).apply(response, args as unknown[]);
        response[GUARD].drainListeners.push(listener as Listener);
        return response;
      }),
  ],
];

function accessor(below: Below, whenHeld: (guard: HeldResponse) => boolean): PropertyDescriptor {
  return {
    configurable: true,
    get(this: GuardedResponse): unknown {
      const guard = this[GUARD];
      if (guard.isHeld) return whenHeld(guard);
      const property = below();
      return property.get ? (property.get.call(this) as unknown) : (property.value as unknown);
    },
  };
}

function method(below: Below, whenHeld: (response: GuardedResponse, args: Arguments) => unknown): PropertyDescriptor {
  return {
    configurable: true,
    writable: true,
    value(this: GuardedResponse, ...args: unknown[]): unknown {
      if (this[GUARD].isHeld) return whenHeld(this, args);
      return (below().value as Method).apply(this, args);
    },
  };
}

/** What a response has by its class; looked up anew, since a mounted Express application exchanges the prototype. */
function inherited(response: ServerResponse, name: string): PropertyDescriptor {
  for (let at: unknown = Object.getPrototypeOf(response); at !== null; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertyDescriptor(at, name);
    if (found) return found;
  }
  return { value: undefined };
}
