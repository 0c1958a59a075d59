import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import type { Page } from './markdown.js';
import { codeBlocksOf, pages, ROOT } from './markdown.js';

/** Where the blocks seem to lie, so that `nestjs-ha-session` and the peers are found as from a test. */
const FOLDER = join(ROOT, 'test/docs/blocks-of-a-page');

const { options } = ts.parseJsonConfigFileContent(
  ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)).config,
  ts.sys,
  ROOT,
);
const OPTIONS: ts.CompilerOptions = {
  ...options,
  // Readers' projects are not as strict, and the blocks import types and values in one go.
  verbatimModuleSyntax: false,
  isolatedModules: false,
  noPropertyAccessFromIndexSignature: false,
  emitDecoratorMetadata: true,
  allowJs: false,
  checkJs: false,
  types: ['node', 'vitest/globals'],
};

const parsed = new Map<string, ts.SourceFile | undefined>();

/** A host that takes some files from memory, and parses what lies on disk once for all pages. */
function hostOf(files: ReadonlyMap<string, string>): ts.CompilerHost {
  const host = ts.createCompilerHost(OPTIONS);
  return {
    ...host,
    fileExists: (path) => files.has(path) || host.fileExists(path),
    readFile: (path) => files.get(path) ?? host.readFile(path),
    directoryExists: (path) => path === FOLDER || (host.directoryExists?.(path) ?? true),
    getSourceFile(path, language) {
      const text = files.get(path);
      if (text !== undefined) return ts.createSourceFile(path, text, language);
      if (!parsed.has(path)) parsed.set(path, host.getSourceFile(path, language));
      return parsed.get(path);
    },
  };
}

/** Stands for an application's own file that a block imports and the page does not show. */
function stubsFor(file: string, text: string): [string, string][] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023);
  return source.statements.filter(ts.isImportDeclaration).flatMap(({ moduleSpecifier, importClause }) => {
    const specifier = (moduleSpecifier as ts.StringLiteral).text;
    if (!specifier.startsWith('.')) return [];
    const bindings = importClause?.namedBindings;
    const names = bindings && ts.isNamedImports(bindings) ? bindings.elements.map(({ name }) => name.text) : [];
    const lines = names.map((name) =>
      /^[A-Z][a-z]/.test(name) ? `export class ${name} { [key: string]: any }` : `export declare const ${name}: any;`,
    );
    return [[join(FOLDER, specifier.replace(/\.js$/, '.ts')), lines.join('\n') || 'export {};']];
  });
}

/**
 * What the compiler says of a page's `ts` blocks, as `page:line message`. They are modules of one program: what one declares
 * for `express-session` holds for the others, and a block whose first line is `// name.ts` can be imported by the others.
 */
function faultsOf(page: Page): string[] {
  const blocks = codeBlocksOf(page)
    .filter(({ language }) => ['ts', 'typescript'].includes(language))
    .map((block, index) => {
      const file = /^\/\/ (?:\S*\/)?([\w.-]+\.ts)/.exec(block.text)?.[1] ?? `block-${index}.ts`;
      // In one line, so that the lines below are the page's.
      const context = `export {}; ${block.context.replaceAll('\n', ' ')}`;
      return { ...block, file: join(FOLDER, file), source: `${context}\n${block.text}\n` };
    });
  const own = blocks.map(({ file, source }) => [file, source] as const);
  const files = new Map([...own.flatMap(([file, source]) => stubsFor(file, source)), ...own]);
  const program = ts.createProgram([...own.map(([file]) => file)], OPTIONS, hostOf(files));
  return blocks.flatMap(({ file, line }) => {
    const source = program.getSourceFile(file);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map((diagnostic) => {
      const at = source?.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line ?? 0;
      return `${page.path}:${line + at - 1} ${ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ')}`;
    });
  });
}

describe('the code on the pages', () => {
  const withCode = pages.filter((page) =>
    codeBlocksOf(page).some(({ language }) => /^(ts|typescript)$/.test(language)),
  );

  it('says its language, so that none escapes the compiler', () => {
    const nameless = pages.flatMap((page) =>
      codeBlocksOf(page)
        .filter(({ language, text }) => language === '' && /^\s*(import|export|@\w+\(|const) /m.test(text))
        .map(({ line }) => `${page.path}:${line}`),
    );
    expect(nameless).toEqual([]);
  });

  it.each(withCode)('compiles: $path', { timeout: 60_000 }, (page) => {
    expect(faultsOf(page)).toEqual([]);
  });

  it('would not compile with a wrong option, a wrong name or a wrong type', () => {
    const text = [
      'prose',
      '```ts',
      `import { SessionModule, nope } from 'nestjs-ha-session';`,
      `SessionModule.forRoot({ application: 'a', secret: 's', idleTimeoutMs: 'long' });`,
      '```',
    ].join('\n');
    expect(faultsOf({ path: 'page.md', text })).toEqual([
      expect.stringMatching(/^page\.md:3 .*nope/),
      expect.stringMatching(/^page\.md:4 .*string.*number/),
    ]);
  });

  it('may lean on what the page declares out of sight, shows in another block or leaves to the application', () => {
    const text = [
      '<!-- context declare const app: string; -->',
      '```ts',
      `import { one } from './one.js';`,
      `import { Cart } from './cart.js';`,
      'app.length + one + new Cart().size;',
      '```',
      '```ts',
      '// src/one.ts',
      'export const one = 1;',
      '```',
    ].join('\n');
    expect(faultsOf({ path: 'page.md', text })).toEqual([]);
    expect(faultsOf({ path: 'page.md', text: text.replace('export const one', 'export const two') })).toHaveLength(1);
  });
});
