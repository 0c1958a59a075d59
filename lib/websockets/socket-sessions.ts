import type { IncomingMessage } from 'node:http';
import { HttpStatus, Logger } from '@nestjs/common';
import type { INestApplicationContext } from '@nestjs/common';
import { SESSION_MIDDLEWARE } from '../core/session.tokens.js';
import { SessionUnsupportedError } from '../errors/session-unsupported.error.js';
import { SessionContext } from '../http/session-context.js';
import { isOutage } from '../http/session-http-error.js';
import type { SessionHandler } from '../http/session.middleware.js';
import { SessionWatch } from '../stats/session-watch.js';
import { MessageSession } from './message-session.js';
import type { SessionMachinery } from './message-session.js';
import type { SessionSocketOptions } from './session-socket.options.js';
import { SocketSession } from './socket-session.js';
import { cutSocket } from './socket-kind.js';
import type { SocketClient } from './socket-kind.js';

/** Why a handshake is refused. @internal */
export interface HandshakeRefusal {
  readonly status: number;
  readonly message: string;
}

/** The sockets of one application, each with its session. @internal */
export class SocketSessions {
  private readonly logger = new Logger('SessionSocketAdapter');
  private readonly machinery: SessionMachinery;
  private readonly watch: SessionWatch;
  /** By request (ws) or by client (socket.io), until there is a connection. */
  private readonly admitted = new WeakMap<object, SocketSession>();
  private readonly attached = new WeakMap<SocketClient, SocketSession>();

  constructor(
    app: INestApplicationContext,
    private readonly options: SessionSocketOptions,
  ) {
    const find = { strict: false };
    this.watch = app.get(SessionWatch, find);
    if (!this.watch.isSupported) {
      throw new SessionUnsupportedError('SessionSocketAdapter', 'sessions in Redis or in this process');
    }
    this.watch.begin();
    const middleware = app.get<SessionHandler>(SESSION_MIDDLEWARE, find);
    this.machinery = { middleware, context: app.get(SessionContext, find) };
  }

  /**
   * Loads the session of a handshake; resolves with why it is refused, or `undefined`.
   *
   * @param key - what the connection will be known by
   */
  async admit(handshake: IncomingMessage, key: object): Promise<HandshakeRefusal | undefined> {
    try {
      const first = await MessageSession.open(this.machinery, handshake, true);
      if (first.sid === undefined && this.options.requireSession === true) {
        return { status: HttpStatus.UNAUTHORIZED, message: 'Unauthorized' };
      }
      this.admitted.set(key, new SocketSession(this.machinery, this.watch, handshake, first));
      return undefined;
    } catch (error) {
      // The middleware has logged it.
      if (isOutage(error)) return { status: HttpStatus.SERVICE_UNAVAILABLE, message: 'Service Unavailable' };
      this.logger.error(error);
      return { status: HttpStatus.INTERNAL_SERVER_ERROR, message: 'Internal server error' };
    }
  }

  /**
   * Finds the session of a connection, which gateways of one server ask for one after the other.
   *
   * @param request - what `ws` says with the connection
   * @returns `undefined` for a connection whose handshake went another way: it is cut
   */
  attach(client: SocketClient, request: unknown): SocketSession | undefined {
    const known = this.attached.get(client);
    if (known) return known;
    const session = this.admitted.get(client) ?? this.admitted.get(Object(request) as object);
    if (!session) {
      this.logger.error(
        'A socket was cut, since its handshake was not seen. Let the inner adapter hand its options on to the server, and let ' +
          '`connectionStateRecovery` of socket.io have `skipMiddlewares: false`.',
      );
      cutSocket(client);
      return undefined;
    }
    this.attached.set(client, session);
    session.attach(client);
    return session;
  }

  /** The session of a connection. */
  of(client: SocketClient): SocketSession {
    const session = this.attached.get(client);
    if (!session) throw new Error('This socket has no session: it was not connected by the server of this adapter.');
    return session;
  }
}
