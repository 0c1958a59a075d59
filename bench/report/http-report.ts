import type { ExactSample, HttpResults } from '../http/http-bench.js';
import { variantNamed } from '../http/variants.js';
import type { Spread } from './statistics.js';
import type { SummaryRow } from './summary.js';
import { short, textTable } from './text-table.js';

/** The HTTP bench as tables for a terminal. */
export function httpReport(results: HttpResults, rows: readonly SummaryRow[]): string {
  const blocks: string[] = [];
  for (const [title, cell] of cellsOf(rows)) blocks.push(`${title}\n${cellTable(cell)}`);
  if (results.exact.length > 0)
    blocks.push(`Per request, exactly (one connection, one request after the other)\n${exactTable(results.exact)}`);
  return blocks.join('\n\n');
}

/** Rows by cell, under a title that says which. */
export function cellsOf(rows: readonly SummaryRow[]): Map<string, SummaryRow[]> {
  const cells = new Map<string, SummaryRow[]>();
  for (const row of rows) {
    const title = `${titleOf(row)}, ${row.rounds} round${row.rounds === 1 ? '' : 's'}`;
    cells.set(title, [...(cells.get(title) ?? []), row]);
  }
  return cells;
}

function titleOf({ operation, bytes, connections, isDelayed }: SummaryRow): string {
  const network = isDelayed ? '5 ms to Redis' : 'Redis on loopback';
  return `${operation}, ${bytes / 1_024} KB, ${connections} connection${connections === 1 ? '' : 's'}, ${network}`;
}

function cellTable(rows: readonly SummaryRow[]): string {
  const header = [
    'variant',
    'req/s',
    'CPU us',
    '(min-max)',
    '/bound',
    '/peer',
    'p50 ms',
    'p99 ms',
    'cmds',
    'B to',
    'B from',
    'Redis us',
    'load',
    'note',
  ];
  return textTable(
    header,
    rows.map((row) => [
      row.label,
      short(row.requestsPerSecond.median),
      short(row.cpuMicros.median),
      range(row.cpuMicros),
      short(row.cpuToBound?.median, 2),
      short(row.cpuToPeer?.median, 2),
      short(row.p50Ms.median, 2),
      short(row.p99Ms.median, 2),
      short(row.redisCommands?.median, 2),
      short(row.redisBytesIn?.median),
      short(row.redisBytesOut?.median),
      short(row.redisCpuMicros?.median),
      `${short(row.loadShare * 100)}%`,
      row.failures > 0 ? `VOID: ${row.failures} failed` : '',
    ]),
  );
}

function exactTable(exact: readonly ExactSample[]): string {
  const header = ['variant', 'operation', 'KB', 'cmds', 'B to', 'B from', 'commands', 'in scripts'];
  return textTable(
    header,
    exact.map((sample) => [
      variantNamed(sample.variant).label,
      sample.operation,
      short(sample.bytes / 1_024, 1),
      short(sample.commands, 2),
      short(sample.bytesIn),
      short(sample.bytesOut),
      listOf(sample.sent),
      listOf(sample.inScripts),
    ]),
  );
}

function listOf(calls: Readonly<Record<string, number>>): string {
  return Object.entries(calls)
    .map(([name, count]) => (count === 1 ? name : `${name} ${short(count, 2)}`))
    .join(', ');
}

function range({ min, max }: Spread): string {
  return `${short(min)}-${short(max)}`;
}
