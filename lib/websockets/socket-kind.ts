import type { SessionEnding } from '../stats/session-watch.js';

/** Close code of a plain WebSocket whose session has ended: the user has to sign in again. graphql-ws clients do not reconnect. @public */
export const SESSION_ENDED_CODE = 4401;

/**
 * Close code of a plain WebSocket whose session has another id or another user by now: connect again, with the cookie of now. It is
 * RFC 6455's "service restart", after which clients reconnect by themselves.
 *
 * @public
 */
export const SESSION_RENEWED_CODE = 1012;

/** Event that a client of socket.io gets before its socket is closed. @public */
export const SESSION_CLOSED_EVENT = 'session-closed';

/** What a client is told whose socket is closed. @public */
export interface SessionClosedMessage {
  /** Why its session is over for this socket. */
  readonly reason: SessionEnding;
  /** Whether it makes sense to connect again. socket.io's client does so by itself then, and not otherwise. */
  readonly reconnect: boolean;
}

/** As much of a client as is used here, of `ws` or socket.io. @public */
export interface SocketClient {
  /** Calls the listener at the next event of that name. */
  once(event: string, listener: () => void): unknown;
}

/** A client of `ws`. @internal */
interface PlainSocket extends SocketClient {
  readonly readyState: number;
  send(text: string): void;
  terminate(): void;
  close(code: number, reason: string): void;
}

/** A client of socket.io. @internal */
interface IoSocket extends SocketClient {
  readonly conn: { close(): void };
  emit(event: string, payload: unknown): void;
  disconnect(close: boolean): void;
}

/** `readyState` of a plain WebSocket that can send. */
const OPEN = 1;

/** Whether a session lives on, under another id or for another user. */
function isRenewal(ending: SessionEnding): boolean {
  return ending === 'rotated' || ending === 'userChanged';
}

/** The event by which a client says that it has gone. @internal */
export function closeEventOf(client: SocketClient): string {
  return isPlain(client) ? 'close' : 'disconnect';
}

/** Closes a socket whose session is not the one any more that it was opened with. @internal */
export function closeSocket(client: SocketClient, reason: SessionEnding): void {
  const reconnect = isRenewal(reason);
  if (isPlain(client)) {
    client.close(reconnect ? SESSION_RENEWED_CODE : SESSION_ENDED_CODE, `session ${reason}`);
    return;
  }
  const io = client as IoSocket;
  const message: SessionClosedMessage = { reason, reconnect };
  io.emit(SESSION_CLOSED_EVENT, message);
  // A client of socket.io connects again when the connection goes, and not when the server disconnects its socket.
  if (reconnect) io.conn.close();
  else io.disconnect(true);
}

/** Ends a connection at once, without a word. @internal */
export function cutSocket(client: SocketClient): void {
  if (isPlain(client)) client.terminate();
  else (client as IoSocket).disconnect(true);
}

/** Sends what Nest's own exception filter would send. @internal */
export function sendException(client: SocketClient, payload: unknown): void {
  if (!isPlain(client)) (client as IoSocket).emit('exception', payload);
  else if (client.readyState === OPEN) client.send(JSON.stringify({ event: 'exception', data: payload }));
}

function isPlain(client: SocketClient): client is PlainSocket {
  return typeof (client as Partial<PlainSocket>).readyState === 'number';
}
