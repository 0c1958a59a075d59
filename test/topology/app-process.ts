import { Agent, request } from 'node:http';
import { spawnChild } from '../../tools/redis-lab/child-processes.js';
import { faultAppBundle } from './fault-app.bundle.js';
import type { FaultAppCommand, FaultAppMessage, FaultAppOptions, LinkMessage } from './fault-app.protocol.js';

/** A response as the workload needs it. */
export interface AppResponse {
  readonly status: number;
  readonly body: unknown;
  /** The session cookie that was set: `name=value`, or `''` when the response deletes it. */
  readonly cookie: string | undefined;
  readonly retryAfter: string | undefined;
}

/** One instance of the application under faults. */
export interface AppProcess {
  readonly name: string;
  /** Events of its session link so far. */
  readonly linkEvents: readonly LinkMessage[];
  /** Unhandled rejections, uncaught exceptions and listener leaks so far. */
  readonly unhandled: readonly string[];
  readonly log: string;
  /** Settles when the process has ended. */
  readonly exited: Promise<void>;
  /** @throws Error when there is no response within `timeoutMs` (45 s) or the connection breaks */
  call(method: 'GET' | 'POST', path: string, options?: AppCallOptions): Promise<AppResponse>;
  /** Sends a command; resolves with the answer of that type where there is one. */
  tell(command: FaultAppCommand): void;
  ask<T extends 'memory' | 'closed'>(
    command: FaultAppCommand,
    answer: T,
  ): Promise<Extract<FaultAppMessage, { type: T }>>;
  stop(): Promise<void>;
}

export interface AppCallOptions {
  readonly cookie?: string | undefined;
  readonly body?: unknown;
  readonly timeoutMs?: number;
}

/** Starts an instance and returns once it listens. */
export async function startApp(
  name: string,
  options: FaultAppOptions,
  prefix?: readonly string[],
): Promise<AppProcess> {
  const env = { ...process.env, FAULT_APP: JSON.stringify(options), NODE_ENV: 'test' };
  const args = ['--expose-gc', await faultAppBundle()];
  const child = spawnChild(process.execPath, args, { env, ipc: true, prefix });
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
  const log: string[] = [];
  const linkEvents: LinkMessage[] = [];
  const unhandled: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => log.push(chunk.toString()));
  child.on('message', (message: FaultAppMessage) => {
    if (message.type === 'link') linkEvents.push(message);
    if (message.type === 'unhandled') unhandled.push(message.what);
  });
  // Not `exit`: what it said last may still be on its way.
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const answer = <T extends FaultAppMessage['type']>(type: T): Promise<Extract<FaultAppMessage, { type: T }>> =>
    new Promise((resolve, reject) => {
      const listen = (message: FaultAppMessage): void => {
        if (message.type !== type) return;
        child.off('message', listen);
        resolve(message as Extract<FaultAppMessage, { type: T }>);
      };
      child.on('message', listen);
      void exited.then(() => reject(new Error(`The application ${name} ended:\n${log.join('')}`)));
    });
  const { port } = await answer('listening');

  return {
    name,
    linkEvents,
    unhandled,
    exited,
    get log() {
      return log.join('');
    },
    call: (method, path, { cookie, body, timeoutMs = 45_000 } = {}) =>
      new Promise((resolve, reject) => {
        const payload = body === undefined ? undefined : JSON.stringify(body);
        const headers = {
          ...(cookie && { cookie }),
          ...(payload !== undefined && {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(payload),
          }),
        };
        const call = request(
          { host: options.host, port, method, path, agent, headers, timeout: timeoutMs },
          (response) => {
            let text = '';
            response.setEncoding('utf8');
            response.on('data', (chunk: string) => (text += chunk));
            response.on('error', reject);
            response.on('end', () => {
              const [set] = response.headers['set-cookie'] ?? [];
              const pair = set?.split(';')[0];
              resolve({
                status: response.statusCode ?? 0,
                body: parse(text),
                cookie: pair?.endsWith('=') ? '' : pair,
                retryAfter: response.headers['retry-after'],
              });
            });
          },
        );
        call.on('timeout', () =>
          call.destroy(new Error(`${name} did not answer ${method} ${path} within ${timeoutMs} ms`)),
        );
        call.on('error', reject);
        call.end(payload);
      }),
    tell: (command) => void child.send(command),
    ask: (command, type) => {
      const answered = answer(type);
      child.send(command);
      return answered;
    },
    stop: async () => {
      agent.destroy();
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
