import type { ServerResponse } from 'node:http';
import { HttpStatus } from '@nestjs/common';
import type { SessionHttpError } from '../errors/session-http.error.js';
import { isSessionError } from '../errors/session.error.js';

/** When a client should try again after a 503: a failover takes a few seconds, and the operation has waited for it already. Seconds. @internal */
export const RETRY_AFTER = '1';

/** The status of an outage. @internal */
export const UNAVAILABLE: number = HttpStatus.SERVICE_UNAVAILABLE;

/** A response in place of the one whose session could not be stored. @internal */
export interface SessionErrorResponse {
  readonly status: number;
  /** In the shape of Nest's own error bodies; tells nothing internal. */
  readonly body: unknown;
}

const INTERNAL: SessionErrorResponse = {
  status: HttpStatus.INTERNAL_SERVER_ERROR,
  body: { statusCode: HttpStatus.INTERNAL_SERVER_ERROR, message: 'Internal server error' },
};

/** The response that an error of the store stands for. @internal */
export function sessionErrorResponse(error: unknown): SessionErrorResponse {
  if (!isHttp(error)) return INTERNAL;
  return { status: error.getStatus(), body: error.getResponse() };
}

/** Whether it is one that may be over soon. @internal */
export function isOutage(error: unknown): boolean {
  return isHttp(error) && error.getStatus() === UNAVAILABLE;
}

/** Whether it was the client that gave up. @internal */
export function isAbandoned(error: unknown): boolean {
  return isSessionError(error) && 'reason' in error && error.reason === 'aborted';
}

/** Gives the 503 of an outage its header, unless the application has. @internal */
export function tellWhenToRetry(response: ServerResponse): void {
  if (!response.hasHeader('Retry-After')) response.setHeader('Retry-After', RETRY_AFTER);
}

/** Not by `instanceof`: errors of another copy of this package count too. */
function isHttp(error: unknown): error is SessionHttpError {
  return isSessionError(error) && 'getStatus' in error;
}
