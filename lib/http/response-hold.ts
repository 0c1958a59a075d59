import type { ServerResponse } from 'node:http';

type Listener = (...args: unknown[]) => void;
type On = (this: ServerResponse, type: string | symbol, listener: Listener) => ServerResponse;

/** The methods that make a response leave. @internal */
export type ResponseMethodName = 'writeHead' | 'write' | 'end' | 'flushHeaders';

/** A call that makes a response leave. @internal */
export interface ResponseCall {
  readonly name: ResponseMethodName;
  readonly args: readonly unknown[];
}

/** What a held response says of itself while its calls wait. @internal */
export interface ResponseHold {
  /** Keeps a call; throws as Node does for a second head. */
  take(call: ResponseCall): void;
  /** Whether it is all there is to the response, and came in several calls. */
  isWhole(): boolean;
  /** Ends the pretence and hands out the calls; status and headers are those of the moment when it began. */
  lift(): readonly ResponseCall[];
  /** After the calls were made: tells writers to go on, unless Node will tell them. */
  resume(isWritable: boolean): void;
}

/**
 * Makes a response look as if its bytes were on their way: `headersSent`, `writableEnded`, headers that cannot be changed any
 * more. So applications, frameworks and filters behave as they would behind the real thing.
 *
 * @param response - the raw response
 * @param onClose - called when the client goes meanwhile
 * @internal
 */
export function holdResponse(response: ServerResponse, onClose: () => void): ResponseHold {
  return new Hold(response, onClose);
}

/** HTTP/2 has none, and Node warns of asking. @internal */
export function hasStatusMessage(response: ServerResponse): boolean {
  return response.req.httpVersionMajor < 2;
}

const HOLD = Symbol('nestjs-ha-session:hold');

interface HeldResponse extends ServerResponse {
  [HOLD]: Hold;
}

class Hold implements ResponseHold {
  hasHead: boolean;
  hasEnd = false;
  readonly drainListeners: Listener[] = [];
  readonly on: On;
  private hasWrite = false;
  private readonly calls: ResponseCall[] = [];
  private readonly statusCode: number;
  private readonly statusMessage: string;
  private readonly uncover: () => void;

  constructor(
    private readonly response: ServerResponse,
    private readonly onClose: () => void,
  ) {
    this.statusCode = response.statusCode;
    this.statusMessage = hasStatusMessage(response) ? response.statusMessage : '';
    this.hasHead = response.headersSent;
    this.on = (response as { readonly on: On }).on;
    (response as HeldResponse)[HOLD] = this;
    this.uncover = cover(response);
    response.once('close', onClose);
  }

  take(call: ResponseCall): void {
    const { name } = call;
    if (name === 'writeHead' && this.hasHead) throw headersSentError('write');
    this.calls.push(call);
    this.hasHead = true;
    this.hasWrite ||= name === 'write';
    this.hasEnd ||= name === 'end';
  }

  isWhole(): boolean {
    return this.hasEnd && this.calls.length > 1;
  }

  lift(): readonly ResponseCall[] {
    const { response, statusCode, statusMessage } = this;
    response.off('close', this.onClose);
    this.uncover();
    if (response.statusCode !== statusCode) response.statusCode = statusCode;
    if (hasStatusMessage(response) && response.statusMessage !== statusMessage) response.statusMessage = statusMessage;
    return this.calls;
  }

  resume(isWritable: boolean): void {
    const { response, drainListeners } = this;
    for (const listener of drainListeners) this.on.call(response, 'drain', listener);
    if (!this.hasWrite || this.hasEnd || !isWritable) return;
    process.nextTick(() => {
      if (response.destroyed) return;
      const unheard = drainListeners.filter((listener) => !response.listeners('drain').includes(listener));
      response.emit('drain');
      for (const listener of unheard) listener.call(response);
    });
  }
}

/** What a held response answers instead of itself. */
const COVER: PropertyDescriptorMap = {
  headersSent: { configurable: true, get: () => true },
  writableEnded: {
    configurable: true,
    get(this: HeldResponse) {
      return this[HOLD].hasEnd;
    },
  },
  setHeader: method(refusing('set')),
  setHeaders: method(refusing('set')),
  appendHeader: method(refusing('append')),
  removeHeader: method(refusing('remove')),
  // Whoever replaced `write` above us (compression) asks for the head before each part that it writes.
  _implicitHeader: method(function (this: HeldResponse) {
    if (!this[HOLD].hasHead) this.writeHead(this.statusCode);
  }),
  // Kept back, not only registered: what replaced `on` beneath us (compression again) moves the listeners that it knows to a
  // stream of its own, which knows nothing of our `false`.
  on: method(function (this: HeldResponse, type: string | symbol, listener: Listener) {
    if (type !== 'drain') return this[HOLD].on.call(this, type, listener);
    this[HOLD].drainListeners.push(listener);
    return this;
  }),
};

const PROPERTIES = Object.entries(COVER);

/** By the prototype that responses had, that of held ones: it lies over it, so that nothing is taken off a response again. */
// eslint-disable-next-line no-restricted-syntax -- the same for all installations: it holds nothing of a response
const COVERED = new WeakMap<object, object>();

/** Lays the cover over a response; the result takes it off. */
function cover(response: ServerResponse): () => void {
  const prototype = Object.getPrototypeOf(response) as object;
  let covered = COVERED.get(prototype);
  if (!covered) COVERED.set(prototype, (covered = Object.create(prototype, COVER) as object));
  // What others have replaced on the response itself is covered there.
  const own = PROPERTIES.flatMap(([name, property]) => {
    const before = Object.getOwnPropertyDescriptor(response, name);
    if (before) Object.defineProperty(response, name, property);
    return before ? [[name, before] as const] : [];
  });
  Object.setPrototypeOf(response, covered);
  return () => {
    Object.setPrototypeOf(response, prototype);
    for (const [name, before] of own) Object.defineProperty(response, name, before);
  };
}

function method(value: unknown): PropertyDescriptor {
  return { configurable: true, writable: true, value };
}

function refusing(action: string): () => never {
  return () => {
    throw headersSentError(action);
  };
}

function headersSentError(action: string): Error {
  const message = `Cannot ${action} headers after they are sent to the client`;
  return Object.assign(new Error(message), { code: 'ERR_HTTP_HEADERS_SENT' });
}
