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
    /** Whether the command may have reached the node. */
    readonly isSent = true,
  ) {
    super(`The connection to ${address} is lost: ${reason}`, options);
  }
}

/** The same loss, for a command that was never sent. @internal */
export function notSent(error: ConnectionLostError): ConnectionLostError {
  return new ConnectionLostError(error.address, error.reason, { cause: error.cause }, false);
}

/** Whether an error is Redis's own answer rather than the lack of one. @internal */
export function isReplyError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}
