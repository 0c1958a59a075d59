import type { ServerResponse } from 'node:http';

type Listener = (...args: unknown[]) => void;

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
  const { statusCode } = response;
  // HTTP/2 has none, and Node warns of asking.
  const hasMessage = response.req.httpVersionMajor < 2;
  const statusMessage = hasMessage ? response.statusMessage : '';
  const wasSent = response.headersSent;
  const calls: ResponseCall[] = [];
  const drainListeners: Listener[] = [];
  let hasHead = wasSent;
  let hasEnd = false;
  let hasWrite = false;

  const refuse = (action: string) => (): never => {
    throw headersSentError(action);
  };
  const on = response.on.bind(response) as (type: string | symbol, listener: Listener) => ServerResponse;
  const uncover = overlay(response, {
    headersSent: { get: () => true },
    writableEnded: { get: () => hasEnd },
    setHeader: { value: refuse('set') },
    setHeaders: { value: refuse('set') },
    appendHeader: { value: refuse('append') },
    removeHeader: { value: refuse('remove') },
    // Whoever replaced `write` above us (compression) asks for the head before each part that it writes.
    _implicitHeader: {
      value: () => {
        if (!hasHead) response.writeHead(response.statusCode);
      },
    },
    // Kept back, not only registered: what replaced `on` beneath us (compression again) moves the listeners that it knows to a
    // stream of its own, which knows nothing of our `false`.
    on: {
      value: (type: string | symbol, listener: Listener) => {
        if (type !== 'drain') return on(type, listener);
        drainListeners.push(listener);
        return response;
      },
    },
  });
  response.once('close', onClose);

  return {
    take(call) {
      const { name } = call;
      if (name === 'writeHead' && hasHead) throw headersSentError('write');
      calls.push(call);
      hasHead = true;
      hasWrite ||= name === 'write';
      hasEnd ||= name === 'end';
    },
    isWhole: () => hasEnd && calls.length > 1,
    lift() {
      response.off('close', onClose);
      uncover();
      if (response.statusCode !== statusCode) response.statusCode = statusCode;
      if (hasMessage && response.statusMessage !== statusMessage) response.statusMessage = statusMessage;
      return calls;
    },
    resume(isWritable) {
      for (const listener of drainListeners) on('drain', listener);
      if (!hasWrite || hasEnd || !isWritable) return;
      process.nextTick(() => {
        if (response.destroyed) return;
        const unheard = drainListeners.filter((listener) => !response.listeners('drain').includes(listener));
        response.emit('drain');
        for (const listener of unheard) listener.call(response);
      });
    },
  };
}

/** Lays properties over an object's own; the result takes them off again. */
function overlay(target: object, properties: PropertyDescriptorMap): () => void {
  const before = Object.keys(properties).map((name) => [name, Object.getOwnPropertyDescriptor(target, name)] as const);
  for (const [name, property] of Object.entries(properties)) {
    Object.defineProperty(target, name, {
      configurable: true,
      ...('value' in property && { writable: true }),
      ...property,
    });
  }
  return () => {
    for (const [name, property] of before) {
      if (property) Object.defineProperty(target, name, property);
      else Reflect.deleteProperty(target, name);
    }
  };
}

function headersSentError(action: string): Error {
  const message = `Cannot ${action} headers after they are sent to the client`;
  return Object.assign(new Error(message), { code: 'ERR_HTTP_HEADERS_SENT' });
}
