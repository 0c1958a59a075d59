import { Logger } from '@nestjs/common';
import { OutageLog } from '../http/outage-log.js';
import { isOutage, sessionErrorResponse } from '../http/session-http-error.js';
import { sendException } from './socket-kind.js';
import type { SocketClient } from './socket-kind.js';

/** A message, as Nest's exception filter tells of it. @internal */
export interface MessageCause {
  readonly pattern: unknown;
  readonly data: unknown;
}

/**
 * Answers messages whose session could not be loaded or stored, as Nest's own exception filter answers: by an event `exception`.
 *
 * @internal
 */
export class MessageFailures {
  private readonly logger = new Logger('SessionSocketAdapter');
  private readonly outages = new OutageLog(this.logger);

  /** Answers one message. */
  answer(client: SocketClient, error: unknown, cause: MessageCause): void {
    const { status, body } = sessionErrorResponse(error);
    const { message } = body as { readonly message: string };
    sendException(client, { status: 'error', message, cause });
    if (isOutage(error)) this.outages.note(`A message's session could not be loaded or stored. ${textOf(error)}`);
    else if (status >= 500) this.logger.error(error);
    else this.logger.warn(textOf(error));
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
