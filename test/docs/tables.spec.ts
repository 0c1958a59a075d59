import { describe, expect, it } from 'vitest';
import { pages } from './markdown.js';

/** Tables of what an operator may meet: the last cell of each row names the test that makes it, `[file]: "title"`. */
const TABLES = [
  { page: 'docs/errors.md', head: '| code | class |' },
  { page: 'docs/health.md', head: '| reason | status |' },
  { page: 'docs/operations.md', head: '| level | line |' },
  { page: 'docs/operations.md', head: '| the line says |' },
];

function rowsOf({ page, head }: (typeof TABLES)[number]): readonly string[] {
  const lines = (pages.find(({ path }) => path === page)?.text ?? '').split('\n');
  const first = lines.findIndex((line) => line.startsWith(head)) + 2;
  const end = lines.findIndex((line, index) => index >= first && !line.startsWith('|'));
  return lines.slice(first, end);
}

// That these tests exist is what proofs.spec.ts looks at.
describe('the tables for operators', () => {
  it.each(TABLES)('name the test that makes each row: $page, $head', (table) => {
    const rows = rowsOf(table);
    expect(rows.length).toBeGreaterThan(5);
    expect(rows.filter((row) => !/\| \[[\w-]+\]: "[^"]+" \|$/.test(row))).toEqual([]);
  });
});
