// @ts-check
/**
 * `npm run test:table -- N`: runs each scenario of test/topology/members N times, one alone at a time, and prints a table of what
 * they came to. `-- N PATTERN` takes those whose name contains the text; `--resume FILE` goes on with the lines of an earlier run.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDependencies, root } from './machine.mjs';

/**
 * @typedef {object} Line - what one run came to, as test/topology/scenario.ts writes it
 * @property {string} name
 * @property {number} acknowledged
 * @property {number} lost
 * @property {number} undone
 * @property {number} degradedLost
 * @property {number} ghosts
 * @property {number} failed
 * @property {number} stale
 * @property {number} staleMs
 * @property {number} refused
 * @property {number} pauseMs
 */

await ensureDependencies();
const args = process.argv.slice(2);
const at = args.indexOf('--resume');
const [, resumed] = at === -1 ? [] : args.splice(at, 2);
const file = resumed ?? join(mkdtempSync(join(tmpdir(), 'ha-session-table-')), 'outcomes.jsonl');
const [times = '10', pattern = ''] = args;
let unfinished = 0;
for (let time = 0; time < Number(times); time++) {
  const { status } = spawnSync(
    join(root, 'node_modules', '.bin', 'vitest'),
    [
      'run',
      '-c',
      'test/topology/vitest.members.config.ts',
      'test/topology/members/member-faults.spec.ts',
      '--maxConcurrency=1',
      ...(pattern === '' ? [] : ['-t', pattern]),
    ],
    { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, FAULT_OUTCOMES: file } },
  );
  if (status !== 0) unfinished++;
}
process.stdout.write(
  `\n${table(file)}\n\n${unfinished} of ${times} rounds had a red test; lines of this run: ${file}\n`,
);
process.exitCode = unfinished === 0 ? 0 : 1;

/**
 * @param {string} path
 * @returns {string} as Markdown
 */
function table(path) {
  /** @type {Line[]} */
  const lines = existsSync(path)
    ? readFileSync(path, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    : [];
  const names = [...new Set(lines.map(({ name }) => name))];
  const rows = names.map((name) => {
    const runs = lines.filter((line) => line.name === name);
    /** @param {keyof Omit<Line, 'name'>} field */
    const sum = (field) => runs.reduce((total, run) => total + run[field], 0);
    const oldest = Math.max(...runs.map(({ staleMs }) => staleMs));
    return [
      name,
      runs.length,
      sum('acknowledged'),
      sum('lost'),
      sum('undone'),
      sum('degradedLost'),
      sum('stale') === 0 ? 0 : `${sum('stale')} (${oldest} ms)`,
      sum('refused'),
      `${(Math.max(...runs.map(({ pauseMs }) => pauseMs)) / 1000).toFixed(1)} s`,
    ];
  });
  const head = [
    'scenario',
    'runs',
    'acknowledged',
    'lost',
    'undone',
    'lost, said',
    'stale',
    'refused',
    'longest pause',
  ];
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
