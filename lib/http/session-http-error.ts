import { HttpStatus, ServiceUnavailableException } from '@nestjs/common';
import { isSessionError } from '../errors/session.error.js';

/** When a client should try again: a failover takes a few seconds, and the operation has waited for it already. Seconds. */
const RETRY_AFTER_SECONDS = 1;

/** A response in place of the one whose session could not be stored. @internal */
export interface SessionErrorResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** In the shape of Nest's own error bodies; tells nothing internal. */
  readonly body: { readonly statusCode: number; readonly message: string };
}

/** Whether an error says that the sessions cannot be reached now; also one of another copy of this package. @internal */
export function isUnavailable(error: unknown): boolean {
  return isSessionError(error) && error.code === 'SESSION_STORE_UNAVAILABLE';
}

/** The response that an error of the store stands for. @internal */
export function sessionErrorResponse(error: unknown): SessionErrorResponse {
  if (isUnavailable(error)) {
    const status = HttpStatus.SERVICE_UNAVAILABLE;
    const headers = { 'Retry-After': String(RETRY_AFTER_SECONDS) };
    return { status, headers, body: { statusCode: status, message: 'Service Unavailable' } };
  }
  const status = HttpStatus.INTERNAL_SERVER_ERROR;
  return { status, headers: {}, body: { statusCode: status, message: 'Internal server error' } };
}

/** The error to hand to Nest: an unavailable store is a 503 there too; anything else stays what it is. @internal */
export function sessionHttpException(error: unknown): unknown {
  if (!isUnavailable(error)) return error;
  return new ServiceUnavailableException(sessionErrorResponse(error).body, { cause: error });
}
