import { ConflictException, HttpStatus, ServiceUnavailableException } from '@nestjs/common';
import { isSessionError } from '../errors/session.error.js';

/** When a client should try again: a failover takes a few seconds, and the operation has waited for it already. Seconds. */
const RETRY_AFTER = { 'Retry-After': '1' };

const INTERNAL = { status: HttpStatus.INTERNAL_SERVER_ERROR, message: 'Internal server error', headers: {} };
const UNAVAILABLE = { status: HttpStatus.SERVICE_UNAVAILABLE, message: 'Service Unavailable', headers: RETRY_AFTER };
const CONFLICT = { status: HttpStatus.CONFLICT, message: 'Conflict', headers: {} };

/** By the error's code, so that errors of another copy of this package count too; others are faults of the application. */
const RESPONSES: Readonly<Record<string, typeof UNAVAILABLE | typeof CONFLICT>> = {
  SESSION_STORE_UNAVAILABLE: UNAVAILABLE,
  SESSION_LOCK_TIMEOUT: UNAVAILABLE,
  SESSION_DATA_CONFLICT: CONFLICT,
  SESSION_USER_LIMIT: CONFLICT,
  SESSION_LOCK_LOST: CONFLICT,
};

/** A response in place of the one whose session could not be stored. @internal */
export interface SessionErrorResponse {
  readonly status: HttpStatus;
  readonly headers: Readonly<Record<string, string>>;
  /** In the shape of Nest's own error bodies; tells nothing internal. */
  readonly body: { readonly statusCode: number; readonly message: string };
}

/** The response that an error of the store stands for. @internal */
export function sessionErrorResponse(error: unknown): SessionErrorResponse {
  const { status, message, headers } = (isSessionError(error) ? RESPONSES[error.code] : undefined) ?? INTERNAL;
  return { status, headers, body: { statusCode: status, message } };
}

/** The error to hand to Nest: one that stands for a status is an HTTP exception there too; others stay what they are. @internal */
export function sessionHttpException(error: unknown): unknown {
  const { status, body } = sessionErrorResponse(error);
  if (status === HttpStatus.SERVICE_UNAVAILABLE) return new ServiceUnavailableException(body, { cause: error });
  if (status === HttpStatus.CONFLICT) return new ConflictException(body, { cause: error });
  return error;
}
