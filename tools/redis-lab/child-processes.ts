import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A step of the clean-up that must happen however this process ends; synchronous, as exit handlers are. */
type Undo = () => void;

/**
 * What this process has started or created outside of itself, and how to undo it. Everything a lab starts is
 * registered here, so that nothing outlives the process: on a normal exit, on a signal, after an uncaught error.
 */
class Leftovers {
  readonly #undos = new Map<object, Undo>();

  constructor() {
    process.on('exit', () => this.#undoAll());
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        this.#undoAll();
        // Only a listener of ours kept the signal from ending the process; send it again without one.
        if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
      });
    }
  }

  add(owner: object, undo: Undo): void {
    this.#undos.set(owner, undo);
  }

  remove(owner: object): void {
    this.#undos.delete(owner);
  }

  #undoAll(): void {
    // Last started, first undone: processes go before the directories and networks they live in.
    for (const undo of [...this.#undos.values()].reverse()) {
      try {
        undo();
      } catch {
        // An exit handler has nobody to tell; the other steps must still run.
      }
    }
    this.#undos.clear();
  }
}

/** One for the process: exit handlers cannot be had per topology without piling up listeners. */
export const leftovers = new Leftovers();

/**
 * A fresh directory under the system's temporary one, removed when this process exits at the latest, or by the next lab when
 * this process is killed.
 */
export function makeTemporaryDirectory(purpose: string): { readonly path: string; remove(): void } {
  sweepOrphans();
  const path = mkdtempSync(join(tmpdir(), `redis-lab-${process.pid}-${purpose}-`));
  const directory = {
    path,
    remove: () => {
      leftovers.remove(directory);
      rmSync(path, { recursive: true, force: true });
    },
  };
  leftovers.add(directory, () => rmSync(path, { recursive: true, force: true }));
  return directory;
}

/** Whether a process runs, whoever owns it. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** A process that was killed by SIGKILL could not remove its directories; their names tell whose they were. */
function sweepOrphans(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = /^redis-lab-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}

// The kernel then kills the child even when this process is killed by SIGKILL and no handler runs.
const dieWithParent = existsSync('/usr/bin/setpriv') ? ['/usr/bin/setpriv', '--pdeathsig', 'KILL', '--'] : [];

/** Options of {@link spawnChild}. */
export interface SpawnChildOptions {
  /** A command that runs the command, for example `ip netns exec <namespace>`. */
  readonly prefix?: readonly string[] | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly cwd?: string | undefined;
  /** Whether the child has an IPC channel (`process.send`). */
  readonly ipc?: boolean | undefined;
}

/** Starts a child that cannot outlive this process, its output on pipes. */
export function spawnChild(command: string, args: readonly string[], options: SpawnChildOptions = {}): ChildProcess {
  const [program, ...rest] = [...(options.prefix ?? []), ...dieWithParent, command, ...args] as [string, ...string[]];
  const child = spawn(program, rest, {
    stdio: ['ignore', 'pipe', 'pipe', ...(options.ipc ? (['ipc'] as const) : [])],
    ...(options.env && { env: options.env }),
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  });
  leftovers.add(child, () => child.kill('SIGKILL'));
  child.once('exit', () => leftovers.remove(child));
  return child;
}
