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
