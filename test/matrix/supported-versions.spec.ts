import { expect, it } from 'vitest';
import { readResults, supportedVersions, supportedVersionsOfReadme } from './results.js';

it("the README's table of supported versions is that of the last run, in which everything passed", () => {
  const results = readResults();
  expect(results.cells.filter(({ hasPassed }) => !hasPassed)).toEqual([]);
  expect(supportedVersionsOfReadme()).toBe(supportedVersions(results));
});
