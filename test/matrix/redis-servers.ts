import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './package.js';

/** Servers beside the one on this machine, and where Debian has them. */
const SERVERS = [
  { title: 'Redis 8.0', program: 'redis', suite: 'trixie' },
  { title: 'Valkey 8.1', program: 'valkey', suite: 'trixie' },
  { title: 'Valkey 9', program: 'valkey', suite: 'sid' },
] as const;

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** A server that can be had here. */
export interface OtherServer {
  readonly title: string;
  /** Runs it, with the libraries of its own release. */
  readonly program: string;
}

/**
 * Unpacks servers of other Debian releases beside this machine's own; nothing is installed.
 *
 * @returns those that can be had: none where there is no apt or no way to its archive
 */
export async function otherServers(cache: string): Promise<OtherServer[]> {
  if (!existsSync(KEYRING)) return [];
  const found: OtherServer[] = [];
  for (const { title, program, suite } of SERVERS) {
    const script = join(cache, `${program}-${suite}`);
    if (existsSync(script) || (await unpack(program, suite, script))) found.push({ title, program: script });
  }
  return found;
}

async function unpack(program: 'redis' | 'valkey', suite: string, script: string): Promise<boolean> {
  const folder = `${script}.files`;
  const root = join(folder, 'root');
  for (const path of ['state/lists/partial', 'cache/archives/partial', 'root']) {
    await mkdir(join(folder, path), { recursive: true });
  }
  await writeFile(join(folder, 'status'), '');
  const source = `deb [signed-by=${KEYRING}] http://deb.debian.org/debian ${suite} main\n`;
  await writeFile(join(folder, 'sources.list'), source);
  const options = [
    `Dir::Etc::SourceList=${folder}/sources.list`,
    'Dir::Etc::SourceParts=/dev/null',
    `Dir::State=${folder}/state`,
    `Dir::State::status=${folder}/status`,
    `Dir::Cache=${folder}/cache`,
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option]);
  try {
    await run('apt-get', [...options, 'update']);
    const download = ['install', '--yes', '--download-only', '--no-install-recommends', `${program}-server`];
    await run('apt-get', [...options, ...download]);
  } catch (error) {
    process.stderr.write(`${program}-server of Debian ${suite} cannot be had: ${String(error)}\n`);
    return false;
  }
  const archives = join(folder, 'cache/archives');
  for (const name of (await readdir(archives)).filter((file) => file.endsWith('.deb'))) {
    await run('dpkg', ['-x', join(archives, name), root]);
  }
  // One program is server, Sentinel and checker, by the name it is called with.
  const lines = [
    '#!/bin/sh',
    `lib=${root}/usr/lib/x86_64-linux-gnu`,
    `exec $lib/ld-linux-x86-64.so.2 --argv0 ${program}-server --library-path $lib ${root}/usr/bin/${program}-check-rdb "$@"`,
  ];
  await writeFile(script, `${lines.join('\n')}\n`);
  await chmod(script, 0o755);
  return true;
}
