import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { coverHeldResponse, GUARD, type GuardedResponse, type HeldResponse } from './held-response.js';
import {
  copyOfHead,
  hasStatusMessage,
  headersSentError,
  makeErrorResponse,
  shareHead,
  validateHead,
  visibleHeaders,
} from './response-head.js';
import { addSessionHeaders, SESSION_HEADERS, type SessionHeaders } from './session-headers.js';
import type { SessionErrorResponse } from './session-http-error.js';

type Arguments = readonly unknown[];
type Method = (...args: Arguments) => unknown;

/** The methods that make a response leave. */
const LEAVING = ['writeHead', 'write', 'end', 'flushHeaders'] as const;
type LeavingName = (typeof LEAVING)[number];
type LeavingMethods = Readonly<Record<LeavingName, Method>>;

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
  /** The last byte has been let go, or was replaced. */
  ended(): void;
}

/**
 * Makes the first byte of a response wait until its session is stored, and the last one too, should the session have changed in
 * between.
 *
 * Replaces the four methods that make a response leave, on this one response: a mounted Express application exchanges its
 * prototype. All else is covered once the response is held.
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

class ResponseGuard implements HeldResponse {
  state: State = 'untouched';
  hasHead = false;
  hasEnd = false;
  covered: HeldResponse['covered'] = undefined;
  drainListeners: ((...args: unknown[]) => void)[] = [];
  private calls: Call[] = [];
  private work: Promise<void> | undefined;
  private heldStatus: readonly [code: number, message: string] = [200, ''];
  private isCovered = false;
  private isHeadComplete = false;
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

  get isHeld(): boolean {
    return this.state === 'held';
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
    const { state, work, hasEnd, calls } = this;
    // A handler may go on and end the response later; what it changes until then is stored with that `end`.
    if (state === 'open' && !hasEnd) this.settleLate();
    if (state !== 'held') return;
    // Nobody waits for the bytes, and Node knows best what to do with them.
    this.finish();
    if (!hasEnd || calls.length > 1) work?.then(this.settleLate.bind(this), () => undefined);
  }

  /** Stores what no response waits for any more. */
  private settleLate(): void {
    this.keeper.settle(this.response.statusCode)?.catch((error: unknown) => {
      this.keeper.failedLate(error);
    });
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
    if (!this.isCovered) this.covered = coverHeldResponse(response);
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
    this.calls.push({ name, args: name === 'writeHead' ? copyOfHead(args) : args });
    this.hasHead = true;
    if (name === 'end') this.hasEnd = true;
    return name === 'write' ? false : this.response;
  }

  /** Ends the pretence: makes the calls that have waited. */
  private finish(): void {
    this.work = undefined;
    const calls = this.lift();
    let isWritable: boolean;
    try {
      isWritable = this.open(calls) !== false;
    } catch (error) {
      this.replace(error, 'send', calls);
      return;
    }
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
  private open([first, ...others]: readonly Call[]): unknown {
    this.state = 'open';
    if (!first) return undefined;
    let result = this.pass(first.name, this.isHeadComplete ? first.args : this.completeHead(first));
    for (const { name, args } of others) result = this.pass(name, args);
    if (!this.hasEnd) this.listenForClose();
    return result;
  }

  /** Adds our headers, to those too that are given with the head. */
  private completeHead({ name, args }: Call): Arguments {
    const { response, keeper } = this;
    this.isHeadComplete = true;
    const status = name === 'writeHead' ? Number(args[0]) : response.statusCode;
    const added = keeper.headersFor(status);
    if (!added) return args;
    const rest = name === 'writeHead' ? shareHead(response, args, SESSION_HEADERS) : args;
    addSessionHeaders(response, added);
    return rest;
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
    const head = calls.find(({ name }) => name === 'writeHead');
    const kept = { ...this.initialHeaders, ...visibleHeaders(response, head?.args) };
    const text = makeErrorResponse(response, status, body, kept);
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

  private listenForClose(): void {
    if (this.isClosing) return;
    this.isClosing = true;
    this.response.on('close', onClose);
  }
}

function onClose(this: GuardedResponse): void {
  this[GUARD].closed();
}
