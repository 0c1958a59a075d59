import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './package.js';

/** One combination that was tried. */
export interface CellResult {
  readonly title: string;
  readonly hasPassed: boolean;
  /** What ran, by the name of the axis: `Node.js`, `NestJS`, `ioredis` … */
  readonly versions: Readonly<Record<string, string>>;
}

/** The combinations of the last runs. */
export interface MatrixResults {
  /** Day of the last run. */
  readonly date: string;
  readonly cells: readonly CellResult[];
}

const FILE = join(ROOT, 'test/matrix/results.json');
const README = join(ROOT, 'README.md');
const BEGIN = '<!-- matrix:begin -->';
const END = '<!-- matrix:end -->';

/** Peers' names in the order of the table, and what the package allows of each. */
const AXES: Readonly<Record<string, string>> = {
  'Node.js': '20.19 or newer',
  NestJS: '11, 12',
  Platform: 'Express 5, Fastify 5',
  'express-session': '1.18, 1.19',
  ioredis: '5.11, 6',
  Server: 'Redis 6.2 or newer, Valkey; 6.2 is left to `.github/workflows/matrix.yml`',
  TypeScript: '5.9, 6, 7 for the checked decorators',
  Terminus: '11, 12, only for `nestjs-ha-session/health`',
  Build: 'ESM; CommonJS applications `require` it',
  'Test runner': 'any that runs ESM',
};

/** The last full run. */
export function readResults(): MatrixResults {
  return JSON.parse(readFileSync(FILE, 'utf8')) as MatrixResults;
}

/** Keeps a run, here and in the README; one that was not whole replaces what it has tried again. */
export function recordResults(tried: readonly CellResult[], { isWhole }: { readonly isWhole: boolean }): void {
  const titles = new Set(tried.map(({ title }) => title));
  const others = isWhole ? [] : readResults().cells.filter(({ title }) => !titles.has(title));
  const results = { date: new Date().toISOString().slice(0, 10), cells: [...others, ...tried] };
  writeFileSync(FILE, `${JSON.stringify(results, null, 2)}\n`);
  const page = readFileSync(README, 'utf8');
  const [before = '', rest = ''] = page.split(BEGIN);
  const after = rest.split(END)[1] ?? '';
  writeFileSync(README, `${before}${BEGIN}\n${supportedVersions(results)}\n${END}${after}`);
}

/** The README's table as it stands. */
export function supportedVersionsOfReadme(): string {
  const page = readFileSync(README, 'utf8');
  return page.slice(page.indexOf(BEGIN) + BEGIN.length, page.indexOf(END)).trim();
}

/** The README's table as a run gives it: only what has passed counts as tested. */
export function supportedVersions({ date, cells }: MatrixResults): string {
  const passed = cells.filter(({ hasPassed }) => hasPassed);
  const tested = (axis: string): string => {
    const versions = passed.flatMap(({ versions: { [axis]: version } }) => (version === undefined ? [] : [version]));
    return [...new Set(versions)].sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).join(', ');
  };
  const rows = Object.entries(AXES).map(([axis, supported]) => `| ${axis} | ${supported} | ${tested(axis)} |`);
  return [
    '| | supported | tested |',
    '|---|---|---|',
    ...rows,
    '',
    `Tested on ${date} with the packed package: ${passed.length} of ${cells.length} combinations passed (\`npm run test:matrix\`, ` +
      '`test/matrix/results.json`).',
  ].join('\n');
}
