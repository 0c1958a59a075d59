import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { discardSocket, openSocket } from '../../lib/redis/connection/redis-connector.js';

const closes: (() => void)[] = [];
afterEach(() => {
  for (const close of closes.splice(0)) close();
});

it('closes a socket that is dropped in the moment in which the server ends it', async () => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closes.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const socket = await openSocket({ host: '127.0.0.1', port }, {}, 1_000, () => undefined);
  socket.raw.resume();
  await once(socket.raw, 'end');
  // Node answers the server's end with an end of its own just now, and cannot reset a socket while it does.
  const closed = once(socket.raw, 'close');
  discardSocket(socket);
  await expect(
    Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 1_000, 'still open'))]),
  ).resolves.not.toBe('still open');
});
