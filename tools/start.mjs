#!/usr/bin/env node
// @ts-check
/**
 * `npm start`: the portal of sample/02-portal on two instances over a Redis primary, a replica and three Sentinels, from a
 * fresh clone. `npm start -- --drill` breaks Redis under load instead and tells what users saw.
 *
 * Plain Node, because this runs before anything is installed; all the rest is TypeScript in tools/start.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureDependencies, ensureRedis, root } from './machine.mjs';

const USAGE = `Usage: npm start -- [options]

  --port PORT    where the portal listens (default: 3000 when free, else any free port)
  --embedded     keep the sessions in the portal's own process, without Redis
  --drill        drive users through both instances, kill the primary, restart it, switch over as planned; exit 0 only
                 when nothing was lost and nobody saw an error
  --planned N    with --drill: so many planned failovers instead of one
  --minutes N    with --drill: users work for N minutes, and every minute the monitor, the metrics of each instance and the
                 history are compared with what the users know, to the session; kill and planned failover in between
  --json FILE    with --drill: write what it found to FILE as well
  --help         this text
`;

const options = readOptions();
if (options.help) {
  process.stdout.write(USAGE);
} else {
  await ensureDependencies();
  build('.', 'lib');
  build('sample/02-portal', 'src');
  const redis = options.embedded ? { found: false, hint: '--embedded was given' } : await ensureRedis();
  if ('path' in redis) process.env['PATH'] = dirname(redis.path) + delimiter + String(process.env['PATH']);

  const { register } = await import('tsx/esm/api');
  register();
  const { run } = await import('./start/run.js');
  process.exitCode = await run({
    port: options.port,
    whyWithoutRedis: 'hint' in redis ? redis.hint : undefined,
    drill: options.drill,
    plannedFailovers: options.planned,
    minutes: options.minutes,
    jsonFile: options.json,
  });
}

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        port: { type: 'string' },
        embedded: { type: 'boolean', default: false },
        drill: { type: 'boolean', default: false },
        planned: { type: 'string' },
        minutes: { type: 'string' },
        json: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    const port = values.port === undefined ? undefined : Number(values.port);
    if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port < 65_536))
      throw new Error('--port takes a number from 0 to 65535');
    if (!values.drill && (values.json ?? values.planned ?? values.minutes) !== undefined)
      throw new Error('--json, --planned and --minutes belong to --drill');
    const minutes = values.minutes === undefined ? undefined : Number(values.minutes);
    if (minutes !== undefined && !(minutes > 0 && minutes <= 55))
      throw new Error('--minutes takes a number up to 55: the history that is compared is that of an hour');
    const planned = Number(values.planned ?? 1);
    if (!(Number.isInteger(planned) && planned > 0 && planned <= 50))
      throw new Error('--planned takes a number from 1 to 50');
    if (values.embedded && values.drill) throw new Error('--drill kills Redis nodes; with --embedded there are none');
    return { ...values, port, planned, minutes };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

/**
 * Builds a package when its sources are newer than what was built from them.
 *
 * @param {string} folder of its package.json, from the repository's folder
 * @param {string} sources folder of its sources, from there
 */
function build(folder, sources) {
  const home = join(root, folder);
  if (newest(join(home, 'dist')) > Math.max(newest(join(home, sources)), statSync(join(home, 'package.json')).mtimeMs))
    return;
  process.stderr.write(`building ${folder === '.' ? 'the package' : folder}\n`);
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], {
    cwd: home,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0) process.exit(status ?? 1);
}

/**
 * @param {string} folder
 * @returns {number} when the newest file in it was written, epoch milliseconds; 0 when there is none
 */
function newest(folder) {
  try {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    return Math.max(0, ...files.map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs));
  } catch {
    return 0;
  }
}
