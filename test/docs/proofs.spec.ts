import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Page } from './markdown.js';
import { pages, ROOT } from './markdown.js';

/** What a page says is proved: `[file]: "name of a test"`, the file by the page's own link definitions. */
function proofsOf({ path, text }: Page): { file: string | undefined; name: string }[] {
  const files = new Map(
    [...text.matchAll(/^\[([\w-]+)\]: (\S+\.ts)$/gm)].map(([, key = '', target = '']) => [
      key,
      join(dirname(path), target),
    ]),
  );
  return [...text.matchAll(/\[([\w-]+)\]: "((?:[^"\\]|\\.)+)"/g)].map(([, key = '', name = '']) => ({
    file: files.get(key),
    name: plain(name),
  }));
}

/** Quotes are escaped here and there, and lines are broken. */
function plain(text: string): string {
  return text.replace(/\\(["'`])/g, '$1').replace(/\s+/g, ' ');
}

function missingOf(page: Page): string[] {
  return proofsOf(page)
    .filter(({ file, name }) => !file || !plain(readFileSync(join(ROOT, file), 'utf8')).includes(name))
    .map(({ file, name }) => `${page.path}: ${file ?? 'a file that is not named'}: ${name}`);
}

const proving = pages.filter((page) => proofsOf(page).length > 0);

describe('the proofs on the pages', () => {
  it.each(proving)('are tests that exist: $path', (page) => {
    expect(missingOf(page)).toEqual([]);
  });

  it('are on the pages that promise something', () => {
    expect(proving.map(({ path }) => path)).toEqual(expect.arrayContaining(['docs/sessions.md', 'docs/guarantees.md']));
  });

  it('are found missing when a test or its file is', () => {
    const text =
      '[errors]: ../test/docs/errors.spec.ts\n[errors]: "have a code\nof the agreed form" [errors]: "nothing" [no]: "file"';
    expect(missingOf({ path: 'docs/page.md', text })).toEqual([
      'docs/page.md: test/docs/errors.spec.ts: nothing',
      'docs/page.md: a file that is not named: file',
    ]);
  });
});
