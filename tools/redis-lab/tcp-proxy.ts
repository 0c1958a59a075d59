import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

/** A TCP proxy that delays, cuts and silences; it stands in for a bad network without needing root. */
export interface TcpProxy {
  readonly host: string;
  readonly port: number;
  /** Connections open now. */
  readonly connectionCount: number;
  /** Resets all connections and refuses new ones. */
  cut(): void;
  /** Accepts connections again. */
  heal(): void;
  /** Keeps connections open but lets no byte through, in one direction or both; new connections open and stay silent. */
  freeze(direction?: 'both' | 'toServer' | 'toClient'): void;
  /** Lets the bytes through that waited, in order. */
  thaw(): void;
  /** Sends new connections elsewhere; open ones stay. */
  retarget(target: TcpProxyTarget): void;
  stop(): Promise<void>;
}

export interface TcpProxyTarget {
  readonly host: string;
  readonly port: number;
}

/** Starts a proxy on a free port of the loopback interface. @param options.delayMs - added to each direction */
export async function startTcpProxy(options: { target: TcpProxyTarget; delayMs?: number }): Promise<TcpProxy> {
  const delayMs = options.delayMs ?? 0;
  const sockets = new Set<Socket>();
  const silenced = { toServer: false, toClient: false };
  const waiting: { direction: 'toServer' | 'toClient'; deliver: () => void }[] = [];
  let target = options.target;
  let isCut = false;

  const forward = (from: Socket, to: Socket, direction: 'toServer' | 'toClient') => {
    const pass = (deliver: () => void) => {
      const later = () => (silenced[direction] ? waiting.push({ direction, deliver }) : deliver());
      if (delayMs > 0) setTimeout(later, delayMs);
      else later();
    };
    from.on('data', (chunk) => pass(() => to.writable && to.write(chunk)));
    from.on('end', () => pass(() => to.end()));
    from.on('error', () => undefined);
    from.on('close', () => {
      sockets.delete(from);
      // A silent network does not tell the other side that this one has gone.
      pass(() => to.destroy());
    });
  };

  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (isCut) {
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ ...target, allowHalfOpen: true });
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      sockets.add(socket);
    }
    forward(client, upstream, 'toServer');
    forward(upstream, client, 'toClient');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address() as AddressInfo;
  const resetAll = () => {
    waiting.length = 0;
    for (const socket of sockets) {
      if (socket.connecting) socket.destroy();
      else socket.resetAndDestroy();
    }
  };

  return {
    host: '127.0.0.1',
    port: address.port,
    get connectionCount() {
      return sockets.size / 2;
    },
    cut: () => {
      isCut = true;
      resetAll();
    },
    heal: () => {
      isCut = false;
    },
    freeze: (direction = 'both') => {
      if (direction !== 'toClient') silenced.toServer = true;
      if (direction !== 'toServer') silenced.toClient = true;
    },
    thaw: () => {
      silenced.toServer = silenced.toClient = false;
      for (const { deliver } of waiting.splice(0)) deliver();
    },
    retarget: (next) => {
      target = next;
    },
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      resetAll();
      await closed;
    },
  };
}
