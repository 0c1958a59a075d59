import { once } from 'node:events';
import { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** What stands for the client's connection: takes every byte, sends none. */
class TestSocket extends Duplex {
  constructor(
    /** Read by express-session, which sends a secure cookie over such a connection only. */
    readonly encrypted: boolean,
  ) {
    super({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  }
}

/**
 * A raw request and its response without a network, as the session's middleware sees them.
 *
 * @internal
 */
export class SessionExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;

  constructor(path: string, isEncrypted: boolean) {
    // Node asks no more of it than to be a stream.
    const socket = new TestSocket(isEncrypted) as unknown as Socket;
    this.request = new IncomingMessage(socket);
    this.request.method = 'GET';
    this.request.url = path;
    this.response = new ServerResponse(this.request);
    this.response.assignSocket(socket);
  }

  /** Ends the response as a handler would; resolves with the lines of `Set-Cookie` once all of it has been sent. */
  async end(): Promise<readonly string[]> {
    // Only a server closes a response: there is no `close` to wait for.
    const sent = once(this.response, 'finish');
    this.response.end();
    await sent;
    return [this.response.getHeader('set-cookie') ?? []].flat().map(String);
  }
}
