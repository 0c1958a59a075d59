import { once } from 'node:events';
import { connect } from 'node:net';
import { Redis } from 'ioredis';

/** What a Redis server has done since it started. */
export interface RedisReading {
  /** Calls by command name; the commands inside of scripts too, as `INFO commandstats` counts them. */
  readonly calls: ReadonlyMap<string, number>;
  /** Time spent in each command. @unit microseconds */
  readonly micros: ReadonlyMap<string, number>;
  /** From clients, without replication. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** User and system time of the process. @unit microseconds */
  readonly cpuMicros: number;
  readonly usedMemoryBytes: number;
}

const SECTIONS = ['commandstats', 'stats', 'cpu', 'memory'];
const COMMAND_BYTES = respCommand(['info', ...SECTIONS]).length;

/** Reads a server's own counters over a connection of its own, and takes out what reading them costs. */
export class RedisMeter {
  private readonly client: Redis;

  constructor(address: { readonly host: string; readonly port: number }) {
    // RESP2: the length of a reply on the wire is then known exactly.
    this.client = new Redis({
      host: address.host,
      port: address.port,
      protocol: 2,
      enableReadyCheck: false,
      disableClientInfo: true,
    });
  }

  async read(): Promise<RedisReading & { readonly replyBytes: number }> {
    const text = await this.client.info(...(SECTIONS as [string]));
    const fields = new Map<string, string>();
    for (const line of text.split('\r\n')) {
      const colon = line.indexOf(':');
      if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1));
    }
    const number = (name: string): number => Number(fields.get(name) ?? 0);
    const [calls, micros] = [new Map<string, number>(), new Map<string, number>()];
    for (const [name, value] of fields) {
      const stat = /^calls=(\d+),usec=(\d+)/.exec(name.startsWith('cmdstat_') ? value : '');
      if (!stat) continue;
      calls.set(name.slice('cmdstat_'.length), Number(stat[1]));
      micros.set(name.slice('cmdstat_'.length), Number(stat[2]));
    }
    return {
      calls,
      micros,
      bytesIn: number('total_net_input_bytes') - number('total_net_repl_input_bytes'),
      bytesOut: number('total_net_output_bytes') - number('total_net_repl_output_bytes'),
      cpuMicros: (number('used_cpu_user') + number('used_cpu_sys')) * 1e6,
      usedMemoryBytes: number('used_memory'),
      replyBytes: Buffer.byteLength(`$${Buffer.byteLength(text)}\r\n${text}\r\n`),
    };
  }

  /** What the server did while `work` ran; without the meter's own commands. */
  async during<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly used: RedisReading }> {
    const before = await this.read();
    const result = await work();
    const after = await this.read();
    const minus = (a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): Map<string, number> =>
      new Map([...a].map(([name, value]) => [name, value - (b.get(name) ?? 0)]));
    const calls = minus(after.calls, before.calls);
    // The first reading is counted once it is done; the second not yet.
    calls.set('info', (calls.get('info') ?? 1) - 1);
    for (const [name, count] of calls) if (count === 0) calls.delete(name);
    return {
      result,
      used: {
        calls,
        micros: minus(after.micros, before.micros),
        bytesIn: after.bytesIn - before.bytesIn - COMMAND_BYTES,
        bytesOut: after.bytesOut - before.bytesOut - before.replyBytes,
        cpuMicros: after.cpuMicros - before.cpuMicros,
        usedMemoryBytes: after.usedMemoryBytes - before.usedMemoryBytes,
      },
    };
  }

  async flush(): Promise<void> {
    await this.client.flushall();
  }

  close(): void {
    this.client.disconnect();
  }
}

/** Commands that clients sent and that scripts ran, by name, as `MONITOR` saw them. */
export interface CommandTrace {
  readonly sent: ReadonlyMap<string, number>;
  readonly inScripts: ReadonlyMap<string, number>;
}

/** Commands that keep connections and topologies alive and do not belong to any request. */
const BACKGROUND = new Set<string>([
  'ping',
  'info',
  'role',
  'replconf',
  'publish',
  'hello',
  'client',
  'select',
  'command',
  'config',
  'subscribe',
  'psync',
]);

/** Whether a command is sent whether or not there are requests. */
export function isBackground(name: string): boolean {
  return BACKGROUND.has(name.split('|')[0] ?? name);
}

/** A line of MONITOR: `+time [db sender] "command" "first argument" …`. */
const REPORT = /^\+[\d.]+ \[\d+ (\S+)\] "([^"]*)"(?: "([^"]*)")?/;

/** Which commands reach the server while `work` runs; told apart by sender, which `INFO` cannot do. */
export async function traceCommands(
  address: { readonly host: string; readonly port: number },
  work: () => Promise<void>,
): Promise<CommandTrace> {
  // On a socket of its own: ioredis 6 breaks when the first report arrives together with the answer to MONITOR.
  const socket = connect(address.port, address.host).setEncoding('latin1');
  const [sent, inScripts] = [new Map<string, number>(), new Map<string, number>()];
  const latest = new Map<string, string>();
  const marker = `bench-${process.hrtime.bigint()}`;
  let rest = '';
  const ended = new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('data', (text: string) => {
      const lines = (rest + text).split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const [, source, command = '', first] = REPORT.exec(line) ?? [];
        if (first === marker) resolve();
        if (source === undefined || first === marker) continue;
        const name = command.toLowerCase();
        const isInScript = source === 'lua';
        // A question of the health of a node begins with PING; a ROLE of its own confirms a read, and is part of the request.
        const isConfirmation = name === 'role' && latest.get(source) !== 'ping';
        latest.set(source, name);
        // A clock is asked now and then; scripts ask it too, but there it is part of the request.
        if (!isInScript && !isConfirmation && (isBackground(name) || name === 'time')) continue;
        const counts = isInScript ? inScripts : sent;
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
    });
  });
  socket.write('MONITOR\r\n');
  await once(socket, 'data');
  const client = new Redis({ host: address.host, port: address.port, protocol: 2 });
  try {
    await work();
    // In the order of the server: once it is seen, everything before it has been.
    await client.call('echo', marker);
    await ended;
  } finally {
    socket.destroy();
    client.disconnect();
  }
  return { sent, inScripts };
}

function respCommand(parts: readonly string[]): string {
  return `*${parts.length}\r\n${parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join('')}`;
}
