import { execFile, spawn } from 'node:child_process';
import { copyFile, cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { startSentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const INSTALL_TIMEOUT_MS = 300_000;
const ANSWER_TIMEOUT_MS = 15_000;

/** Both ends of what the peers' ranges allow. */
const NEWEST = {
  '@nestjs/common': '^12.0.0',
  '@nestjs/core': '^12.0.0',
  '@nestjs/platform-express': '^12.0.0',
  '@nestjs/terminus': '^12.0.0',
  ioredis: '^6.0.0',
  'express-session': '^1.19.0',
};
const OLDEST = {
  '@nestjs/common': '^11.0.0',
  '@nestjs/core': '^11.0.0',
  '@nestjs/platform-express': '^11.0.0',
  '@nestjs/terminus': '^11.0.0',
  ioredis: '~5.11.0',
  'express-session': '~1.18.0',
};
const SHARED = { 'reflect-metadata': '^0.2.2', rxjs: '^7.8.0' };

const COMPILERS = ['typescript-5.9', 'typescript', 'typescript-7'];

let folder: string;
let tarball: string;
let topology: SentinelTopology | undefined;

/** Builds and packs a copy of the package as `npm publish` would, so that a build next door is not disturbed. */
async function pack(): Promise<string> {
  const copy = join(folder, 'package');
  await mkdir(copy);
  for (const name of await readdir(ROOT)) {
    if (/^(lib|package\.json|tsconfig.*\.json|nest-cli\.json|README\.md|LICENSE)$/.test(name)) {
      await cp(join(ROOT, name), join(copy, name), { recursive: true });
    }
  }
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  await run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: copy });
  const name = (await readdir(folder)).find((file) => file.endsWith('.tgz'));
  if (name === undefined) throw new Error('npm pack has packed nothing');
  return join(folder, name);
}

/** Installs the tarball and its peers as a user does: with npm's checks of the peers' ranges. */
async function install(name: string, dependencies: Record<string, string>): Promise<string> {
  const project = join(folder, name);
  await mkdir(project);
  const manifest = { name, private: true, dependencies: { ...SHARED, ...dependencies, 'nestjs-ha-session': tarball } };
  await writeFile(join(project, 'package.json'), JSON.stringify(manifest));
  await run('npm', ['install', '--prefer-offline', '--strict-peer-deps', '--no-audit', '--no-fund'], { cwd: project });
  for (const types of ['node', 'express']) {
    await cp(join(ROOT, 'node_modules/@types', types), join(project, 'node_modules/@types', types), {
      recursive: true,
    });
  }
  return project;
}

/** Compiles the user's file in a folder of the project; resolves with the lines the compiler prints. */
async function compile(project: string, format: 'esm' | 'cjs', compiler: string, flags: string[]): Promise<string[]> {
  const source = join(project, format);
  await mkdir(source, { recursive: true });
  const type = format === 'esm' ? 'module' : 'commonjs';
  await writeFile(join(source, 'package.json'), JSON.stringify({ type }));
  await copyFile(join(ROOT, 'test/packaging/consumer/app.ts'), join(source, 'app.ts'));
  const options = [
    '--target',
    'es2022',
    '--module',
    'nodenext',
    '--strict',
    '--experimentalDecorators',
    '--types',
    'node',
  ];
  const tsc = join(ROOT, 'node_modules', compiler, 'bin/tsc');
  return run(process.execPath, [tsc, 'app.ts', '--emitDecoratorMetadata', ...options, ...flags], { cwd: source }).then(
    () => [],
    (error: unknown) => (error as { stdout: string }).stdout.split('\n').filter((line) => line.includes('error TS')),
  );
}

interface RunningApp {
  readonly url: string;
  /** Everything it has printed after the address. */
  output(): string;
  stop(): Promise<void>;
}

