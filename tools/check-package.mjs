// @ts-check
/**
 * Checks the package as it would be published, from the built dist: that its declarations stand alone, that everything it
 * imports is declared, that the main entry needs no optional peer, that the docs are in the declarations, and that nothing
 * else is shipped.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { root } from './machine.mjs';

/** A session library has no business to be larger, the monitor's page with its charts (100 KB) included; both in bytes. */
const LARGEST_TARBALL = 400_000;
const LARGEST_UNPACKED = 1_400_000;

/** What may be shipped. */
const SHIPPED = /^(package\.json|README\.md|LICENSE|dist\/.+\.(js|d\.ts))$/;

/**
 * @typedef {object} Manifest
 * @property {string} name
 * @property {Record<string, string | { types: string, default: string }>} exports
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [peerDependencies]
 * @property {Record<string, { optional?: boolean }>} [peerDependenciesMeta]
 */

/** @type {Manifest} */
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const declared = new Set([
  ...Object.keys(manifest.dependencies ?? {}),
  ...Object.keys(manifest.peerDependencies ?? {}),
]);
const optional = Object.entries(manifest.peerDependenciesMeta ?? {}).flatMap(([name, { optional }]) =>
  optional ? name : [],
);
const entries = Object.entries(manifest.exports).flatMap(([entry, target]) =>
  typeof target === 'string' ? [] : [{ entry, types: join(root, target.types), code: join(root, target.default) }],
);
const dist = join(root, 'dist');
const files = readdirSync(dist, { recursive: true, encoding: 'utf8' }).map((path) => join(dist, path));

const faults = [
  ...declarationFaults(),
  ...undeclaredImports(),
  ...optionalPeersOfMainEntry(),
  ...missingDocs(),
  ...tarballFaults(),
];
for (const fault of faults) process.stdout.write(`${fault}\n`);
if (faults.length > 0) process.exitCode = 1;

/**
 * Errors that a user without `skipLibCheck` would see in our declarations, such as a public signature that names a type
 * which `stripInternal` has taken away.
 */
