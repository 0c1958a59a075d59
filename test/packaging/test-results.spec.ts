import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countVitest, sum } from '../../tools/test-results.mjs';

/** A file of vitest's JSON report with tests of the given states. */
const file = (status: string, ...states: string[]) => ({
  name: 'some.spec.ts',
  status,
  assertionResults: states.map((state, index) => ({ status: state, fullName: `test ${index} ${state}` })),
});

describe('the last line of npm test', () => {
  it('counts what has passed, failed and been skipped', () => {
    const report = { success: false, testResults: [file('failed', 'passed', 'failed', 'skipped', 'todo')] };
    expect(countVitest(report, 1)).toEqual({
      passed: 1,
      failed: 1,
      failures: ['test 1 failed (some.spec.ts)'],
      skipped: ['test 2 skipped', 'test 3 todo'],
    });
  });

  it('says where and why a test failed, once more at the end', () => {
    const test = {
      status: 'failed',
      fullName: 'a test',
      failureMessages: ['\u001b[31mAssertionError\u001b[39m: no\n  at x.ts:1'],
    };
    const report = {
      success: false,
      testResults: [
        { name: resolve('test/some.spec.ts'), status: 'failed', assertionResults: [test] },
        { name: resolve('test/other.spec.ts'), status: 'failed', message: 'cannot be parsed', assertionResults: [] },
      ],
    };
    expect(countVitest(report, 1).failures).toEqual([
      'a test (test/some.spec.ts)\n      AssertionError: no\n        at x.ts:1',
      'test/other.spec.ts as a whole\n      cannot be parsed',
    ]);
  });

  it('counts a file that cannot be loaded, or whose set-up fails, as a failure', () => {
    const report = {
      success: false,
      testResults: [file('passed', 'passed'), file('failed'), file('failed', 'skipped')],
    };
    expect(countVitest(report, 1)).toMatchObject({ passed: 1, failed: 2 });
  });

  it('counts an error outside of any test as a failure', () => {
    const report = { success: false, testResults: [file('passed', 'passed')] };
    expect(countVitest(report, 1)).toMatchObject({ passed: 1, failed: 1 });
  });

  it('counts a runner that dies without a report as a failure', () => {
    expect(countVitest(undefined, null)).toMatchObject({ passed: 0, failed: 1 });
  });

  it('does not take an empty run for a good one', () => {
    expect(countVitest({ success: true, testResults: [] }, 0)).toMatchObject({ passed: 0, failed: 1 });
    expect(countVitest({ success: true, testResults: [file('passed', 'skipped')] }, 0)).toMatchObject({ failed: 1 });
  });

  it('adds up several runners', () => {
    const one = { passed: 1, failed: 1, skipped: ['a'], failures: ['b'] };
    expect(sum([one, one])).toEqual({ passed: 2, failed: 2, skipped: ['a', 'a'], failures: ['b', 'b'] });
  });
});
