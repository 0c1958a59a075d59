// @ts-check
/** Runs the tests of every sample by the sample's own `npm test`, against the package as it is built. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureChromium, ensureDependencies, ensureRedis, root } from './machine.mjs';
import { conclude, countVitest, readVitestReport, sum } from './test-results.mjs';

await ensureDependencies();
const findings = [await ensureRedis(), await ensureChromium()];
const hints = findings.flatMap((finding) => (finding.found ? [] : [finding.hint]));
if (hints.length > 0) {
  process.stderr.write(`The samples' tests need real servers and a browser:\n  - ${hints.join('\n  - ')}\n`);
  process.exitCode = 1;
} else {
  conclude(await testSamples());
}

async function testSamples() {
  // The samples import the package by its name, that is: its dist.
  const buildCode = await npm('run', 'build');
  if (buildCode !== 0) return countVitest(undefined, buildCode);
  const samples = readdirSync(join(root, 'sample'))
    .filter((name) => existsSync(join(root, 'sample', name, 'package.json')))
    .sort();
  const results = [];
  for (const sample of samples) results.push(await testSample(sample));
  return sum(results);
}

/** @param {string} sample */
async function testSample(sample) {
  const folder = mkdtempSync(join(tmpdir(), 'ha-session-sample-'));
  const report = join(folder, 'report.json');
  process.stdout.write(`\nsample/${sample}\n`);
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    const exitCode = await npm('test', '--workspace', `sample/${sample}`, '--', ...reporters);
    const results = countVitest(readVitestReport(report), exitCode);
    return { ...results, failures: results.failures.map((name) => `sample/${sample}: ${name}`) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {readonly string[]} args
 * @returns {Promise<number | null>} the exit code
 */
function npm(...args) {
  const isWindows = process.platform === 'win32';
  const child = spawn(isWindows ? 'npm.cmd' : 'npm', args, { cwd: root, stdio: 'inherit', shell: isWindows });
  return new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
}
