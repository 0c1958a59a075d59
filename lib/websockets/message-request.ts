import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { SESSION_REQUEST } from '../http/live-session.js';
import { MESSAGE } from '../http/raw-http.js';
import type { RawRequest } from '../http/raw-http.js';

/**
 * The request of one message: that of the handshake, as far as it is read, with a session of its own.
 *
 * @param hasCookies - whether it brings the cookies of the handshake
 * @internal
 */
export function messageRequest(handshake: IncomingMessage, hasCookies: boolean): RawRequest {
  const headers = hasCookies ? handshake.headers : { ...handshake.headers, cookie: undefined };
  const own = { headers, session: undefined, sessionID: undefined, [SESSION_REQUEST]: undefined, [MESSAGE]: true };
  // Defined and not assigned: the handshake may have accessors of these names.
  const properties = Reflect.ownKeys(own).map((key) => [key, propertyOf(own[key as keyof typeof own])]);
  return Object.create(handshake, Object.fromEntries(properties) as PropertyDescriptorMap) as RawRequest;
}

function propertyOf(value: unknown): PropertyDescriptor {
  return { value, writable: true, configurable: true, enumerable: true };
}

/** Stands for the response that a message has not: nothing leaves by it, and it closes with the message's socket. @internal */
export class MessageResponse extends EventEmitter {
  destroyed = false;
  readonly headersSent = false;

  /** As the session's middleware takes it. */
  get asResponse(): ServerResponse {
    return this as unknown as ServerResponse;
  }

  /** There is none, and none is to be set. */
  hasHeader(): boolean {
    return true;
  }

  close(): void {
    this.destroyed = true;
    this.emit('close');
  }
}
