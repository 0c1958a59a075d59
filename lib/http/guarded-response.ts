import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { headersOf, headersSentError, validateHead, visibleHeaders, withoutHeaders } from './response-head.js';
import { addSessionHeaders } from './session-headers.js';
import type { SessionHeaders } from './session-headers.js';
import type { SessionErrorResponse } from './session-http-error.js';

type Arguments = readonly unknown[];
type Method = (...args: Arguments) => unknown;
type Listener = (...args: unknown[]) => void;

/** The methods that make a response leave. */
const LEAVING = ['writeHead', 'write', 'end', 'flushHeaders'] as const;
type LeavingName = (typeof LEAVING)[number];
type LeavingMethods = Readonly<Record<LeavingName, Method>>;

/** Methods of a response that a held one refuses, as one does whose head has been sent. */
const REFUSED = { setHeader: 'set', setHeaders: 'set', appendHeader: 'append', removeHeader: 'remove' } as const;

interface Call {
  readonly name: LeavingName;
  readonly args: Arguments;
}

/** What a guarded response asks about its session. @internal */
export interface ResponseKeeper {
  /**
   * Stores what the session has to store before a response of this status may leave. `undefined`: nothing, the response leaves
   * at once. Rejects when it could not be stored.
   */
  settle(status: number): Promise<void> | undefined;
  /** Our headers for the head of a response of this status, which leaves now; `undefined`: none. */
  headersFor(status: number): SessionHeaders | undefined;
  /** The response instead of one whose session could not be stored, or that itself could not be sent after that. */
  failed(error: unknown, what: 'store' | 'send'): SessionErrorResponse;
  /** Takes a failure that no response can tell any more. */
  failedLate(error: unknown): void;
  /** Called when the last byte has been let go, or was replaced. */
  ended(): void;
}

const GUARD = Symbol('nestjs-ha-session:guard');

interface GuardedResponse extends ServerResponse {
  [GUARD]: ResponseGuard;
}

/**
 * Makes the first byte of a response wait until its session is stored, and the last one too, should the session have changed in
 * between.
 *
 * Replaces the four methods that make a response leave, on this one response: a mounted Express application exchanges its
 * prototype. All else is covered once the response is held for the first time, which a read never is.
 *
 * @internal
 */
export function guardResponse(response: ServerResponse, keeper: ResponseKeeper): void {
  const { writeHead, write, end, flushHeaders } = response as unknown as LeavingMethods;
  const guarded = response as GuardedResponse;
  guarded[GUARD] = new ResponseGuard(guarded, { writeHead, write, end, flushHeaders }, keeper);
  Object.assign(response, GUARDED_METHODS);
}

/** The same for all responses: Node's own code meets responses of one shape. */
const GUARDED_METHODS = Object.fromEntries(
  LEAVING.map((name) => [
    name,
    function (this: GuardedResponse, ...args: unknown[]) {
      return this[GUARD].take(name, args);
    },
  ]),
);

/**
 * `untouched`: nothing has been sent. `held`: calls wait while the session is stored; the response looks as if they had been made.
 * `open`: calls pass. `replaced`: an error response was sent instead, calls go nowhere.
 */
type State = 'untouched' | 'held' | 'open' | 'replaced';

class ResponseGuard {
  state: State = 'untouched';
  hasHead = false;
  hasEnd = false;
  /** Those who want to know when a held response can be written to again. */
  drainListeners: Listener[] = [];
  private calls: Call[] = [];
  private work: Promise<void> | undefined;
  private heldStatus: readonly [code: number, message: string] = [200, ''];
  private isCovered = false;
  private isClosing = false;
  /** Headers set before the application ran (CORS, security): an error response needs them too. */
  private readonly initialHeaders: OutgoingHttpHeaders;

  constructor(
    private readonly response: GuardedResponse,
    private readonly lower: LeavingMethods,
    private readonly keeper: ResponseKeeper,
  ) {
    this.initialHeaders = response.getHeaders();
  }

  take(name: LeavingName, args: Arguments): unknown {
    switch (this.state) {
      case 'untouched':
        return this.leave(name, args);
      case 'held':
        return this.queue(name, args);
      case 'open':
        return name === 'end' && !this.hasEnd ? this.leave(name, args) : this.pass(name, args);
      case 'replaced':
        return this.swallow(name, args);
    }
  }

