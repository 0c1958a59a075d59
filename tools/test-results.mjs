// @ts-check
/** Counts tests from the runners' own reports: nothing is read from what they print. */
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

/** @typedef {{ passed: number, failed: number, skipped: string[], failures: string[] }} TestResults */

/**
 * @typedef {object} VitestReport the parts of vitest's JSON report that count
 * @property {boolean} success
 * @property {VitestFile[]} testResults
 */

/**
 * @typedef {object} VitestFile
 * @property {string} name its path
 * @property {string} status
 * @property {string} [message] why it cannot be loaded
 * @property {{ status: string, fullName: string, failureMessages?: string[] | null }[]} assertionResults
 */

/**
 * Counts one vitest run. A file that cannot be loaded, a hook that fails and an error outside of any test count as one
 * failure each: vitest's own `numFailedTests` is 0 for all of them.
 *
 * @param {VitestReport | undefined} report undefined when the runner wrote none
 * @param {number | null} exitCode of the runner
 * @returns {TestResults}
 */
export function countVitest(report, exitCode) {
  /** @type {TestResults} */
  const results = { passed: 0, failed: 0, skipped: [], failures: [] };
  for (const file of report?.testResults ?? []) {
    const failed = file.assertionResults.filter(({ status }) => status === 'failed');
    results.passed += file.assertionResults.filter(({ status }) => status === 'passed').length;
    const path = relative(process.cwd(), file.name);
    results.failures.push(
      ...failed.map(({ fullName, failureMessages }) => `${fullName} (${path})${because(failureMessages?.[0])}`),
    );
    results.skipped.push(
      ...file.assertionResults
        .filter(({ status }) => !['passed', 'failed'].includes(status))
        .map((test) => test.fullName),
    );
    if (file.status === 'failed' && failed.length === 0) {
      results.failures.push(`${path} as a whole${because(file.message)}`);
    }
  }
  if (exitCode !== 0 && results.failures.length === 0) {
    results.failures.push(`the test runner (exit code ${String(exitCode)})`);
  }
  results.failed = results.failures.length;
  if (results.passed + results.failed === 0) return { ...results, failed: 1, failures: ['no test has been executed'] };
  return results;
}

/**
 * The first lines of an error, below the name of what failed: a CI that keeps only the end of its output tells why, too.
 *
 * @param {string | undefined} message
 */
function because(message = '') {
  const lines = stripVTControlCharacters(message)
    .split('\n')
    .filter((line) => line.trim() !== '');
  return lines
    .slice(0, 8)
    .map((line) => `\n      ${line}`)
    .join('');
}

/**
 * Reads vitest's JSON report.
 *
 * @param {string} path
 * @returns {VitestReport | undefined} undefined when the runner died before it wrote one
 */
export function readVitestReport(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

/**
 * Adds up several runs.
 *
 * @param {readonly TestResults[]} all
 * @returns {TestResults}
 */
export function sum(all) {
  return {
    passed: all.reduce((total, { passed }) => total + passed, 0),
    failed: all.reduce((total, { failed }) => total + failed, 0),
    skipped: all.flatMap(({ skipped }) => skipped),
    failures: all.flatMap(({ failures }) => failures),
  };
}

/**
 * Prints what was skipped and what failed, then `N passed, N failed` as the very last line, and sets the exit code.
 *
 * @param {TestResults} results
 */
export function conclude({ passed, failed, skipped, failures }) {
  const lines = [
    ...(skipped.length > 0 ? [`\nSkipped (${skipped.length}):`, ...skipped.map((name) => `  - ${name}`)] : []),
    ...(failures.length > 0 ? [`\nFailed (${failures.length}):`, ...failures.map((name) => `  - ${name}`)] : []),
    `\n${passed} passed, ${failed} failed`,
  ];
  // Set, not process.exit(): what is still on its way to a pipe would be lost.
  process.exitCode = failed === 0 ? 0 : 1;
  process.stdout.write(`${lines.join('\n')}\n`);
}
