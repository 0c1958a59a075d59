// @ts-check
/**
 * `npm test`: everything that is a test, on real servers. Arguments are passed on to vitest (`npm test -- test/unit`), but for
 * `--model N` (N schedules of the model alone), `--interleavings N` (N of requests to sessions alone), `--random N` (N random sequences of faults alone) and `--seed S` of either.
 *
 * Plain Node without dependencies: on a fresh clone this is what installs them.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ensureChromium,
  ensureDependencies,
  ensureNetworkTools,
  ensurePrometheus,
  ensureRedis,
  root,
} from './machine.mjs';
import { conclude, countVitest, readVitestReport } from './test-results.mjs';

/** What a test that needs more than Node and Redis mentions, how to get it, and whether the test skips itself without it. */
const NEEDS = [
  { sign: 'playwright-core', ensure: ensureChromium, isOptional: false },
  { sign: 'support/prometheus-server.js', ensure: ensurePrometheus, isOptional: false },
  { sign: 'redis-lab/network.js', ensure: ensureNetworkTools, isOptional: true },
];

await ensureDependencies();
const missing = await missingPrograms();
if (missing.length > 0) {
  process.stderr.write(`The tests need real servers:\n${missing.map((hint) => `  - ${hint}`).join('\n')}\n`);
  process.exitCode = 1;
} else {
  conclude(await runVitest(ownArguments(process.argv.slice(2))));
}

/**
 * Takes out what is not vitest's; the tests find it in the environment.
 *
 * @param {readonly string[]} args
 * @returns {string[]}
 */
function ownArguments(args) {
  const rest = [...args];
  /** @param {string} name */
  const take = (name) => {
    const at = rest.indexOf(name);
    return at === -1 ? undefined : rest.splice(at, 2)[1];
  };
  const [model, random, seed] = [take('--model'), take('--random'), take('--seed')];
  const interleavings = take('--interleavings');
  if (interleavings !== undefined) {
    process.env['SESSION_MODEL_RUNS'] = interleavings;
    rest.push('session-model');
  }
  if (seed !== undefined) process.env['TEST_SEED'] = seed;
  if (model !== undefined) {
    process.env['MODEL_SCHEDULES'] = model;
    rest.push('test/model');
  }
  if (random !== undefined) {
    process.env['RANDOM_FAULTS'] = random;
    rest.push('random-faults');
  }
  return rest;
}

/** @returns {Promise<string[]>} how to get each program that is missing */
async function missingPrograms() {
  const sources = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => readFileSync(join(root, 'test', path), 'utf8'));
  const needed = NEEDS.filter(({ sign }) => sources.some((source) => source.includes(sign)));
  const hints = [];
  // One after the other: two apt-get at the same time would wait for each other anyway.
  for (const { ensure, isOptional } of [{ ensure: ensureRedis, isOptional: false }, ...needed]) {
    const finding = await ensure();
    if (finding.found) continue;
    if (isOptional) process.stderr.write(`Some tests will be skipped: ${finding.hint}\n`);
    else hints.push(finding.hint);
  }
  return hints;
}

/**
 * @param {readonly string[]} args
 * @returns {Promise<import('./test-results.mjs').TestResults>}
 */
async function runVitest(args) {
  const folder = mkdtempSync(join(tmpdir(), 'ha-session-test-'));
  const report = join(folder, 'report.json');
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  try {
    const child = spawn(process.execPath, [vitest, 'run', ...reporters, ...args], { cwd: root, stdio: 'inherit' });
    // Ctrl-C reaches the child too (same terminal); it cleans up first, then we count.
    process.on('SIGINT', () => undefined);
    process.on('SIGTERM', () => child.kill('SIGTERM'));
    const exitCode = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
    return countVitest(readVitestReport(report), exitCode);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
