import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { hasStatusMessage, holdResponse } from './response-hold.js';
import type { ResponseCall, ResponseHold, ResponseMethodName } from './response-hold.js';
import type { SessionErrorResponse } from './session-http-error.js';

type Arguments = ResponseCall['args'];
type Method = (...args: Arguments) => unknown;

/** A raw response's own methods for the bytes it sends. @internal */
export type ResponseMethods = Readonly<Record<ResponseMethodName, Method>>;

/** What the guard asks about the session of its response. @internal */
export interface ResponseCommit {
  /**
   * Stores what the session has to store before a response of this status may leave. `undefined`: nothing, the response leaves
   * at once. Rejects when it could not be stored.
   */
  settle(status: number): Promise<void> | undefined;
  /** Called when the head of a response leaves: the last moment to add a header. */
  completeHead(status: unknown): void;
  /** Whether the response must leave without a cookie of ours: it would be that of a session which was not stored. */
  isCookieWithheld(): boolean;
  /** The response instead of one whose session could not be stored, or that itself could not be sent after that. */
  failed(error: unknown, what: 'store' | 'send'): SessionErrorResponse;
  /** Told of a failure that no response can tell any more. */
  failedLate(error: unknown): void;
}

/** The methods of a response as they are now. @internal */
export function responseMethodsOf(response: ServerResponse): ResponseMethods {
  const { writeHead, write, end, flushHeaders } = response as unknown as ResponseMethods;
  return { writeHead, write, end, flushHeaders };
}

/**
 * Makes the first byte of a response wait until its session is stored.
 *
 * Replaces the four methods that make a response leave, on this one response. `lower` are those beneath express-session:
 * `write` and `end` go there, because all that express-session does at the end of a response has been done by then;
 * `writeHead` still goes through express-session, which adds the cookie.
 *
 * @internal
 */
export function commitBeforeRespond(response: ServerResponse, lower: ResponseMethods, commit: ResponseCommit): void {
  (response as GuardedResponse)[GUARD] = new ResponseGuard(response, lower, commit);
  Object.assign(response, GUARDED_METHODS);
}

const GUARD = Symbol('nestjs-ha-session:guard');

interface GuardedResponse extends ServerResponse {
  [GUARD]?: ResponseGuard;
}

/** The same for all responses: four functions less for each, and Node's own code meets responses of one shape. */
const GUARDED_METHODS: Readonly<Record<ResponseMethodName, Method>> = {
  writeHead: guarded('writeHead'),
  write: guarded('write'),
  end: guarded('end'),
  flushHeaders: guarded('flushHeaders'),
};

function guarded(name: ResponseMethodName): Method {
  return function (this: GuardedResponse, ...args) {
    return this[GUARD]?.take(name, args);
  };
}

/** `untouched`: nothing has been sent. `open`: calls pass. `dropped`: an error response was sent instead, calls go nowhere. */
type Phase = 'untouched' | 'open' | 'dropped';

class ResponseGuard {
  private phase: Phase = 'untouched';
  /** While the session is being stored; calls wait there. */
  private hold: ResponseHold | undefined;
  private readonly upperWriteHead: Method;
  /** Headers set before the application ran (CORS, security): an error response needs them too. */
  private readonly initialHeaders: OutgoingHttpHeaders;

  constructor(
    private readonly response: ServerResponse,
    private readonly lower: ResponseMethods,
    private readonly commit: ResponseCommit,
  ) {
    this.upperWriteHead = (response as unknown as ResponseMethods).writeHead;
    this.initialHeaders = response.getHeaders();
  }

  take(name: ResponseMethodName, args: Arguments): unknown {
    if (this.hold) return this.queue(this.hold, name, args);
    if (this.phase === 'dropped') return this.swallow(name, args);
    // A response that streams may have changed its session since the first byte: the last one waits again.
    if (this.phase === 'untouched' || name === 'end') {
      const status = name === 'writeHead' ? Number(args[0]) : this.response.statusCode;
      const work = this.commit.settle(status);
      if (work) return this.queue(this.wait(work, status), name, args);
      this.phase = 'open';
    }
    return this.pass(name, args);
  }

  private wait(work: Promise<void>, status: number): ResponseHold {
    const finish = (): void => {
      if (this.hold !== hold) return;
      // The session may have changed since the first of several calls was held; it is owed all that came before `end`.
      const rest = hold.isWhole() ? this.commit.settle(status) : undefined;
      if (rest) this.follow(hold, rest, () => this.release(hold));
      else this.release(hold);
    };
    // `finish` also when the client has gone: nobody waits for the bytes, and Node knows best what to do with them.
    const hold = holdResponse(this.response, finish);
    this.hold = hold;
    this.follow(hold, work, finish);
    return hold;
  }

