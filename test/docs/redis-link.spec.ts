import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from './markdown.js';

const WINGS = ['connection', 'primary', 'replication', 'sentinel', 'survey', 'link'];

function classesOf(wing: string): string[] {
  const folder = join(ROOT, 'lib/redis', wing);
  return readdirSync(folder).flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    return [...text.matchAll(/^export class (\w+)/gm)].map(([, name = '']) => name);
  });
}

it('docs/redis-link.md names the classes of lib/redis that hold a state of the link, and no others', () => {
  const [, after = ''] = readFileSync(join(ROOT, 'docs/redis-link.md'), 'utf8').split('## Classes');
  const rows = after.split('\n').filter((line) => line.startsWith('| `') && !line.includes('/`'));
  const listed = rows.flatMap((row) =>
    [...(row.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
  );
  expect(listed.sort()).toEqual(WINGS.flatMap(classesOf).sort());
});

/** The wings that the files of one wing import. */
function importsOf(wing: string): string[] {
  const folder = join(ROOT, 'lib/redis', wing);
  const imported = readdirSync(folder).flatMap((file) =>
    [...readFileSync(join(folder, file), 'utf8').matchAll(/from '\.\.\/(\w+)\//g)].map(([, name = '']) => name),
  );
  return [...new Set(imported)].filter((name) => [...WINGS, 'decisions'].includes(name)).sort();
}

it('docs/redis-link.md has the map of the wings as it is', () => {
  const [, after = ''] = readFileSync(join(ROOT, 'docs/redis-link.md'), 'utf8').split('## Map');
  const rows = [...(after.split('## Decisions')[0] ?? '').matchAll(/^\| `(\w+)` \|(.*)\|$/gm)];
  const wings = readdirSync(join(ROOT, 'lib/redis')).map((wing) => ({
    wing,
    imports: importsOf(wing),
  }));
  const told = rows.map(([, wing = '', list = '']) => ({
    wing,
    imports: [...list.matchAll(/`(\w+)`/g)].map(([, name = '']) => name).sort(),
  }));
  const byName = (a: { wing: string }, b: { wing: string }): number => a.wing.localeCompare(b.wing);
  expect(told.sort(byName)).toEqual(wings.sort(byName));
  const count = wings.reduce((sum, { imports }) => sum + imports.length, 0);
  expect(after).toContain(`So ${count} arrows lead from wing to wing`);
});
