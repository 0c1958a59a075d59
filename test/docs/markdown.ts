import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's folder. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A page for people, by its path in the repository. */
export interface Page {
  readonly path: string;
  readonly text: string;
}

/** One fenced block of a page. */
export interface CodeBlock {
  readonly language: string;
  readonly text: string;
  /** Line of the page on which the block's first line stands, from 1. */
  readonly line: number;
  /** What the page declares for the block in an HTML comment `<!-- context … -->` right before it; readers do not see it. */
  readonly context: string;
}

const folders = [
  '.',
  'docs',
  'docs/adr',
  'bench',
  ...readdirSync(join(ROOT, 'sample')).map((name) => `sample/${name}`),
];

/** Every Markdown page that the repository shows. */
export const pages: readonly Page[] = folders
  .filter((folder) => existsSync(join(ROOT, folder)))
  .flatMap((folder) => readdirSync(join(ROOT, folder)).map((name) => (folder === '.' ? name : `${folder}/${name}`)))
  .filter((path) => path.endsWith('.md'))
  .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }));

/** The fenced blocks of a page. */
export function codeBlocksOf({ path, text }: Page): readonly CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { fence: string; language: string; line: number; lines: string[]; context: string } | undefined;
  let before = '';
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^\s*(```+|~~~+)\s*(\S*)/.exec(line);
    if (open?.fence === line.trim()) {
      blocks.push({ language: open.language, text: open.lines.join('\n'), line: open.line, context: open.context });
      [open, before] = [undefined, ''];
    } else if (open !== undefined) {
      open.lines.push(line);
    } else if (fence !== null) {
      const context = /<!-- context\s([\s\S]*?)-->\s*$/.exec(before)?.[1] ?? '';
      open = { fence: fence[1] ?? '', language: fence[2] ?? '', line: index + 2, lines: [], context };
    } else {
      before += `${line}\n`;
    }
  }
  if (open !== undefined) throw new Error(`${path}:${open.line} the block is never closed`);
  return blocks;
}

/** A page without its code: no link is looked for in there. */
export function proseOf({ text }: Page): string {
  return text
    .replace(/^\s*(```+|~~~+)[\s\S]*?^\s*\1\s*$/gm, '')
    .replace(/<!--[\s\S]*?-->/g, '')
    .replace(/`[^`\n]*`/g, '');
}
