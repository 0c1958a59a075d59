import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { spawnChild } from '../../tools/redis-lab/child-processes.js';
import { pinnedTo } from '../machine.js';
import type { ServerMessage, ServerRequest, ServerSettings, Usage } from './server-protocol.js';

/** A running server process of one variant. */
export interface ServerProcess {
  readonly origin: string;
  usage(): Promise<Usage>;
  /** Profiles what the server does while `work` runs. */
  profile<T>(file: string, work: () => Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

const SERVER_CORE = 0;
const SERVER = fileURLToPath(new URL('server.ts', import.meta.url));
const START_TIMEOUT_MS = 20_000;

/**
 * Starts a fresh process on the server's core.
 *
 * @param options.isQuiet - what it printed is not shown: where it is meant to be in trouble
 * @throws Error when it refuses to start
 */
export async function startServer(settings: ServerSettings, { isQuiet = false } = {}): Promise<ServerProcess> {
  const child = spawnChild(process.execPath, ['--import', 'tsx/esm', SERVER, JSON.stringify(settings)], {
    prefix: pinnedTo(SERVER_CORE),
    ipc: true,
    env: {
      ...process.env,
      NODE_ENV: 'production',
      TSX_TSCONFIG_PATH: fileURLToPath(new URL('../tsconfig.json', import.meta.url)),
    },
  });
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const waiting: ((message: ServerMessage) => void)[] = [];
  child.on('message', (message: ServerMessage) => waiting.shift()?.(message));
  const receive = (): Promise<ServerMessage> =>
    new Promise((resolve, reject) => {
      const fail = (): void => reject(new Error(`the server of ${settings.variant} ended or is silent:\n${output}`));
      const timer = setTimeout(fail, START_TIMEOUT_MS);
      child.once('exit', fail);
      waiting.push((message) => {
        clearTimeout(timer);
        child.off('exit', fail);
        resolve(message);
      });
    });

  const ask = (request: ServerRequest): Promise<ServerMessage> => {
    child.send(request);
    return receive();
  };

  const started = await receive();
  if (started.type === 'failed') throw new Error(`${settings.variant} does not start: ${started.reason}`);
  if (started.type !== 'ready') throw new Error(`unexpected ${started.type}`);
  return {
    origin: `http://127.0.0.1:${started.port}`,
    usage: async () => {
      const message = await ask({ type: 'usage' });
      if (message.type !== 'usage') throw new Error(`unexpected ${message.type}`);
      return message;
    },
    profile: async (file, work) => {
      await ask({ type: 'startProfile' });
      const result = await work();
      await ask({ type: 'stopProfile', file });
      return result;
    },
    stop: async () => {
      if (child.exitCode !== null) return;
      const exited = once(child, 'exit');
      child.send({ type: 'stop' } satisfies ServerRequest);
      const killer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await exited;
      clearTimeout(killer);
      if (output !== '' && !isQuiet) process.stderr.write(`[${settings.variant}] ${output}`);
    },
  };
}
