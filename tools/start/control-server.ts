import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LabControl } from './lab-control.js';

/** Where the portal's lab panel sends its orders. */
export interface ControlServer {
  readonly url: string;
  /** What an order must carry (`Authorization: Bearer …`). */
  readonly token: string;
  stop(): Promise<void>;
}

/**
 * Serves the lab's control on a free port of the loopback interface.
 *
 * - `GET /state`: the nodes and what happened;
 * - `POST /nodes/<id>/<kill|freeze|thaw|restart>`, `POST /failover`: does it and answers with the state.
 */
export async function startControlServer(lab: LabControl): Promise<ControlServer> {
  const token = randomBytes(24).toString('base64url');
  const server = createServer((request, response) => {
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    };
    if (!carries(request, token)) {
      answer(401, { message: 'The token of this lab is missing' });
      return;
    }
    handle(lab, request)
      .then((state) => (state ? answer(200, state) : answer(404, { message: 'Not found' })))
      .catch((error: unknown) => {
        answer(error instanceof RangeError ? 409 : 500, {
          message: error instanceof Error ? error.message : String(error),
        });
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    token,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function handle(lab: LabControl, { method, url = '' }: IncomingMessage): Promise<unknown> {
  const node = /^\/nodes\/([\w-]+)\/([\w-]+)$/.exec(url);
  if (method === 'POST' && node) await lab.act(node[1] ?? '', node[2] ?? '');
  else if (method === 'POST' && url === '/failover') await lab.failover();
  else if (!(method === 'GET' && url === '/state')) return undefined;
  return lab.state();
}

function carries({ headers }: IncomingMessage, token: string): boolean {
  const given = Buffer.from(headers.authorization ?? '');
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
