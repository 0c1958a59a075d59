import type { IncomingMessage } from 'node:http';
import type { SessionEnding, SessionWatch } from '../stats/session-watch.js';
import { MessageSession } from './message-session.js';
import type { SessionMachinery } from './message-session.js';
import { closeEventOf, closeSocket } from './socket-kind.js';
import type { SocketClient } from './socket-kind.js';

/**
 * A session that got a new id: its sockets are closed so much later, so that the response with the new cookie is there before the
 * client connects again. @unit milliseconds
 */
const NEW_COOKIE_MS = 500;

/** One socket and the session that it was opened with. @internal */
export class SocketSession {
  /** Whether no handler is called any more. */
  isOver = false;
  private unwatch: (() => void) | undefined;
  private turn: Promise<unknown> = Promise.resolve();
  private readonly open = new Set<MessageSession>();

  /** @param first - the session as it was at the handshake */
  constructor(
    private readonly machinery: SessionMachinery,
    private readonly watch: SessionWatch,
    private readonly handshake: IncomingMessage,
    readonly first: MessageSession,
  ) {}

  /** Closes this client when its session ends. */
  attach(client: SocketClient): void {
    client.once(closeEventOf(client), () => {
      this.detach();
    });
    const { sid, userId, remainingMs } = this.first;
    if (sid === undefined) return;
    this.unwatch = this.watch.watch({ sid, userId, remainingMs }, (ending) => {
      this.end(client, ending);
    });
  }

  /**
   * Loads the session for one message; `undefined` when it is not the one any more that the socket was opened with. Messages come out
   * in the order in which they went in.
   *
   * @throws SessionUnavailableError when sessions cannot be reached.
   */
  async message(): Promise<MessageSession | undefined> {
    const loading = MessageSession.open(this.machinery, this.handshake, this.first.sid !== undefined);
    const before = this.turn;
    this.turn = Promise.allSettled([before, loading]);
    await before;
    const message = await loading;
    if (this.isOver) return undefined;
    const { sid, userId } = this.first;
    if (message.sid !== sid || (sid !== undefined && message.userId !== userId)) {
      // The watch knows why, or finds out.
      if (sid !== undefined) this.watch.doubt(sid);
      return undefined;
    }
    this.open.add(message);
    message.onEnd = () => this.open.delete(message);
    return message;
  }

  private detach(): void {
    this.isOver = true;
    this.unwatch?.();
    for (const message of this.open) message.abandon();
  }

  private end(client: SocketClient, ending: SessionEnding): void {
    const close = (): void => {
      this.isOver = true;
      closeSocket(client, ending);
    };
    if (ending === 'rotated') setTimeout(close, NEW_COOKIE_MS).unref();
    else close();
  }
}
