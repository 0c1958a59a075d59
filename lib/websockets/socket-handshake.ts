import type { IncomingMessage } from 'node:http';
import { RETRY_AFTER } from '../http/session-http-error.js';
import type { HandshakeRefusal, SocketSessions } from './socket-sessions.js';

/** A server of socket.io, or a namespace. @internal */
export interface IoServer {
  use(middleware: (socket: IoHandshake, next: (error?: Error) => void) => void): unknown;
}

interface IoHandshake {
  readonly request: IncomingMessage;
  readonly conn: { close(): void };
}

/** What `ws` asks before it accepts a handshake. */
interface PlainHandshake {
  readonly req: IncomingMessage;
}

type Decide = (isAccepted: boolean, status?: number, message?: string, headers?: Record<string, string>) => void;

/** As `ws` takes it: with one parameter it returns its decision, with two it calls back. */
type VerifyClient = ((info: PlainHandshake) => boolean) | ((info: PlainHandshake, decide: Decide) => void);

interface SocketServerOptions {
  readonly verifyClient?: VerifyClient | null | undefined;
  readonly connectionStateRecovery?: object | undefined;
}

const UNAVAILABLE = 503;

/** Whether a server is of socket.io. @internal */
export function isIoServer(server: unknown): server is IoServer {
  return typeof server === 'object' && server !== null && 'use' in server && typeof server.use === 'function';
}

/**
 * Options for a server that asks for the session at each handshake: `verifyClient` of `ws`, after the application's own; and socket.io
 * must not recover a connection without asking.
 *
 * @internal
 */
export function guardOptions(options: SocketServerOptions | undefined, sessions: SocketSessions): object {
  const { verifyClient, connectionStateRecovery } = options ?? {};
  const guard = (info: PlainHandshake, decide: Decide): void => {
    verify(verifyClient, info, (isAccepted, ...rest) => {
      if (!isAccepted) {
        decide(false, ...rest);
        return;
      }
      void sessions.admit(info.req, info.req).then((refusal) => {
        if (!refusal) decide(true);
        else decide(false, refusal.status, refusal.message, headersOf(refusal));
      });
    });
  };
  const recovery = connectionStateRecovery && { ...connectionStateRecovery, skipMiddlewares: false };
  return { ...options, verifyClient: guard, ...(recovery && { connectionStateRecovery: recovery }) };
}

/** Lets a server of socket.io, or a namespace, ask for the session at each handshake. @internal */
export function guardIo(server: IoServer, sessions: SocketSessions): void {
  server.use((socket, next) => {
    void sessions.admit(socket.request, socket).then((refusal) => {
      if (!refusal) next();
      // Its client tries again when the connection goes, and not when it is refused.
      else if (refusal.status === UNAVAILABLE) socket.conn.close();
      else next(Object.assign(new Error(refusal.message), { data: refusal }));
    });
  });
}

function verify(own: VerifyClient | null | undefined, info: PlainHandshake, decide: Decide): void {
  if (!own) decide(true);
  else if (own.length === 2) own(info, decide);
  else decide((own as (info: PlainHandshake) => boolean)(info), 401);
}

function headersOf({ status }: HandshakeRefusal): Record<string, string> | undefined {
  return status === UNAVAILABLE ? { 'Retry-After': RETRY_AFTER } : undefined;
}