  private follow(hold: ResponseHold, work: Promise<void>, done: () => void): void {
    work.then(done, (error: unknown) => {
      if (this.hold === hold) this.replace(error, 'store', this.lift(hold));
      else this.commit.failedLate(error);
    });
  }

  /** Takes a call while the response is held, and answers as a response would that has sent it and is busy. */
  private queue(hold: ResponseHold, name: ResponseMethodName, args: Arguments): unknown {
    if (name === 'writeHead') validateHead(args);
    hold.take({ name, args: name === 'writeHead' ? args.map(copyOf) : args });
    return name === 'write' ? false : this.response;
  }

  private release(hold: ResponseHold): void {
    if (this.hold !== hold) return;
    const calls = this.lift(hold);
    this.phase = 'open';
    let isWritable = true;
    try {
      for (const { name, args } of calls) {
        const result = this.pass(name, args);
        if (name === 'write') isWritable = result !== false;
      }
    } catch (error) {
      this.replace(error, 'send', calls);
      return;
    }
    hold.resume(isWritable);
  }

  private lift(hold: ResponseHold): readonly ResponseCall[] {
    this.hold = undefined;
    return hold.lift();
  }

  /** Sends an error response instead of what the application wanted to send. */
  private replace(error: unknown, what: 'store' | 'send', calls: readonly ResponseCall[]): void {
    const { response, lower } = this;
    this.phase = 'dropped';
    for (const { name, args } of calls) this.swallow(name, args);
    if (response.headersSent) {
      // Too late for another response: a broken one is honest, a complete one would claim that all went well.
      this.commit.failedLate(error);
      response.destroy();
      return;
    }
    const { status, body } = this.commit.failed(error, what);
    const text = JSON.stringify(body);
    const kept = { ...this.initialHeaders, ...visibilityHeaders(response.getHeaders()) };
    for (const { args } of calls) Object.assign(kept, visibilityHeaders(args.find(isHeadersObject)));
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    for (const [name, value] of Object.entries(kept)) if (value !== undefined) response.setHeader(name, value);
    if (hasStatusMessage(response)) response.statusMessage = '';
    const length = String(Buffer.byteLength(text));
    const own = { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': length };
    this.commit.completeHead(status);
    lower.writeHead.call(response, status, own);
    // Over HTTP/2, Node's `end` sends its bytes by the response's own `write`.
    this.phase = 'open';
    lower.end.call(response, text);
    this.phase = 'dropped';
  }

  private pass(name: ResponseMethodName, args: Arguments): unknown {
    if (name === 'writeHead') this.commit.completeHead(args[0]);
    const isOwnHead = name === 'writeHead' && !this.commit.isCookieWithheld();
    const method = isOwnHead ? this.upperWriteHead : this.lower[name];
    return method.apply(this.response, args as unknown[]);
  }

  /** Answers a call whose bytes go nowhere: the error response has been sent in their place. */
  private swallow(name: ResponseMethodName, args: Arguments): unknown {
    const callback = args.findLast((arg) => typeof arg === 'function') as ((error?: Error) => void) | undefined;
    if (callback && name === 'end') this.response.once('finish', callback);
    if (callback && name === 'write')
      process.nextTick(callback, new Error('The session could not be stored: the response was replaced.'));
    return name === 'write' ? false : this.response;
  }
}

/** What a browser needs to be allowed to see a response at all. */
function visibilityHeaders(headers: OutgoingHttpHeaders = {}): OutgoingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => /^(vary|access-control-.*)$/i.test(name)));
}

function isHeadersObject(arg: unknown): arg is OutgoingHttpHeaders {
  return typeof arg === 'object' && arg !== null && !Array.isArray(arg) && !ArrayBuffer.isView(arg);
}

/** Node throws at once for a head that it cannot send; so must a held one. */
function validateHead(args: Arguments): void {
  const [status] = args;
  if (typeof status !== 'number' || status < 100 || status > 999) {
    throw Object.assign(new RangeError(`Invalid status code: ${String(status)}`), {
      code: 'ERR_HTTP_INVALID_STATUS_CODE',
    });
  }
  for (const [name, value] of Object.entries(args.find(isHeadersObject) ?? {})) {
    validateHeaderName(name);
    for (const item of [value].flat()) validateHeaderValue(name, item as string);
  }
}

function copyOf(arg: unknown): unknown {
  if (Array.isArray(arg)) return [...(arg as unknown[])];
  return typeof arg === 'object' && arg !== null ? { ...arg } : arg;
}
