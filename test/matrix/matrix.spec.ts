import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { startSentinelTopology } from '../../tools/redis-lab/sentinel-topology.js';
import { build, BUILD_TOOLS, compile } from './build.js';
import { cellsWith, COMPILERS, RUNNERS, titleOf } from './cells.js';
import type { Cell, PeerSet } from './cells.js';
import { nodeProgram } from './node-releases.js';
import { addTools, dependenciesOf, install, pack, ROOT, run } from './package.js';
import { otherServers } from './redis-servers.js';
import { recordResults } from './results.js';
import type { CellResult } from './results.js';
import { complaintsIn, startApp, useApp } from './running-app.js';
import { RUNNER_TOOLS, runUnitTests } from './unit-tests.js';

/** The packed package, as users install it. `npm test` runs a slice; `npm run test:matrix` all, and records it. */

const IS_FULL = process.env['MATRIX'] === 'full';
const INSTALL_TIMEOUT_MS = 300_000;
/** Kept from one run to the next: releases of Node and servers. */
const CACHE = join(tmpdir(), 'ha-session-matrix');

await mkdir(CACHE, { recursive: true });
const servers = IS_FULL ? await otherServers(CACHE) : [];
const cells = cellsWith(servers.map(({ title }) => title)).filter(({ isInSlice }) => IS_FULL || isInSlice);
/** Both ends of what the peers' ranges allow. */
const ENDS = ['newest', 'oldest'] as const;
const results: CellResult[] = [];

let folder: string;
let tarball: string;
const projects = new Map<PeerSet, Promise<string>>();
const builds = new Map<string, Promise<string>>();
const topologies = new Map<string, Promise<SentinelTopology>>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ha-session-packaging-'));
  tarball = await pack(folder);
}, INSTALL_TIMEOUT_MS);

afterAll(async () => {
  for (const topology of topologies.values()) await (await topology).stop();
  await rm(folder, { recursive: true, force: true });
  if (!IS_FULL) return;
  // Of a run by `-t` the others' results stay.
  const combinations = cells.length + ENDS.length * (COMPILERS.length + RUNNERS.length);
  recordResults(results, { isWhole: results.length === combinations });
});

/** The folder of a consumer with these peers. */
function projectWith(peers: PeerSet): Promise<string> {
  const known =
    projects.get(peers) ??
    install(join(folder, String(projects.size)), {
      tarball,
      dependencies: dependenciesOf(peers, ['express', 'fastify']),
    });
  projects.set(peers, known);
  return known;
}

/** The file that Node runs, of a consumer with these peers. */
function builtWith(peers: PeerSet, how: Cell['build']): Promise<string> {
  const key = `${peers}, ${how}`;
  const make = async (): Promise<string> => {
    const project = await projectWith(peers);
    await addTools(project, BUILD_TOOLS[how] ?? []);
    return build(project, how);
  };
  const known = builds.get(key) ?? make();
  builds.set(key, known);
  return known;
}

/** Servers on which no failover is wanted, however busy npm and the compilers keep the machine. */
function topologyOf(server: string): Promise<SentinelTopology> {
  const program = servers.find(({ title }) => title === server)?.program;
  const known = topologies.get(server) ?? startSentinelTopology({ downAfterMs: 10_000, program });
  topologies.set(server, known);
  return known;
}

/** Tries a combination; whether it passes or not, it is in the results. */
async function tried(title: string, versions: Record<string, string>, attempt: () => Promise<void>): Promise<void> {
  let hasPassed = false;
  try {
    await attempt();
    hasPassed = true;
  } finally {
    results.push({ title, hasPassed, versions });
  }
}

/** The installed version of a package. */
async function versionIn(project: string, name: string): Promise<string> {
  const path = join(project, 'node_modules', name, 'package.json');
  return (JSON.parse(await readFile(path, 'utf8')) as { version: string }).version;
}

async function peerVersionsIn(project: string): Promise<Record<string, string>> {
  return {
    NestJS: await versionIn(project, '@nestjs/core'),
    'express-session': await versionIn(project, 'express-session'),
    ioredis: await versionIn(project, 'ioredis'),
    Terminus: await versionIn(project, '@nestjs/terminus'),
  };
}

/** Name and version, as the server itself says them. */
async function versionOf(topology: SentinelTopology): Promise<string> {
  const text = String(await topology.nodes[0]?.cli('INFO', 'server'));
  const [, valkey] = /^valkey_version:(\S+)/m.exec(text) ?? [];
  return valkey === undefined ? `Redis ${/^redis_version:(\S+)/m.exec(text)?.[1] ?? '?'}` : `Valkey ${valkey}`;
}

async function versionsOf(cell: Cell, project: string, node: string): Promise<Record<string, string>> {
  const platform = cell.platform === 'fastify' ? 'fastify' : 'express';
  return {
    ...(await peerVersionsIn(project)),
    'Node.js': (await run(node, ['--version'])).stdout.trim().slice(1),
    Platform: `${platform} ${await versionIn(project, platform)}`,
    Server: await versionOf(await topologyOf(cell.server)),
    Build: cell.build,
  };
}

describe("a consumer's application", () => {
  it.each(cells.map((cell) => [titleOf(cell), cell] as const))(
    'signs in, changes, reads and signs out without a warning: %s',
    { timeout: INSTALL_TIMEOUT_MS },
    async (title, cell) => {
      const project = await projectWith(cell.peers);
      const node = await nodeProgram(cell.node, CACHE);
      const { redisOptions } = await topologyOf(cell.server);
      await tried(title, await versionsOf(cell, project, node), async () => {
        const file = await builtWith(cell.peers, cell.build);
        const app = await startApp(file, { node, platform: cell.platform, redis: redisOptions });
        try {
          await useApp(app);
        } finally {
          await app.stop();
        }
        expect(complaintsIn(app)).toEqual([]);
      });
    },
  );
});

describe.each(ENDS)("a consumer's types with %s peers", (peers) => {
  it.each(COMPILERS)('compile with %s, declarations checked too', { timeout: INSTALL_TIMEOUT_MS }, async (compiler) => {
    const project = await projectWith(peers);
    const file = await builtWith(peers, 'tsc to ESM');
    const versions = { ...(await peerVersionsIn(project)), TypeScript: await versionIn(ROOT, compiler) };
    await tried(`types with ${peers} peers, ${compiler}`, versions, async () => {
      const lines = await compile(join(file, '..'), compiler, ['--noEmit', '--skipLibCheck', 'false']);
      // Errors between other packages' declarations are not ours.
      const isOurs = (line: string): boolean => !line.includes('node_modules/') || line.includes('nestjs-ha-session/');
      expect(lines.filter(isOurs)).toEqual([]);
    });
  });
});

describe.runIf(IS_FULL).each(ENDS)("a consumer's own tests with %s peers", (peers) => {
  it.each(RUNNERS)('pass in %s', { timeout: INSTALL_TIMEOUT_MS }, async (runner) => {
    const project = await projectWith(peers);
    await addTools(project, RUNNER_TOOLS[runner]);
    const versions = {
      ...(await peerVersionsIn(project)),
      'Test runner': `${runner} ${await versionIn(project, runner)}`,
    };
    await tried(`tests with ${peers} peers, ${runner}`, versions, () => runUnitTests(project, runner));
  });
});

describe('the packed package without its optional peers', () => {
  it('loads its main and its testing entry, as ESM and by require', { timeout: INSTALL_TIMEOUT_MS }, async () => {
    const { '@nestjs/terminus': _, ...required } = dependenciesOf('newest', ['express']);
    const project = await install(join(folder, 'bare'), { tarball, dependencies: required });
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