  /** The client has gone, or all has been sent. Idempotent. */
  closed(): void {
    if (this.state === 'held') {
      // Nobody waits for the bytes, and Node knows best what to do with them.
      this.finish();
    } else if (this.state === 'open' && !this.hasEnd) {
      this.hasEnd = true;
      this.keeper.settle(this.response.statusCode)?.catch((error: unknown) => {
        this.keeper.failedLate(error);
      });
    }
  }

  /** The first byte, or the last one: both wait for the session. */
  private leave(name: LeavingName, args: Arguments): unknown {
    const { response } = this;
    // Node refuses at once a head that it cannot send. So must we, before anything looks sent.
    if (!response.headersSent) validateHead(response, name === 'writeHead' ? args : undefined);
    const status = name === 'writeHead' ? Number(args[0]) : response.statusCode;
    const work = this.keeper.settle(status);
    if (work) {
      this.hold(work);
      return this.queue(name, args);
    }
    return this.open([{ name, args }]);
  }

  private hold(work: Promise<void>): void {
    const { response } = this;
    this.hasHead = response.headersSent;
    this.heldStatus = [response.statusCode, hasStatusMessage(response) ? response.statusMessage : ''];
    this.state = 'held';
    if (!this.isCovered) cover(response);
    this.isCovered = true;
    this.listenForClose();
    this.follow(work);
  }

  private follow(work: Promise<void>): void {
    this.work = work;
    work.then(
      () => {
        if (this.work === work) this.settled();
      },
      (error: unknown) => {
        if (this.work === work) this.replace(error, 'store');
        else this.keeper.failedLate(error);
      },
    );
  }

  private settled(): void {
    // The session may have changed since the first of several calls was held; it is owed all that came before `end`.
    const rest = this.hasEnd && this.calls.length > 1 ? this.keeper.settle(this.response.statusCode) : undefined;
    if (rest) this.follow(rest);
    else this.finish();
  }

  /** Takes a call while the response is held, and answers as a response would that has sent it and is busy. */
  private queue(name: LeavingName, args: Arguments): unknown {
    if (name === 'writeHead') {
      if (this.hasHead) throw headersSentError('write');
      validateHead(this.response, args);
    }
    this.calls.push({ name, args: name === 'writeHead' ? args.map(copyOf) : args });
    this.hasHead = true;
    if (name === 'end') this.hasEnd = true;
    return name === 'write' ? false : this.response;
  }

  /** Ends the pretence: makes the calls that have waited. */
  private finish(): void {
    const calls = this.lift();
    const isWritable = this.open(calls) !== false;
    if (this.isReplaced()) return;
    const { response, drainListeners } = this;
    this.drainListeners = [];
    for (const listener of drainListeners) response.on('drain', listener);
    if (this.hasEnd || !isWritable || !calls.some(({ name }) => name === 'write')) return;
    process.nextTick(() => {
      if (response.destroyed) return;
      const unheard = drainListeners.filter((listener) => !response.listeners('drain').includes(listener));
      response.emit('drain');
      for (const listener of unheard) listener.call(response);
    });
  }

  /** Lets calls pass; the first of them takes the head along. */
  private open(calls: readonly Call[]): unknown {
    const isHeadSent = this.response.headersSent;
    this.state = 'open';
    let result: unknown;
    try {
      const [first, ...others] = calls;
      if (!first) return undefined;
      result = this.pass(first.name, isHeadSent ? first.args : this.completeHead(first));
      for (const { name, args } of others) result = this.pass(name, args);
    } catch (error) {
      // What nobody waited for is the caller's own error.
      if (!this.work) throw error;
      this.replace(error, 'send', calls);
      return undefined;
    }
    if (!this.hasEnd) this.listenForClose();
    return result;
  }

  /** Adds our headers, to those too that are given with the head. */
  private completeHead({ name, args }: Call): Arguments {
    const { response, keeper } = this;
    const status = name === 'writeHead' ? Number(args[0]) : response.statusCode;
    const added = keeper.headersFor(status);
    if (!added) return args;
    const headers = name === 'writeHead' ? headersOf(args) : [];
    for (const [header, value] of headers) response.setHeader(header, value as string);
    addSessionHeaders(response, added);
    return headers.length > 0 ? withoutHeaders(args) : args;
  }

