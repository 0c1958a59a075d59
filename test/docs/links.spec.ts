import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Page } from './markdown.js';
import { pages, proseOf, ROOT } from './markdown.js';

/** The anchors that GitHub gives a page's headings. */
function anchorsOf({ text }: Page): Set<string> {
  const prose = text.replace(/^\s*(```+|~~~+)[\s\S]*?^\s*\1\s*$/gm, '');
  const seen = new Map<string, number>();
  return new Set(
    [...prose.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => {
      const name = heading
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(' ', '-');
      const count = seen.get(name) ?? 0;
      seen.set(name, count + 1);
      return count === 0 ? name : `${name}-${count}`;
    }),
  );
}

/** Links of a page that lead nowhere. */
function brokenLinksOf(page: Page, known: readonly Page[]): string[] {
  const prose = proseOf(page);
  const targets = [
    ...[...prose.matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g)].map((match) => match[1] ?? ''),
    ...[...prose.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm)].map((match) => match[1] ?? ''),
  ];
  return targets
    .filter((target) => !/^(https?:|mailto:)/.test(target))
    .filter((target) => {
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page.path : normalize(join(dirname(page.path), decodeURI(path)));
      if (file !== page.path && !existsSync(join(ROOT, file))) return true;
      if (anchor === undefined) return false;
      const linked = file === page.path ? page : known.find((other) => other.path === file);
      return linked !== undefined && !anchorsOf(linked).has(anchor);
    })
    .map((target) => `${page.path}: ${target}`);
}

describe('the links on the pages', () => {
  it('lead somewhere', () => {
    expect(pages.flatMap((page) => brokenLinksOf(page, pages))).toEqual([]);
  });

  it('are found broken when a file or a heading is missing', () => {
    const page = {
      path: 'docs/a.md',
      text: '# One thing\n[a](#one-thing) [b](#two) [c](nowhere.md "title") [d](../package.json)\n`[e](code.md)`\n\n[f]: gone.md\n',
    };
    expect(brokenLinksOf(page, [])).toEqual(['docs/a.md: #two', 'docs/a.md: nowhere.md', 'docs/a.md: gone.md']);
  });
});
