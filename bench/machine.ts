import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { arch, cpus, release, totalmem } from 'node:os';

const canPin = process.platform === 'linux' && cpus().length > 1 && hasTaskset();

/** A command prefix that keeps a process on one core; nothing where that cannot be done. */
export function pinnedTo(core: number): readonly string[] {
  return canPin ? ['taskset', '-c', String(core)] : [];
}

/** Moves this process, and with it all it starts without a prefix, away from the server's core. */
export function pinThisProcess(core: number): void {
  if (canPin) execFileSync('taskset', ['-a', '-p', '-c', String(core), String(process.pid)], { stdio: 'ignore' });
}

/** Where and with what a result was made. */
export interface MachineRecord {
  readonly cpu: string;
  readonly cores: number;
  readonly isPinned: boolean;
  readonly memoryGiB: number;
  readonly system: string;
  readonly node: string;
  readonly redis: string;
  readonly packages: Readonly<Record<string, string>>;
  readonly commit: string;
}

const PACKAGES = [
  '@nestjs/core',
  'express',
  'express-session',
  'ioredis',
  'connect-redis-8',
  'connect-redis-9',
  'redis',
  'autocannon',
];

export function describeMachine(): MachineRecord {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    isPinned: canPin,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()} ${arch()}`,
    node: process.version,
    redis: /v=(\S+)/.exec(run('redis-server', '--version'))?.[1] ?? 'unknown',
    packages: Object.fromEntries(PACKAGES.map((name) => [name, versionOf(name)])),
    commit: run('git', 'rev-parse', '--short', 'HEAD').trim(),
  };
}

function versionOf(name: string): string {
  const require = createRequire(import.meta.url);
  for (const directory of require.resolve.paths(name) ?? []) {
    try {
      return (require(`${directory}/${name}/package.json`) as { version: string }).version;
    } catch {
      // Not in this node_modules; the next one up.
    }
  }
  return 'missing';
}

function hasTaskset(): boolean {
  return run('taskset', '--version') !== '';
}

function run(command: string, ...args: string[]): string {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return '';
  }
}