  private pass(name: LeavingName, args: Arguments): unknown {
    if (name !== 'end') return this.lower[name].apply(this.response, args as unknown[]);
    this.hasEnd = true;
    const result = this.lower.end.apply(this.response, args as unknown[]);
    this.keeper.ended();
    return result;
  }

  /** Hands out the calls; status and headers are those of the moment when the response was held. */
  private lift(): readonly Call[] {
    const { response, calls, heldStatus } = this;
    const [code, message] = heldStatus;
    this.state = 'open';
    this.calls = [];
    if (response.statusCode !== code) response.statusCode = code;
    if (hasStatusMessage(response) && response.statusMessage !== message) response.statusMessage = message;
    return calls;
  }

  /** Sends an error response instead of what the application wanted to send. */
  private replace(error: unknown, what: 'store' | 'send', calls = this.lift()): void {
    const { response, lower, keeper } = this;
    this.state = 'replaced';
    for (const { name, args } of calls) this.swallow(name, args);
    if (response.headersSent) {
      // Too late for another response: a broken one is honest, a complete one would claim that all went well.
      keeper.failedLate(error);
      response.destroy();
      keeper.ended();
      return;
    }
    const { status, body } = keeper.failed(error, what);
    const text = JSON.stringify(body);
    const kept = { ...this.initialHeaders, ...visibleHeaders(response.getHeaders()) };
    for (const { name, args } of calls) {
      if (name === 'writeHead') Object.assign(kept, visibleHeaders(Object.fromEntries(headersOf(args)) as OutgoingHttpHeaders));
    }
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    for (const [name, value] of Object.entries(kept)) if (value !== undefined) response.setHeader(name, value);
    response.setHeader('Content-Type', 'application/json; charset=utf-8');
    response.setHeader('Content-Length', String(Buffer.byteLength(text)));
    if (hasStatusMessage(response)) response.statusMessage = '';
    response.statusCode = status;
    const added = keeper.headersFor(status);
    if (added) addSessionHeaders(response, added);
    // Node's `end` calls the response's own methods for the head, and over HTTP/2 for the body too.
    this.state = 'open';
    lower.end.call(response, text);
    this.state = 'replaced';
    keeper.ended();
  }

  /** Answers a call whose bytes go nowhere: the error response has been sent in their place. */
  private swallow(name: LeavingName, args: Arguments): unknown {
    const callback = args.findLast((arg) => typeof arg === 'function') as ((error?: Error) => void) | undefined;
    if (callback && name === 'end') this.response.once('finish', callback);
    if (callback && name === 'write')
      process.nextTick(callback, new Error('The session could not be stored: the response was replaced.'));
    return name === 'write' ? false : this.response;
  }

  private isReplaced(): boolean {
    return this.state === 'replaced';
  }

  private listenForClose(): void {
    if (this.isClosing) return;
    this.isClosing = true;
    this.response.on('close', onClose);
  }
}

function onClose(this: GuardedResponse): void {
  this[GUARD].closed();
}

/** Lays over a response what a held one answers instead of itself. Otherwise the response answers as before. */
function cover(response: ServerResponse): void {
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

function accessor(below: Below, whenHeld: (guard: ResponseGuard) => boolean): PropertyDescriptor {
  return {
    configurable: true,
    get(this: GuardedResponse): unknown {
      const guard = this[GUARD];
      if (guard.state === 'held') return whenHeld(guard);
      const { get, value } = below();
      return get ? (get.call(this) as unknown) : (value as unknown);
    },
  };
}

function method(
  below: Below,
  whenHeld: (response: GuardedResponse, args: Arguments) => unknown,
): PropertyDescriptor {
  return {
    configurable: true,
    writable: true,
    value(this: GuardedResponse, ...args: unknown[]): unknown {
      if (this[GUARD].state === 'held') return whenHeld(this, args);
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

/** HTTP/2 has none, and Node warns of asking. */
function hasStatusMessage(response: ServerResponse): boolean {
  return response.req.httpVersionMajor < 2;
}

function copyOf(arg: unknown): unknown {
  if (Array.isArray(arg)) return [...(arg as unknown[])];
  return typeof arg === 'object' && arg !== null ? { ...arg } : arg;
}
