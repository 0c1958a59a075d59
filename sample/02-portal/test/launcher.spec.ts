import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { pollUntil } from '../../../tools/redis-lab/poll.js';

const START = fileURLToPath(new URL('../../../tools/start.mjs', import.meta.url));

const started: ChildProcess[] = [];
afterEach(() => {
  for (const launcher of started.splice(0)) launcher.kill('SIGKILL');
});

describe('npm start', () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const) {
    it(`leaves no process behind after ${signal}`, async () => {
      const launcher = await launch('--port', '0');
      const family = descendants(launcher.process.pid);
      expect(family.filter(({ command }) => command.includes('redis-server'))).toHaveLength(5);
      expect(family.filter(({ command }) => command.includes('02-portal'))).toHaveLength(2);
      launcher.process.kill(signal);
      await pollUntil('all its processes to be gone', () => family.every(({ pid }) => !isRunning(pid)));
    });
  }

  it('leaves no process behind when it crashes', async () => {
    const launcher = await launch('--port', '0');
    const family = descendants(launcher.process.pid);
    // Its address taken twice is a crash at start, after everything else was started.
    const second = await launch('--port', new URL(launcher.url).port);
    expect(second.exitCode).toBe(1);
    expect(second.output).toContain('EADDRINUSE');
    await pollUntil('the processes of the second to be gone', () => second.family.every((pid) => !isRunning(pid)));
    expect(family.every(({ pid }) => isRunning(pid))).toBe(true);
  });

  it('starts without Redis as well, and says what that lacks', async () => {
    const { url, output } = await launch('--embedded', '--port', '0');
    expect(output).toContain('a restart signs everybody out');
    const answer = await fetch(`${url}/sign-in`);
    expect(await answer.text()).toContain('in this process');
  });

  it('tells what a wrong option should have been', async () => {
    const { exitCode, output } = await launch('--dril');
    expect(exitCode).toBe(2);
    expect(output).toContain('Usage: npm start');
  });
});

interface Launch {
  readonly process: ChildProcess;
  readonly url: string;
  readonly output: string;
  /** When it has ended instead. */
  readonly exitCode: number | null;
  /** Every process it was seen to have, while it started. */
  readonly family: readonly number[];
}

/** Starts the launcher; returns once it has said where the portal is, or has ended. */
async function launch(...args: string[]): Promise<Launch> {
  const child = spawn(process.execPath, [START, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  let hasEnded = false;
  child.once('close', () => (hasEnded = true));
  const family = new Set<number>();
  await pollUntil(
    'the launcher to start',
    () => {
      for (const { pid } of descendants(child.pid)) family.add(pid);
      return hasEnded || output.includes('Ctrl-C ends');
    },
    { timeoutMs: 80_000, intervalMs: 200 },
  );
  const url = /Open (http:\S+)/.exec(output)?.[1] ?? '';
  return { process: child, url, output, exitCode: child.exitCode, family: [...family] };
}

/** All processes that a process has started, and those that they have. */
function descendants(of: number | undefined): { pid: number; command: string }[] {
  const all = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, pid, parent, command]) => ({ pid: Number(pid), parent: Number(parent), command: command ?? '' }));
  const childrenOf = (parent: number): typeof all =>
    all.filter((entry) => entry.parent === parent).flatMap((entry) => [entry, ...childrenOf(entry.pid)]);
  return childrenOf(of ?? -1);
}

/** A zombie has ended; only nobody has asked how. */
function isRunning(pid: number): boolean {
  try {
    const state = execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    return !state.startsWith('Z');
  } catch {
    return false;
  }
}
