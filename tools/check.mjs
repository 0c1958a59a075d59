// @ts-check
/** `npm run check`: everything but the tests, cheapest first; stops at the first step that fails and names it. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ensureDependencies, root } from './machine.mjs';

/** Name, what it proves, command: the first word is a program of node_modules/.bin or `node`. */
const STEPS = [
  ['scripts', 'embedded Lua is what the sources give; headers are right', 'tsx tools/build-scripts.ts --verify'],
  ['page', 'the page of the monitor is what the sources give', 'tsx tools/build-page.ts --verify'],
  ['format', 'prettier', 'prettier --check --log-level warn .'],
  // Before types and lint: the samples see the package as it is built.
  ['build', 'nest build', 'nest build'],
  ['types', 'tsc', 'tsc -p tsconfig.json && tsc -p pages/monitor/tsconfig.json'],
  ['imports', 'dependency-cruiser', 'depcruise --output-type err-long lib test tools sample'],
  ['lint', 'eslint', 'eslint --max-warnings 0 .'],
  ['dead code', 'knip: unused files, exports and dependencies', 'knip'],
  ['package', 'declarations, imports, docs and contents', 'node tools/check-package.mjs'],
  ['api', 'public API as reviewed in etc/', 'node tools/api-reports.mjs'],
  ['publint', 'package.json against the files it names', 'publint --strict'],
  ['attw', 'types resolve for every consumer', 'attw --pack . --profile esm-only --no-emoji'],
];

await ensureDependencies();
const wanted = process.argv.slice(2);
const steps = STEPS.filter(([name = '']) => wanted.length === 0 || wanted.includes(name));
let failed = steps.length === 0 ? `no step is called ${wanted.join(' ')}` : undefined;
for (const [name = '', purpose = '', command = ''] of steps) {
  process.stdout.write(`${name} (${purpose})\n`);
  const startedMs = Date.now();
  const code = await run(command);
  if (code !== 0) {
    failed = `${name} failed (exit code ${String(code)}); again with: npm run check -- "${name}"`;
    break;
  }
  process.stdout.write(`  ok, ${((Date.now() - startedMs) / 1000).toFixed(1)} s\n`);
}
process.stdout.write(failed === undefined ? 'check: all good\n' : `check: ${failed}\n`);
process.exitCode = failed === undefined ? 0 : 1;

/**
 * @param {string} command
 * @returns {Promise<number | null>} the exit code
 */
function run(command) {
  // npm's own way to its programs: works for .cmd files on Windows too.
  const PATH = [join(root, 'node_modules', '.bin'), process.env['PATH']].join(process.platform === 'win32' ? ';' : ':');
  // publint and attw pack by npm, whose prepack would build a third time what the build step has just built.
  const env = { ...process.env, PATH, npm_config_ignore_scripts: 'true' };
  const child = spawn(command, { cwd: root, stdio: 'inherit', shell: true, env });
  return new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
}
