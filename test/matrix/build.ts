import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Build } from './cells.js';
import { ROOT, run } from './package.js';

const TSC_OPTIONS =
  '--target es2022 --module nodenext --strict --experimentalDecorators --emitDecoratorMetadata --types node';

/** What a bundle leaves to Node: peers that Nest loads only where an application uses them, and the platform that is not used. */
const NOT_BUNDLED = [
  '@nestjs/microservices',
  '@nestjs/websockets',
  '@nestjs/platform-fastify',
  '@nestjs/platform-socket.io',
  'class-transformer',
  'class-validator',
  '@grpc/grpc-js',
  '@grpc/proto-loader',
];

/** Programs that a build needs in the consumer's folder. */
export const BUILD_TOOLS: Readonly<Partial<Record<Build, readonly string[]>>> = {
  'SWC to ESM': ['@swc/cli', '@swc/core'],
  'SWC to CommonJS': ['@swc/cli', '@swc/core'],
  'esbuild bundle': ['esbuild'],
  'webpack bundle': ['webpack', 'webpack-cli', 'swc-loader', '@swc/core'],
};

/** Builds the consumer's application in a folder of its project; resolves with the file that Node runs. */
export async function build(project: string, how: Build): Promise<string> {
  const folder = join(project, how.replaceAll(' ', '-'));
  await mkdir(folder, { recursive: true });
  const type = how.includes('CommonJS') || how.includes('webpack') ? 'commonjs' : 'module';
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type }));
  await copyFile(join(ROOT, 'test/matrix/consumer/app.ts'), join(folder, 'app.ts'));
  const bin = (name: string): string => join(project, 'node_modules/.bin', name);
  switch (how) {
    case 'tsc to ESM':
    case 'tsc to CommonJS': {
      const errors = await compile(folder, 'typescript', ['--skipLibCheck']);
      if (errors.length > 0) throw new Error(errors.join('\n'));
      return join(folder, 'app.js');
    }
    case 'SWC to ESM':
    case 'SWC to CommonJS':
      await writeFile(join(folder, '.swcrc'), JSON.stringify(swcOptions(type === 'module' ? 'es6' : 'commonjs')));
      await run(bin('swc'), ['app.ts', '--out-file', 'app.js'], { cwd: folder });
      return join(folder, 'app.js');
    case 'esbuild bundle':
      await run(bin('esbuild'), [...esbuildOptions(), 'app.ts'], { cwd: folder });
      return join(folder, 'bundle.js');
    case 'webpack bundle':
      await copyFile(join(ROOT, 'test/matrix/consumer/webpack.config.cjs'), join(folder, 'webpack.config.cjs'));
      await run(bin('webpack'), ['--config', 'webpack.config.cjs'], { cwd: folder });
      return join(folder, 'bundle.js');
  }
}

/** Compiles the application in a folder; resolves with the errors that the compiler prints. */
export function compile(folder: string, compiler: string, flags: readonly string[]): Promise<string[]> {
  const tsc = join(ROOT, 'node_modules', compiler, 'bin/tsc');
  return run(process.execPath, [tsc, 'app.ts', ...TSC_OPTIONS.split(' '), ...flags], { cwd: folder }).then(
    () => [],
    (error: unknown) => (error as { stdout: string }).stdout.split('\n').filter((line) => line.includes('error TS')),
  );
}

function swcOptions(type: 'es6' | 'commonjs') {
  return {
    jsc: {
      target: 'es2022',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
    },
    // What is imported by `import()` stays so: a package may be ESM only.
    module: { type, ignoreDynamic: true },
  };
}

function esbuildOptions(): string[] {
  // Packages of CommonJS inside an ESM bundle call `require`.
  const require =
    "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);";
  return [
    '--bundle',
    '--platform=node',
    '--format=esm',
    '--target=node20',
    '--outfile=bundle.js',
    `--banner:js=${require}`,
    `--tsconfig-raw=${JSON.stringify({ compilerOptions: { experimentalDecorators: true } })}`,
    ...NOT_BUNDLED.map((name) => `--external:${name}`),
  ];
}
