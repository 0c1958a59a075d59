import { readFileSync, writeFileSync } from 'node:fs';
import { variantNamed } from '../http/variants.js';
import type { BenchResults } from './results.js';
import type { SummaryRow } from './summary.js';
import { markdownTable, short } from './text-table.js';

/** README's table, made from the results of a run: `tsx bench/report/readme-table.ts bench/results/NAME.json [README.md]`. */

const [resultsFile, readmeFile] = process.argv.slice(2);
if (resultsFile === undefined) throw new Error('name a file of bench/results');
const results = JSON.parse(readFileSync(resultsFile, 'utf8')) as BenchResults;
const text = tableOf(results);
if (readmeFile === undefined) process.stdout.write(`${text}\n`);
else replaceBetweenMarkers(readmeFile, text);

function tableOf({ http, machine, mode, madeAt, delayedRoundTripMs }: BenchResults): string {
  if (!http) throw new Error('the results are without the HTTP bench');
  const { rows, exact } = http;
  const variants = [...new Set(rows.map(({ variant }) => variant))];
  const cell = (variant: string, operation: string, bytes: number, isDelayed = false): SummaryRow | undefined =>
    rows.find(
      (row) =>
        row.variant === variant &&
        row.operation === operation &&
        row.bytes === bytes &&
        row.isDelayed === isDelayed &&
        row.connections === 32,
    );
  const exactOf = (variant: string, operation: string) =>
    exact.find((sample) => sample.variant === variant && sample.operation === operation && sample.bytes === 32_768) ??
    exact.find((sample) => sample.variant === variant && sample.operation === operation);
  const header = [
    'CPU of the server per request (µs)',
    'read 0.5 KB',
    'change 0.5 KB',
    'read 4 KB',
    'change 4 KB',
    'read 32 KB',
    'change 32 KB',
    `read, ${short(delayedRoundTripMs)} ms to Redis (p50)`,
    'Redis commands per read',
    'bytes to Redis per change of 32 KB',
  ];
  const table = markdownTable(
    header,
    variants.map((variant) => [
      variantNamed(variant).label,
      short(cell(variant, 'read', 512)?.cpuMicros.median),
      short(cell(variant, 'change', 512)?.cpuMicros.median),
      short(cell(variant, 'read', 4_096)?.cpuMicros.median),
      short(cell(variant, 'change', 4_096)?.cpuMicros.median),
      short(cell(variant, 'read', 32_768)?.cpuMicros.median),
      short(cell(variant, 'change', 32_768)?.cpuMicros.median),
      withUnit(cell(variant, 'read', 4_096, true)?.p50Ms.median),
      short(exactOf(variant, 'read')?.commands),
      short(exactOf(variant, 'change')?.bytesIn),
    ]),
  );
  const where = `${machine.cpu}, ${machine.cores} cores (server on one, load and Redis on the other), Node ${machine.node}, Redis ${machine.redis}`;
  return `${table}\n\nMedians of a ${mode} run on ${madeAt.slice(0, 10)}: ${where}. \`npm run bench\` makes it again; all figures are in \`bench/results\`.`;
}

function withUnit(milliseconds: number | undefined): string {
  return milliseconds === undefined ? '' : `${short(milliseconds, 1)} ms`;
}

function replaceBetweenMarkers(file: string, content: string): void {
  const readme = readFileSync(file, 'utf8');
  const pattern = /(<!-- bench:begin -->\n)[\s\S]*?(\n<!-- bench:end -->)/;
  if (!pattern.test(readme)) throw new Error(`${file} has no <!-- bench:begin --> … <!-- bench:end -->`);
  writeFileSync(
    file,
    readme.replace(pattern, (_, begin: string, end: string) => begin + content + end),
  );
}