function declarationFaults() {
  const program = ts.createProgram(
    files.filter((path) => path.endsWith('.d.ts')),
    {
      noEmit: true,
      strict: true,
      skipLibCheck: false,
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      experimentalDecorators: true,
      types: ['node'],
    },
  );
  return ts.getPreEmitDiagnostics(program).flatMap(({ file, start, messageText }) => {
    if (file === undefined || !file.fileName.startsWith(dist)) return [];
    const line = file.getLineAndCharacterOfPosition(start ?? 0).line + 1;
    return `${show(file.fileName)}:${line} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}

/** Imports that work here only because something else brought the package along. */
function undeclaredImports() {
  return files
    .filter((path) => /\.(js|d\.ts)$/.test(path))
    .flatMap((path) =>
      importsOf(path)
        .map(packageOf)
        .filter(
          (name) =>
            name !== undefined && !declared.has(name) && !(path.endsWith('.d.ts') && declared.has(`@types/${name}`)),
        )
        .map((name) => `${show(path)} imports ${String(name)}, which is neither a dependency nor a peer`),
    );
}

/** The main entry and its types must load with none of the optional peers installed. */
function optionalPeersOfMainEntry() {
  const main = entries.find(({ entry }) => entry === '.');
  if (main === undefined) return ['package.json has no main entry'];
  return [main.code, main.types].flatMap((start) =>
    [...reachableFrom(start)].flatMap((path) =>
      importsOf(path)
        .filter((specifier) => optional.includes(packageOf(specifier) ?? ''))
        .map((specifier) => `${show(path)} imports the optional peer ${specifier} and is reached from the main entry`),
    ),
  );
}

/** Public names and members whose doc comment has not reached the declarations (`removeComments`, a lost comment). */
function missingDocs() {
  const program = ts.createProgram(
    entries.map(({ types }) => types),
    { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext, noEmit: true },
  );
  const checker = program.getTypeChecker();
  return entries.flatMap(({ entry, types }) => {
    const source = program.getSourceFile(types);
    const module = source && checker.getSymbolAtLocation(source);
    if (module === undefined) return [`${entry}: ${show(types)} exports nothing`];
    return checker.getExportsOfModule(module).flatMap((symbol) => {
      const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
      return [target, ...membersOf(target, checker)]
        .filter((member) => !isDocumented(member, checker))
        .map((member) => (member === target ? symbol.name : `${symbol.name}.${member.name}`))
        .map((name) => `${entry}: ${name} has no doc comment in the declarations`);
    });
  });
}

/**
 * @param {ts.Symbol} symbol
 * @param {ts.TypeChecker} checker
 * @returns {ts.Symbol[]} public members of a class or an interface of ours
 */
function membersOf(symbol, checker) {
  if (!(symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface))) return [];
  const statics = symbol.flags & ts.SymbolFlags.Class ? checker.getTypeOfSymbol(symbol).getProperties() : [];
  return [...checker.getDeclaredTypeOfSymbol(symbol).getProperties(), ...statics].filter(({ declarations = [] }) =>
    declarations.some(
      (declaration) =>
        declaration.getSourceFile().fileName.startsWith(dist) &&
        !(ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.NonPublicAccessibilityModifier),
    ),
  );
}

/**
 * @param {ts.Symbol} symbol
 * @param {ts.TypeChecker} checker
 * @returns {boolean} whether it has a doc comment of its own or an inherited one; a default alone will do for a plain option
 */
function isDocumented(symbol, checker) {
  return symbol.getDocumentationComment(checker).length > 0 || symbol.getJsDocTags(checker).length > 0;
}

/** What npm would put into the tarball. */
function tarballFaults() {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const output = execFileSync(npm, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  // One element; an array or an object, as npm's version has it.
  /** @type {{ size: number, unpackedSize: number, files: { path: string }[] }[]} */
  const packs = Object.values(JSON.parse(output));
  const pack = packs[0];
  if (pack === undefined) return ['npm pack has packed nothing'];
  const paths = new Set(pack.files.map(({ path }) => path));
  return [
    ...[...paths].filter((path) => !SHIPPED.test(path)).map((path) => `${path} must not be shipped`),
    ...['README.md', 'LICENSE'].filter((path) => !paths.has(path)).map((path) => `${path} is missing in the tarball`),
    ...(pack.size > LARGEST_TARBALL ? [`the tarball has ${pack.size} bytes, allowed are ${LARGEST_TARBALL}`] : []),
    ...(pack.unpackedSize > LARGEST_UNPACKED
      ? [`unpacked the package has ${pack.unpackedSize} bytes, allowed are ${LARGEST_UNPACKED}`]
      : []),
  ];
}

/**
 * @param {string} start
 * @returns {Set<string>} the file and all files of ours that it leads to
 */
function reachableFrom(start) {
  const seen = new Set([start]);
  for (const path of seen) {
    for (const specifier of importsOf(path).filter((name) => name.startsWith('.'))) {
      const target = resolve(dirname(path), specifier);
      seen.add(path.endsWith('.d.ts') ? target.replace(/\.js$/, '.d.ts') : target);
    }
  }
  return seen;
}

/**
 * @param {string} path
 * @returns {string[]} what a file imports, also by `import('…')` in a type
 */
function importsOf(path) {
  return ts.preProcessFile(readFileSync(path, 'utf8'), true, true).importedFiles.map(({ fileName }) => fileName);
}

/**
 * @param {string} specifier
 * @returns {string | undefined} the package it belongs to; undefined for our own files and for Node's modules
 */
function packageOf(specifier) {
  if (specifier.startsWith('.') || specifier.startsWith('node:') || builtinModules.includes(specifier))
    return undefined;
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/** @param {string} path */
function show(path) {
  return relative(root, path);
}
