import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { makeTemporaryDirectory } from '../../tools/redis-lab/child-processes.js';

const SOURCE = fileURLToPath(new URL('./fault-app.ts', import.meta.url));

/** What Nest asks for and goes on without. */
const OPTIONAL = ['@nestjs/microservices', '@nestjs/websockets', 'class-transformer', 'class-validator'];

let bundle: Promise<string> | undefined;

/**
 * The application under faults as one file with all that it imports, made once per test process. Node starts it in a seventh of
 * the CPU time that `tsx` takes: a set of faults starts more than a hundred, and a busy machine is a fault of its own.
 */
export function faultAppBundle(): Promise<string> {
  bundle ??= bundleFaultApp();
  return bundle;
}

async function bundleFaultApp(): Promise<string> {
  const outfile = join(makeTemporaryDirectory('app').path, 'fault-app.mjs');
  await build({
    entryPoints: [SOURCE],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // Errors and Nest's log name classes.
    keepNames: true,
    external: OPTIONAL.flatMap((name) => [name, `${name}/*`]),
    // Nest, Express and ioredis load some of their parts by `require`, which an ES module does not have.
    banner: {
      js: "import { createRequire as createBundleRequire } from 'node:module'; const require = createBundleRequire(import.meta.url);",
    },
    logLevel: 'error',
  });
  return outfile;
}
