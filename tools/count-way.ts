/**
 * `npx tsx tools/count-way.ts`: the way of a read and of a change through `lib`, by an instrumented build: which files it passes, in
 * which order, and how often one file hands over to another. docs/architecture.md has the counts.
 */
import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import ts from 'typescript';
import type { createSessionMiddleware } from '../lib/index.js';
import { startRedisServer } from './redis-lab/redis-server.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LIB = join(ROOT, 'lib');
const NOTE = 'globalThis.noteCall()';
/** What other work adds (timers, the installation's counts) is not in every one of these. */
const REPETITIONS = 15;

/** One call of a function: its file, and the file of its caller; `undefined`: not called from `lib`. */
interface Entry {
  readonly file: string;
  readonly from: string | undefined;
}

const entries: Entry[] = [];
Error.stackTraceLimit = 30;

/** Takes note of a call; each function of the build begins with it. */
function noteCall(): void {
  const frames = (new Error().stack ?? '').split('\n').slice(2);
  const files = frames
    .filter((frame) => !frame.includes('at async '))
    .map((frame) => /[\\/]way-\d+[\\/](lib[\\/].*?)\.js/.exec(frame)?.[1]);
  const [file, ...callers] = files;
  if (file !== undefined) entries.push({ file, from: callers.find((caller) => caller !== undefined) });
}

/** Builds `lib` with a note at the beginning of each function. */
async function buildInstrumented(out: string): Promise<void> {
  const names = await readdir(LIB, { recursive: true });
  for (const name of names.filter((each) => each.endsWith('.ts'))) {
    const { outputText } = ts.transpileModule(await readFile(join(LIB, name), 'utf8'), {
      compilerOptions: {
        target: ts.ScriptTarget.ES2023,
        module: ts.ModuleKind.ESNext,
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
      },
    });
    const target = join(out, 'lib', name.replace(/\.ts$/, '.js'));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, instrumented(outputText));
  }
  await writeFile(join(out, 'package.json'), '{ "type": "module" }');
  await symlink(join(ROOT, 'node_modules'), join(out, 'node_modules'));
}

function instrumented(text: string): string {
  const inserts: { readonly at: number; readonly text: string }[] = [];
  const visit = (node: ts.Node): void => {
    // In a constructor `super` comes first: what it calls is noted.
    if (ts.isFunctionLike(node) && !ts.isConstructorDeclaration(node) && 'body' in node) {
      const body: ts.Node | undefined = node.body;
      if (body && ts.isBlock(body)) inserts.push({ at: body.getStart() + 1, text: `${NOTE};` });
      else if (body) inserts.push({ at: body.pos, text: ` (${NOTE},` }, { at: body.end, text: ')' });
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('any.js', text, ts.ScriptTarget.ES2023, true, ts.ScriptKind.JS));
  inserts.sort((a, b) => b.at - a.at);
  let result = text;
  for (const insert of inserts) result = result.slice(0, insert.at) + insert.text + result.slice(insert.at);
  return result;
}

/** Sends a request; resolves with its cookie, if it gave one. */
function send(url: string, path: string, cookie: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request(`${url}${path}`, { headers: { cookie } }, (response) => {
      response.resume().once('end', () => resolve(response.headers['set-cookie']?.[0]?.split(';')[0] ?? cookie));
    })
      .once('error', reject)
      .end();
  });
}

/** The calls that each of several repetitions makes. */
async function wayOf(exchange: () => Promise<unknown>): Promise<readonly Entry[]> {
  let shortest: readonly Entry[] | undefined;
  for (let i = 0; i < REPETITIONS; i++) {
    entries.length = 0;
    await exchange();
    const way = [...entries];
    if (!shortest || way.length < shortest.length) shortest = way;
  }
  return shortest ?? [];
}

function print(title: string, way: readonly Entry[]): void {
  const files = [...new Set(way.map(({ file }) => file))];
  const handOvers = way.filter(({ file, from }) => from !== file).length;
  process.stdout.write(`${title}: ${files.length} files, ${way.length} calls, ${handOvers} hand-overs\n`);
  for (const file of files) {
    const calls = way.filter((entry) => entry.file === file).length;
    process.stdout.write(`  ${relative('lib', file)}.ts ${calls}\n`);
  }
}

const out = join(tmpdir(), `way-${process.pid}`);
const redis = await startRedisServer();
try {
  await buildInstrumented(out);
  Object.assign(globalThis, { noteCall });
  const lib = (await import(pathToFileURL(join(out, 'lib', 'index.js')).href)) as {
    createSessionMiddleware: typeof createSessionMiddleware;
  };
  const middleware = lib.createSessionMiddleware({
    application: 'way',
    secret: 'a secret that counts the way of a request',
    redis: { host: redis.host, port: redis.port },
    cookie: { secure: false },
  });
  const server = createServer((incoming, response) => {
    middleware(incoming, response, () => {
      const { session } = incoming as unknown as { session: { count?: number } };
      if (incoming.url === '/change') session.count = (session.count ?? 0) + 1;
      response.end(String(session.count));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cookie = await send(url, '/change', '');
  print('A read', await wayOf(() => send(url, '/read', cookie)));
  print('A change', await wayOf(() => send(url, '/change', cookie)));
  server.close();
  server.closeAllConnections();
  await middleware.close();
} finally {
  await redis.stop();
  await rm(out, { recursive: true, force: true });
}
