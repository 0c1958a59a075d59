import { codeBlocksOf, pages } from '../docs/markdown.js';

/** The lists of rights in docs/operations.md, as an operator copies them. */
function aclBlock(): readonly string[] {
  const page = pages.find(({ path }) => path === 'docs/operations.md');
  const block = page && codeBlocksOf(page).find(({ text }) => text.includes('\nuser portal on '));
  if (!block) throw new Error('docs/operations.md has no lists of rights');
  return block.text.split('\n');
}

/** Lines of one part of the lists, with a password in place of each ellipsis. */
export function aclLines(part: 'application' | 'replication' | 'viewer' | 'sentinel', application: string): string[] {
  const heads = {
    application: '# data nodes: the application',
    replication: '# data nodes: replication, and the Sentinels',
    viewer: '# Sentinels: the application',
    sentinel: '# sentinel.conf: how the Sentinels enter the data nodes',
  };
  const lines = aclBlock();
  const first = lines.indexOf(heads[part]) + 1;
  if (first === 0) throw new Error(`docs/operations.md has no part "${heads[part]}"`);
  const last = lines.findIndex((line, index) => index > first && (line === '' || line.startsWith('#')));
  return lines
    .slice(first, last === -1 ? undefined : last)
    .map((line) => line.replaceAll('…', PASSWORD).replaceAll('{portal:', `{${application}:`));
}

/** The rights of the application on the data nodes, word by word, without name and password. */
export function applicationRights(application: string): string[] {
  return aclLines('application', application)
    .filter((line) => line.startsWith('user portal '))
    .flatMap((line) => line.split(' ').slice(4));
}

/** Rights that the page names in a sentence, between backquotes, for a feature. */
export function furtherRights(feature: RegExp): string[] {
  const page = pages.find(({ path }) => path === 'docs/operations.md');
  const line = page?.text.split('\n').find((text) => text.startsWith('- ') && feature.test(text));
  const rights = /further `([^`]+)`/.exec(line ?? '')?.[1];
  if (rights === undefined) throw new Error(`docs/operations.md names no further rights for ${String(feature)}`);
  return rights.split(' ');
}

/** In place of each password. */
export const PASSWORD = 'a-password-of-the-acl-tests';
