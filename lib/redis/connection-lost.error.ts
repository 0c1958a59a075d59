/**
 * One connection is gone or silent; what was in flight on it may or may not have been executed. Never leaves this folder
 * other than as the cause of a `SessionUnavailableError`.
 *
 * @internal
 */
export class ConnectionLostError extends Error {
  override readonly name = 'ConnectionLostError';

  constructor(
    /** `host:port` of the node. */
    readonly address: string,
    /** What happened, in words for an operator. */
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`The connection to ${address} is lost: ${reason}`, options);
  }
}

/** Whether an error is Redis's own answer rather than the lack of one. @internal */
export function isReplyError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}
