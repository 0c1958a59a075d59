import { HttpException, HttpStatus } from '@nestjs/common';
import type { SessionError } from './session.error.js';
import { brand } from './session.error.js';

/** Messages for clients, in the shape of Nest's own error bodies: nothing internal. */
const MESSAGES = {
  [HttpStatus.UNAUTHORIZED]: 'Unauthorized',
  [HttpStatus.FORBIDDEN]: 'Forbidden',
  [HttpStatus.CONFLICT]: 'Conflict',
  [HttpStatus.SERVICE_UNAVAILABLE]: 'Service Unavailable',
};

/**
 * An error that stands for an HTTP status other than 500: an HTTP exception of Nest, so that guards, handlers and services may
 * let it pass, and exception filters see what they know. Its `message` is for the log; the response has none of it.
 *
 * @public
 */
export abstract class SessionHttpError extends HttpException implements SessionError {
  /** As that of every {@link SessionError}. */
  abstract readonly code: string;

  /** @param options - the cause, and `shown`: members of the response's body beside `statusCode` and `message` */
  constructor(
    status: keyof typeof MESSAGES,
    message: string,
    options?: ErrorOptions & { readonly shown?: Readonly<Record<string, unknown>> | undefined },
  ) {
    super({ statusCode: status, message: MESSAGES[status], ...options?.shown }, status, options);
    brand(this, new.target.name);
    this.message = message;
    // Taken by Nest's constructor before there was a message.
    Error.captureStackTrace(this, new.target);
  }
}
