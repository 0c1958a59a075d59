import { Agent, createServer, request as sendRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One address in front of all instances. */
export interface FrontDoor {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Sends each request to the next instance in turn, on purpose without stickiness: whoever answers must know the session.
 *
 * @param instances - base URLs
 * @param port - `undefined`: 3000 when it is free, else any free port
 */
export async function openFrontDoor(instances: readonly string[], port: number | undefined): Promise<FrontDoor> {
  const agent = new Agent({ keepAlive: true });
  let turn = 0;
  const server = createServer((request, response) => {
    const instance = instances[turn++ % instances.length];
    if (instance !== undefined) forward(request, response, instance, agent);
  });
  await listen(server, port ?? 3000).catch((error: unknown) => {
    if (port !== undefined) throw error;
    return listen(server, 0);
  });
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${taken}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        agent.destroy();
      }),
  };
}

function forward(request: IncomingMessage, response: ServerResponse, instance: string, agent: Agent): void {
  const { method, headers, url } = request;
  const { hostname, port } = new URL(instance);
  // The host stays as the browser named it: the portal compares it with where a form comes from.
  const inner = sendRequest({ hostname, port, method, path: url, headers, agent }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  inner.on('error', () => {
    if (response.headersSent) response.destroy();
    else response.writeHead(502, { 'Content-Type': 'text/plain' }).end('The instance does not answer\n');
  });
  // Whoever has gone does not wait any longer, and the instance learns of it.
  response.on('close', () => inner.destroy());
  request.pipe(inner);
}

function listen(server: ReturnType<typeof createServer>, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}
