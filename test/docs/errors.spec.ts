import * as entry from 'nestjs-ha-session';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isOutage, sessionErrorResponse } from '../../lib/http/session-http-error.js';
import { pages, ROOT } from './markdown.js';

/** Every error class of the package with its code, as the sources say. */
const classes = readdirSync(join(ROOT, 'lib/errors')).flatMap((file) => {
  const source = readFileSync(join(ROOT, 'lib/errors', file), 'utf8');
  return [...source.matchAll(/^export class (\w+)[\s\S]*?\bcode = '(\w+)'/gm)].map(([, name = '', code = '']) => ({
    name,
    code,
  }));
});

/** Rows of the table: code, class, status. */
const rows = [
  ...(pages.find(({ path }) => path === 'docs/errors.md')?.text ?? '').matchAll(/^\| `(SESSION_\w+)`.*$/gm),
].map(([line, code = '']) => {
  const [, , name = '', status = ''] = line.split('|').map((cell) => cell.trim().replaceAll('`', ''));
  return { code, name, status };
});

describe('docs/errors.md', () => {
  it('has one row for each error of the package and none for others', () => {
    const byCode = (a: { code: string }, b: { code: string }) => a.code.localeCompare(b.code);
    expect(classes.length).toBeGreaterThan(0);
    expect(rows.map(({ code, name }) => ({ name, code })).sort(byCode)).toEqual([...classes].sort(byCode));
  });

  it.each(rows)('tells the HTTP status that $code really gives: $status', ({ code, status }) => {
    const { name } = classes.find((known) => known.code === code) ?? {};
    // What the constructors are given does not matter here: each takes a text or a list.
    const error = new (entry as unknown as Record<string, new (...args: unknown[]) => Error>)[String(name)]!([], '');
    expect(status).toMatch(new RegExp(`^(${sessionErrorResponse(error).status}\\b|none: )`));
    expect(isOutage(error) ? ['Retry-After'] : []).toEqual(status.split(', ').slice(1));
  });
});

describe('the errors', () => {
  it.each(classes)('can be imported from the main entry: $name', ({ name }) => {
    expect(entry).toHaveProperty(name);
  });

  it.each(classes)('have a code of the agreed form: $code', ({ code }) => {
    expect(code).toMatch(/^SESSION_(GONE|[A-Z]+_[A-Z_]+)$/);
  });
});
