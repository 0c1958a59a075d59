import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { AbstractConnector } from 'ioredis';
import type { NodeAddress } from './node-address.js';

/** What a connector needs of the options that ioredis hands to it. */
interface ConnectorOptions {
  readonly tls?: ConnectionOptions | undefined;
  readonly family?: number | undefined;
}

/** The raw TCP socket and the stream that commands are written to; the same object without TLS. @internal */
export interface ConnectedSocket {
  readonly raw: Socket;
  readonly stream: Socket;
}

/**
 * Drops a connection so that nothing already written to it is delivered later.
 *
 * @remarks
 * A plain close leaves unsent bytes with the kernel, which goes on retransmitting them: after a partition heals, a command
 * of an attempt given up long ago would reach the server behind the back of its successor. A reset discards them.
 *
 * A socket that the server has just ended is being ended from here, too (Node does so by itself), and such a one cannot be
 * reset: Node would report `reset EINVAL`, never emit `close`, and ioredis would leave what was in flight pending for ever.
 * The server reads nothing more from it anyway.
 *
 * @internal
 */
export function discardSocket({ raw, stream }: ConnectedSocket): void {
  if (!raw.destroyed && !raw.connecting && raw.writable && raw.remoteFamily !== undefined) raw.resetAndDestroy();
  else raw.destroy();
  stream.destroy();
}

/**
 * Opens one socket within a time limit that covers name resolution, TCP and TLS.
 *
 * @internal
 */
export async function openSocket(
  address: NodeAddress,
  options: ConnectorOptions,
  timeoutMs: number,
  onCreated: (socket: ConnectedSocket) => void,
): Promise<ConnectedSocket> {
  const raw = connectTcp(
    address.path === undefined
      ? {
          host: address.ip ?? address.host,
          port: address.port,
          ...(options.family === undefined ? {} : { family: options.family }),
        }
      : { path: address.path },
  );
  // TLS runs over a socket of ours, since only a plain TCP socket can be reset.
  const stream: Socket = options.tls
    ? connectTls({
        ...(address.path === undefined ? { host: address.host, port: address.port } : {}),
        ...options.tls,
        socket: raw,
      })
    : raw;
  const socket = { raw, stream };
  onCreated(socket);
  await new Promise<void>((resolve, reject) => {
    const fail = (error: Error): void => {
      clearTimeout(timer);
      discardSocket(socket);
      reject(error);
    };
    const timer = setTimeout(() => {
      fail(new Error(`no connection within ${timeoutMs} ms`));
    }, timeoutMs);
    stream.once(options.tls ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer);
      stream.removeListener('close', onClose);
      resolve();
    });
    const onClose = (): void => {
      const hint = options.tls ? '; does the server speak TLS?' : '';
      fail(new Error(`the connection was closed while it was opened${hint}`));
    };
    raw.on('error', fail);
    if (stream !== raw) stream.on('error', fail);
    stream.once('close', onClose);
  });
  return socket;
}

/**
 * A connector for one ioredis instance that hands over a socket which is connected already, and drops it at once when
 * ioredis disconnects: ioredis's own ends it politely and waits two seconds for a peer that may be frozen.
 *
 * @internal
 */
export function connectorTo(
  address: NodeAddress,
  timeoutMs: number,
  onCreated: (socket: ConnectedSocket) => void,
): new (options: unknown) => AbstractConnector {
  return class extends AbstractConnector {
    readonly #options: ConnectorOptions;
    #socket: ConnectedSocket | null = null;

    constructor(options: unknown) {
      super(0);
      this.#options = options as ConnectorOptions;
    }

    override async connect(): Promise<Socket> {
      const { stream } = await openSocket(address, this.#options, timeoutMs, (socket) => {
        this.#socket = socket;
        onCreated(socket);
      });
      // The handshake in one piece: after a first part a server that takes no more clients has closed, and the error of the
      // second would come before its reply is read.
      stream.cork();
      setImmediate(() => {
        stream.uncork();
      });
      return stream;
    }

    override disconnect(): void {
      if (this.#socket) discardSocket(this.#socket);
    }
  };
}
