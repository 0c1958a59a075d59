import { readFileSync } from 'node:fs';
import type { GoalResult } from './goals.js';
import { isReached } from './goals.js';
import type { BenchResults } from './results.js';
import { markdownTable, short } from './text-table.js';

/**
 * What several runs say of each goal, side by side: `tsx bench/report/compare-runs.ts A.json B.json …`. A figure that only some
 * of them reach is marked: it is not more certain than that.
 */

const runs = process.argv.slice(2).map((file) => JSON.parse(readFileSync(file, 'utf8')) as BenchResults);
if (runs.length === 0) throw new Error('name files of bench/results');

const rows = new Map<string, (GoalResult | undefined)[]>();
for (const [index, { goals }] of runs.entries()) {
  for (const goal of goals) {
    if (isReached(goal) === null) continue;
    const row = rows.get(goal.figure) ?? runs.map(() => undefined);
    row[index] = goal;
    rows.set(goal.figure, row);
  }
}

const header = ['figure', 'goal', ...runs.map(({ madeAt, mode }) => `${mode} run of ${madeAt.slice(0, 16)}`), ''];
const lines = [...rows].map(([figure, results]) => {
  const known = results.filter((result) => result !== undefined);
  const goal = known[0]!;
  return [
    figure,
    `${goal.isUpperBound ? '<=' : '>='} ${goal.goal}`,
    ...results.map((result) => short(result?.measured, 2)),
    verdictOf(known),
  ];
});
process.stdout.write(`${markdownTable(header, lines)}\n`);

function verdictOf(results: readonly GoalResult[]): string {
  const reached = results.filter((result) => isReached(result) === true).length;
  if (reached === results.length) return 'reached';
  return reached === 0 ? 'missed' : 'the runs disagree';
}
