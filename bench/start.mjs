// `npm run bench`: installs what only the bench needs, builds the package, and runs the bench. Plain Node, so that it can.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const bench = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('..', import.meta.url));
const args = process.argv.slice(2);
// For whoever benches the build that is there, again and again.
const isBuilt = args.includes('--no-build') && existsSync(`${root}dist/index.js`);

if (!existsSync(`${bench}node_modules/autocannon`)) run('npm', ['ci', '--no-audit', '--no-fund'], bench);
if (!isBuilt) run('npm', ['run', '--silent', 'build'], root);
const entry = args[0] === 'failover' ? 'failover/run.ts' : 'run.ts';
run(
  process.execPath,
  ['--import', 'tsx/esm', `${bench}${entry}`, ...args.filter((arg) => arg !== '--no-build' && arg !== 'failover')],
  root,
);

/**
 * @param {string} command
 * @param {string[]} commandArgs
 * @param {string} cwd
 */
function run(command, commandArgs, cwd) {
  const env = { ...process.env, TSX_TSCONFIG_PATH: `${bench}tsconfig.json` };
  const { status, signal } = spawnSync(command, commandArgs, { cwd, env, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? (signal === 'SIGINT' ? 130 : 1));
}
