import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PEERS, type PeerSet } from './cells.js';

export const run = promisify(execFile);
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

const SHARED = { 'reflect-metadata': '^0.2.2', rxjs: '^7.8.0' };

/** Builds and packs a copy of the package as `npm publish` would, so that a build next door is not disturbed. */
export async function pack(folder: string): Promise<string> {
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

/** The dependencies of a consumer with these peers. */
export function dependenciesOf(peers: PeerSet, platforms: readonly string[]): Record<string, string> {
  const { nest, terminus, ...others } = PEERS[peers];
  const ofNest = ['common', 'core', 'testing', ...platforms.map((platform) => `platform-${platform}`)];
  return {
    ...Object.fromEntries(ofNest.map((name) => [`@nestjs/${name}`, nest])),
    '@nestjs/terminus': terminus,
    ...others,
  };
}

/** Installs the tarball and its peers as a user does: with npm's checks of the peers' ranges. */
export async function install(
  folder: string,
  { tarball, dependencies }: { readonly tarball: string; readonly dependencies: Record<string, string> },
): Promise<string> {
  await mkdir(folder);
  const manifest = {
    name: 'consumer',
    private: true,
    dependencies: { ...SHARED, ...dependencies, 'nestjs-ha-session': tarball },
    devDependencies: { '@types/express': '^5.0.0', '@types/node': '^20.19.0' },
  };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  await run('npm', ['install', '--prefer-offline', '--strict-peer-deps', '--no-audit', '--no-fund'], { cwd: folder });
  return folder;
}

/** Installs programs into the folder of a consumer. */
export async function addTools(project: string, tools: readonly string[]): Promise<void> {
  if (tools.length === 0) return;
  await run(
    'npm',
    ['install', '--save-dev', '--prefer-offline', '--legacy-peer-deps', '--no-audit', '--no-fund', ...tools],
    {
      cwd: project,
    },
  );
}
