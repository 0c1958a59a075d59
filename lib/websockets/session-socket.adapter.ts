import type { INestApplicationContext, WebSocketAdapter, WsMessageHandler } from '@nestjs/common';
import { EMPTY } from 'rxjs';
import type { Observable } from 'rxjs';
import { SessionGoneError } from '../errors/session-gone.error.js';
import { MessageFailures } from './message-failure.js';
import type { MessageSession } from './message-session.js';
import type { SessionSocketOptions } from './session-socket.options.js';
import { guardIo, guardOptions, isIoServer } from './socket-handshake.js';
import type { SocketClient } from './socket-kind.js';
import { SocketSessions } from './socket-sessions.js';
import type { SocketSession } from './socket-session.js';

type Callback = (...args: unknown[]) => unknown;
type Transform = (data: unknown) => Observable<unknown>;

/**
 * Gives gateways the sessions of their clients, around an adapter of socket.io or ws.
 *
 * @remarks
 * The handshake loads the session by its cookie, as a request does. Each message has the session as it is then, and what its
 * handler changes is stored before it is acknowledged or answered. A socket is closed when its session ends, gets a new id or another
 * user, on whatever instance.
 *
 * @example
 * ```ts
 * app.useWebSocketAdapter(new SessionSocketAdapter(app, new IoAdapter(app)));
 * ```
 * @public
 */
export class SessionSocketAdapter implements WebSocketAdapter {
  private readonly sessions: SocketSessions;
  private readonly failures = new MessageFailures();

  /**
   * @param app - the application, with a SessionModule
   * @param inner - the adapter that does the rest: Nest's `IoAdapter` or `WsAdapter`, or one that extends it
   * @throws SessionUnsupportedError with the application's own `store`: it reports no ends of sessions.
   */
  constructor(
    app: INestApplicationContext,
    private readonly inner: WebSocketAdapter,
    private readonly options: SessionSocketOptions = {},
  ) {
    this.sessions = new SocketSessions(app, options);
  }

  /** Set by Nest, for adapters of its own. @internal */
  set forceCloseConnections(value: boolean) {
    Object.assign(this.inner, { forceCloseConnections: value });
  }

  /** Makes a server, or a namespace of one, that looks for the session at each handshake. Called by Nest, as all others. */
  create(port: number, options?: object): unknown {
    const server: unknown = this.inner.create(port, guardOptions(options, this.sessions));
    if (isIoServer(server)) guardIo(server, this.sessions);
    return server;
  }

  /** Lets the handler of a connection find the session. */
  bindClientConnect(server: unknown, callback: Callback): void {
    this.inner.bindClientConnect(server, (client: SocketClient, ...rest: unknown[]) => {
      this.sessions.attach(client, rest[0])?.first.run(() => callback(client, ...rest));
    });
  }

  /** Lets the handler of a disconnection find the session, as it was at the handshake. */
  bindClientDisconnect(client: SocketClient, callback: Callback): void {
    const { first } = this.sessions.of(client);
    this.inner.bindClientDisconnect?.(client, (...args: unknown[]) => first.run(() => callback(...args)));
  }

  /** Gives each message its session. */
  bindMessageHandlers(client: SocketClient, handlers: WsMessageHandler[], transform: Transform): void {
    const session = this.sessions.of(client);
    const wrapped = handlers.map((handler): WsMessageHandler => ({
      ...handler,
      callback: (data: unknown, second: unknown) => this.handle({ client, session, handler, data, second }),
    }));
    this.inner.bindMessageHandlers(client, wrapped, transform);
  }

  /** Closes a server. */
  close(server: unknown): unknown {
    return this.inner.close(server) as unknown;
  }

  /** Closes what else the inner adapter has opened. */
  async dispose(): Promise<void> {
    await (this.inner as { dispose?(): Promise<void> }).dispose?.();
  }

  private async handle({ client, session, handler, data, second }: Message): Promise<unknown> {
    const fail = (error: unknown): void => {
      this.failures.answer(client, error, { pattern: handler.message, data });
    };
    const message = await this.load(session, fail);
    if (!message) return EMPTY;
    const acknowledge = isAcknowledgement(second)
      ? (...values: unknown[]): void => {
          message.commit().then(() => second(...values), fail);
        }
      : second;
    try {
      const result: unknown = await message.run(() => handler.callback(data, acknowledge, message.request));
      return await message.committed(result, fail);
    } catch (error) {
      message.end();
      throw error;
    }
  }

  private async load(session: SocketSession, fail: (error: unknown) => void): Promise<MessageSession | undefined> {
    try {
      const message = await session.message();
      if (!message && !session.isOver) fail(new SessionGoneError());
      if (message && this.options.messagesProlong === false) message.doNotProlong();
      return message;
    } catch (error) {
      fail(error);
      return undefined;
    }
  }
}

interface Message {
  readonly client: SocketClient;
  readonly session: SocketSession;
  readonly handler: WsMessageHandler;
  readonly data: unknown;
  /** socket.io: the acknowledgement, if the client wants one; ws: the event. */
  readonly second: unknown;
}

function isAcknowledgement(second: unknown): second is Callback {
  return typeof second === 'function';
}
