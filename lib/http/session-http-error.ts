import { HttpStatus } from '@nestjs/common';
import type { SessionHttpError } from '../errors/session-http.error.js';
import { isSessionError } from '../errors/session.error.js';

/** When a client should try again after a 503: a failover takes a few seconds, and the operation has waited for it already. Seconds. */
export const RETRY_AFTER = { 'Retry-After': '1' };

const UNAVAILABLE: number = HttpStatus.SERVICE_UNAVAILABLE;

/** A response in place of the one whose session could not be stored. @internal */
export interface SessionErrorResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** In the shape of Nest's own error bodies; tells nothing internal. */
  readonly body: unknown;
}

const INTERNAL: SessionErrorResponse = {
  status: HttpStatus.INTERNAL_SERVER_ERROR,
  headers: {},
  body: { statusCode: HttpStatus.INTERNAL_SERVER_ERROR, message: 'Internal server error' },
};

/** The response that an error of the store stands for. @internal */
export function sessionErrorResponse(error: unknown): SessionErrorResponse {
  if (!isHttp(error)) return INTERNAL;
  return { status: error.getStatus(), headers: isOutage(error) ? RETRY_AFTER : {}, body: error.getResponse() };
}

/** Whether it is one that may be over soon. @internal */
export function isOutage(error: unknown): boolean {
  return isHttp(error) && error.getStatus() === UNAVAILABLE;
}

/** Not by `instanceof`: errors of another copy of this package count too. */
function isHttp(error: unknown): error is SessionHttpError {
  return isSessionError(error) && 'getStatus' in error;
}
