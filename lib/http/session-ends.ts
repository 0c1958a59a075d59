import type { ServerResponse } from 'node:http';
import { Inject, Injectable } from '@nestjs/common';
import { SessionGoneError } from '../errors/session-gone.error.js';
import { SessionWatch } from '../stats/session-watch.js';
import type { RequestDraft } from '../store/request-store.js';
import type { SessionRequest } from './session-request.js';

/**
 * Ends what a response holds open for its session when that ends, gets a new id or another user: event streams by themselves, all else
 * by a signal.
 *
 * @internal
 */
@Injectable()
export class SessionEnds {
  constructor(@Inject(SessionWatch) private readonly watch: SessionWatch) {}

  /** The head of a response leaves: an event stream ends with its session. */
  headLeaves({ response, current }: SessionRequest): void {
    const draft = current.storedDraft;
    if (!draft || !this.watch.isSupported) return;
    // What is given with the head is not among the response's headers before.
    process.nextTick(() => {
      if (response.writableEnded || response.destroyed || !isEventStream(response)) return;
      this.hold(response, draft, () => {
        endStream(response);
      });
    });
  }

  /**
   * A signal that aborts when the session of a request ends, as long as its response is open.
   *
   * @throws SessionUnsupportedError with the application's own `store`.
   */
  signal({ response, current }: SessionRequest): AbortSignal {
    const controller = new AbortController();
    const draft = current.storedDraft;
    // A session that is not stored has no end.
    if (draft) {
      this.hold(response, draft, () => {
        controller.abort(new SessionGoneError());
      });
    }
    return controller.signal;
  }

  private hold(response: ServerResponse, { sid, userId = null, remainingMs }: RequestDraft, end: () => void): void {
    response.once('close', this.watch.watch({ sid, userId, remainingMs }, end));
  }
}

function isEventStream(response: ServerResponse): boolean {
  const set = response.getHeader('content-type');
  // Headers that are given with the head stand in its text alone.
  const { _header: head } = response as ServerResponse & { readonly _header?: string | null };
  return /text\/event-stream/i.test(String(set ?? /^content-type:.*$/im.exec(head ?? '')?.[0]));
}

function endStream(response: ServerResponse): void {
  response.end();
  // Whoever has not noticed yet goes on writing, and Node makes an error of that, which may have no listener.
  Object.assign(response, { write: () => false });
}
