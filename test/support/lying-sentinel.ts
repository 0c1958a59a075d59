import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A server that speaks just enough of Redis's protocol to deceive. */
export interface DeceivingServer {
  readonly host: string;
  readonly port: number;
  /** Every command that it was sent, as words. */
  readonly commands: readonly (readonly string[])[];
  stop(): Promise<void>;
}

/** Starts one. @param answer - the reply to a command, as Redis's protocol has it on the wire */
export async function startDeceivingServer(answer: (words: readonly string[]) => string): Promise<DeceivingServer> {
  const commands: (readonly string[])[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    let text = '';
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      text += chunk.toString();
      for (let words = takeCommand(); words; words = takeCommand()) {
        commands.push(words);
        socket.write(answer(words));
      }
    });
    const takeCommand = (): string[] | null => {
      const lines = text.split('\r\n');
      const count = Number(lines[0]?.slice(1));
      if (!text.startsWith('*') || lines.length <= 2 * count + 1) return null;
      text = lines.slice(2 * count + 1).join('\r\n');
      return Array.from({ length: count }, (_, index) => lines[2 * index + 2] ?? '');
    };
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    commands,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** A list of texts, as Redis's protocol has it on the wire. */
export function wireList(...texts: string[]): string {
  return `*${texts.length}\r\n${texts.map((text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`).join('')}`;
}
