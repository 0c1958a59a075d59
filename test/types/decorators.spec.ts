import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FIXTURES = join(ROOT, 'test/types/fixtures');
const EXPECTED = /^\s*\/\/ @ts-expect-error (.+)$/;

/** The compilers that the decorators promise to be checked by: package folders in node_modules. */
const COMPILERS = ['typescript-5.9', 'typescript', 'typescript-7'];

interface Diagnostic {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** Inside node_modules, so that the peers' types are found; gone after the tests. */
let workspace: string;

beforeAll(() => {
  const cache = join(ROOT, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  workspace = mkdtempSync(join(cache, 'session-types-'));
  emitDeclarations(join(workspace, 'package'));
});

afterAll(() => {
  rmSync(workspace, { recursive: true, force: true });
});

/** The declarations as the package ships them: what is internal or a comment only must not be needed. */
function emitDeclarations(outDir: string): void {
  const configPath = join(ROOT, 'tsconfig.build.json');
  const config = ts.getParsedCommandLineOfConfigFile(
    configPath,
    { outDir, noCheck: true, emitDeclarationOnly: true, noEmit: false, incremental: false },
    { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => undefined },
  );
  if (!config) throw new Error(`${configPath} cannot be read`);
  ts.createProgram(config.fileNames, config.options).emit();
}

/** Compiles the fixtures, changed by `edit`, and lists what the compiler says. */
async function compile(compiler: string, edit: (text: string) => string = (text) => text): Promise<Diagnostic[]> {
  const folder = mkdtempSync(join(workspace, 'fixtures-'));
  cpSync(FIXTURES, folder, { recursive: true });
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.ts'))) {
    writeFileSync(join(folder, name), edit(readFileSync(join(folder, name), 'utf8')));
  }
  const config = JSON.parse(readFileSync(join(FIXTURES, 'tsconfig.json'), 'utf8')) as Record<string, object>;
  Object.assign(config, { extends: join(ROOT, 'tsconfig.json') });
  Object.assign(config['compilerOptions']!, {
    rootDir: workspace,
    paths: { 'nestjs-ha-session': [join(workspace, 'package/index.d.ts')] },
  });
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const output = await run(join(ROOT, 'node_modules', compiler, 'bin/tsc'), ['-p', folder, '--pretty', 'false']);
  return parse(output);
}

function run(script: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [script, ...args], { cwd: dirname(script), maxBuffer: 1e8 }, (error, stdout, stderr) => {
      // A compiler that found errors exits with 1 or 2 and says them on stdout.
      if (error && stdout === '') reject(new Error(stderr || error.message));
      else resolve(stdout);
    });
  });
}

function parse(output: string): Diagnostic[] {
  const diagnostics: { file: string; line: number; message: string }[] = [];
  for (const text of output.split('\n').filter(Boolean)) {
    const match = /^(.+?)\((\d+),\d+\): error (.+)$/.exec(text);
    if (match)
      diagnostics.push({ file: match[1]?.split('/').at(-1) ?? '', line: Number(match[2]), message: match[3] ?? '' });
    else if (text.startsWith('error ')) diagnostics.push({ file: '', line: 0, message: text });
    else if (diagnostics.length > 0) (diagnostics.at(-1) as { message: string }).message += `\n${text}`;
  }
  return diagnostics;
}

/** Where a bad use stands and what the compiler must say of it. */
const badUses = readFileSync(join(FIXTURES, 'bad-uses.ts'), 'utf8')
  .split('\n')
  .flatMap((text, index) => {
    const words = EXPECTED.exec(text)?.[1];
    return words === undefined ? [] : [{ line: index + 2, words }];
  });

describe.each(COMPILERS)('the types of the package on %s', (compiler) => {
  it('accept every good use and refuse every bad one', async () => {
    expect(await compile(compiler)).toEqual([]);
  });

  it('say of each bad use what is wrong with it, and nothing else', async () => {
    const withoutMarks = (text: string): string =>
      text
        .split('\n')
        .map((line) => (EXPECTED.test(line) ? '' : line))
        .join('\n');
    const diagnostics = await compile(compiler, withoutMarks);
    expect(badUses.length).toBeGreaterThan(10);
    expect(diagnostics.map(({ file, line }) => `${file}:${line}`).sort()).toEqual(
      badUses.map(({ line }) => `bad-uses.ts:${line}`).sort(),
    );
    for (const { line, words } of badUses) {
      expect(diagnostics.find((diagnostic) => diagnostic.line === line)?.message).toContain(words);
    }
  });
});
