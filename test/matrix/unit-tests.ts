import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RUNNERS } from './cells.js';
import { ROOT, run } from './package.js';

/** What runs a consumer's own tests. */
export type Runner = (typeof RUNNERS)[number];

/** Programs that a runner needs in the consumer's folder. */
export const RUNNER_TOOLS: Readonly<Record<Runner, readonly string[]>> = {
  vitest: ['vitest@4'],
  jest: ['jest@30', '@swc/jest', '@swc/core'],
};

const SWC = {
  jsc: {
    target: 'es2022',
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
  },
};

/** As [docs/testing.md](../../docs/testing.md) has it: `import` stays `import`, since Nest 12 and this package are ESM. */
const JEST = {
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': ['@swc/jest', { ...SWC, module: { type: 'es6' } }] },
};

const VITEST = `export default {
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  test: { globals: true, include: ['**/*.test.ts'] },
};
`;

/** Runs the consumer's test in a folder of its project; rejects when it fails. */
export async function runUnitTests(project: string, runner: Runner): Promise<void> {
  const folder = join(project, `with-${runner}`);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  await copyFile(join(ROOT, 'test/matrix/consumer/app.test.ts'), join(folder, 'app.test.ts'));
  const programs = join(project, 'node_modules');
  if (runner === 'vitest') {
    await writeFile(join(folder, 'vitest.config.js'), VITEST);
    await run(process.execPath, [join(programs, 'vitest/vitest.mjs'), 'run'], { cwd: folder });
    return;
  }
  await writeFile(join(folder, 'jest.config.json'), JSON.stringify(JEST));
  const jest = ['--experimental-vm-modules', join(programs, 'jest/bin/jest.js'), '--config', 'jest.config.json'];
  await run(process.execPath, jest, { cwd: folder });
}
