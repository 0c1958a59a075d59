import { fileURLToPath } from 'node:url';
import { spawnChild } from '../redis-lab/child-processes.js';

const MAIN = fileURLToPath(new URL('../../sample/02-portal/dist/main.js', import.meta.url));
const START_TIMEOUT_MS = 30_000;

/** A running instance of the portal. */
export interface PortalProcess {
  /** What its pages call it. */
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  /** All it has printed. */
  readonly log: readonly string[];
  /** Ends it as an orchestrator would, and waits for its exit. */
  stop(): Promise<void>;
}

/** Options of {@link startPortal}. */
export interface PortalProcessOptions {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  /** Called with every line it prints. */
  readonly onLine?: (line: string) => void;
}

/**
 * Starts the built portal on a free port.
 *
 * @throws Error when it ends instead, or does not listen within 30 s; holds what it printed
 */
export async function startPortal({ name, env, onLine }: PortalProcessOptions): Promise<PortalProcess> {
  const child = spawnChild(process.execPath, [MAIN], {
    env: { ...process.env, PORT: '0', PORTAL_INSTANCE: name, ...env },
  });
  const log: string[] = [];
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`Portal ${name} ${why}:\n${log.join('\n')}`));
    const timer = setTimeout(() => fail(`does not listen after ${START_TIMEOUT_MS} ms`), START_TIMEOUT_MS);
    const read = (chunk: Buffer) => {
      for (const line of chunk.toString().split('\n').filter(Boolean)) {
        log.push(line);
        const listening = /listens on (http:\S+)/.exec(line);
        if (listening?.[1]) resolve(listening[1]);
        else onLine?.(line);
      }
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      fail(`ended at start (${code ?? signal ?? 'unknown'})`);
    });
    void exited.then(() => clearTimeout(timer));
  });
  return {
    name,
    url,
    pid: child.pid ?? -1,
    log,
    stop: async () => {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await exited;
      clearTimeout(timer);
    },
  };
}