async function start(project: string, format: 'esm' | 'cjs'): Promise<RunningApp> {
  const { sentinels, name } = topology!.redisOptions;
  // A CommonJS application that requires Nest 12 hears of require(esm) from Node 20; that is between Nest and Node.
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'app.js'], {
    cwd: join(project, format),
    env: { ...process.env, NODE_ENV: 'production', TOPOLOGY: JSON.stringify({ sentinels, name }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let output = '';
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      const address = /listening on (\S+)\n/.exec(output)?.[1];
      if (address !== undefined) resolve(address);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    void exited.then(() => reject(new Error(`the application ended before it listened: ${output}`)));
  });
  const stop = async () => {
    child.kill('SIGTERM');
    // One that does not end by itself must not outlive the test; it is a fault all the same.
    const killer = setTimeout(() => {
      output += 'the application did not end after SIGTERM';
      child.kill('SIGKILL');
    }, ANSWER_TIMEOUT_MS);
    await exited;
    clearTimeout(killer);
  };
  return { url, output: () => output.replace(/^listening on .*\n/m, ''), stop };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ha-session-packaging-'));
  // No failover is wanted, however busy npm and the compiler keep the machine.
  topology = await startSentinelTopology({ downAfterMs: 10_000 });
  tarball = await pack();
}, INSTALL_TIMEOUT_MS);

afterAll(async () => {
  await topology?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe.each([
  { title: 'Nest 12, Terminus 12, ioredis 6 and express-session 1.19', name: 'newest', dependencies: NEWEST },
  { title: 'Nest 11, Terminus 11, ioredis 5.11 and express-session 1.18', name: 'oldest', dependencies: OLDEST },
])('the packed package beside $title', ({ name, dependencies }) => {
  let project: string;

  beforeAll(async () => {
    project = await install(name, dependencies);
  }, INSTALL_TIMEOUT_MS);

  it.each(COMPILERS)(
    "compiles in a user's file with %s, declarations checked too",
    { timeout: 60_000 },
    async (compiler) => {
      const lines = await compile(project, 'esm', compiler, ['--noEmit', '--skipLibCheck', 'false']);
      // Errors between other packages' declarations are not ours.
      expect(lines.filter((line) => !line.includes('node_modules/') || line.includes('nestjs-ha-session/'))).toEqual(
        [],
      );
    },
  );

  it.each(['esm', 'cjs'] as const)(
    'keeps a login over Sentinel and prints no warning in an application compiled to %s',
    { timeout: 60_000 },
    async (format) => {
      expect(await compile(project, format, 'typescript', ['--skipLibCheck'])).toEqual([]);
      const app = await start(project, format);
      try {
        const get = async (path: string, init: RequestInit = {}) =>
          fetch(`${app.url}/api/${path}`, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS), ...init });
        const login = await get('login', { method: 'POST' });
        expect(await login.json()).toEqual({ stored: true });
        const cookie = login.headers.getSetCookie().map((line) => line.split(';')[0]);
        const me = await get('me', { headers: { cookie: cookie.join('; ') } });
        expect(await me.json()).toEqual({ name: 'ada' });
        expect(await (await get('me')).json()).toEqual({ name: null });
        expect(await (await get('count')).json()).toEqual({ sessions: expect.any(Number) });
        const health = (await (await get('health')).json()) as { details: object };
        expect(health.details).toMatchObject({ sessions: { status: 'up' } });
      } finally {
        await app.stop();
      }
      // The log's advice on a lab's servers is meant (docs/doctor.md); warnings of Node and of packages are not.
      const lines = app.output().split('\n');
      const isAdvice = (line: string): boolean => line.includes('[Session packed]') || line.startsWith('- ');
      expect(lines.filter((line) => line !== '' && !isAdvice(line))).toEqual([]);
    },
  );
});

describe('the packed package without its optional peers', () => {
  it('loads its main and its testing entry, as ESM and by require', { timeout: INSTALL_TIMEOUT_MS }, async () => {
    const { '@nestjs/terminus': _, ...required } = NEWEST;
    const project = await install('bare', required);
    expect(await readdir(join(project, 'node_modules/@nestjs'))).not.toContain('terminus');
    const entries = ['nestjs-ha-session', 'nestjs-ha-session/testing'];
    for (const code of [
      ...entries.map((entry) => `import('${entry}').then((entry) => console.log(Object.keys(entry).length > 0))`),
      ...entries.map((entry) => `console.log(Object.keys(require('${entry}')).length > 0)`),
    ]) {
      const { stdout } = await run(process.execPath, ['--input-type=commonjs', '-e', code], { cwd: project });
      expect(stdout).toBe('true\n');
    }
  });
});
