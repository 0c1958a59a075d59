import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HERE } from './cells.js';
import { run } from './package.js';

const installing = new Map<string, Promise<string>>();

/** The program of a release of Node, from npm: the package that npm's `node` installs for this machine. */
export function nodeProgram(release: string, cache: string): Promise<string> {
  if (release === HERE) return Promise.resolve(process.execPath);
  const known = installing.get(release) ?? installNode(release, join(cache, `node-${release}`));
  installing.set(release, known);
  return known;
}

async function installNode(release: string, folder: string): Promise<string> {
  const name = `node-${process.platform}-${process.arch}`;
  await mkdir(folder, { recursive: true });
  await run('npm', [
    'install',
    '--prefix',
    folder,
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    `${name}@${release}`,
  ]);
  return join(folder, 'node_modules', name, 'bin/node');
}
