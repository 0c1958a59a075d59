import { cruise, type ICruiseOptions, type ICruiseResult, type IFlattenedRuleSet } from 'dependency-cruiser';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

interface Configuration {
  readonly forbidden: NonNullable<IFlattenedRuleSet['forbidden']>;
  readonly options: ICruiseOptions;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const { forbidden, options } = createRequire(import.meta.url)('../../.dependency-cruiser.cjs') as Configuration;

/** Files that break one rule each; the first is the one that the rule must name. */
const PLANTED: Record<string, Record<string, string>> = {
  'core-imports-only-down': { 'lib/core/bad.ts': `import '../errors/ok.js';` },
  'errors-imports-only-down': { 'lib/errors/bad.ts': `import '../core/ok.js';` },
  'options-imports-only-down': { 'lib/options/bad.ts': `import '../redis/link/ok.js';` },
  'redis-imports-only-down': { 'lib/redis/link/bad.ts': `import '../../scripts/ok.js';` },
  'scripts-imports-only-down': {
    'lib/scripts/bad.ts': `import type { ok } from '../redis/link/ok.js'; export type Bad = ok;`,
  },
  'store-imports-only-down': { 'lib/store/bad.ts': `import '../http/ok.js';` },
  'stats-imports-only-down': { 'lib/stats/bad.ts': `import '../http/ok.js';` },
  'redis-connection-imports-only-down': { 'lib/redis/connection/bad.ts': `import '../primary/ok.js';` },
  'redis-primary-imports-only-down': { 'lib/redis/primary/bad.ts': `import '../replication/ok.js';` },
  'redis-replication-imports-only-down': { 'lib/redis/replication/bad.ts': `import '../sentinel/ok.js';` },
  'redis-sentinel-imports-only-down': { 'lib/redis/sentinel/bad.ts': `import '../link/ok.js';` },
  'redis-link-imports-only-down': {
    'lib/redis/link/bad.ts': `import '../unknown/ok.js';`,
    'lib/redis/unknown/ok.ts': 'export const ok = 1;',
  },
  'redis-decisions-are-pure': { 'lib/redis/decisions/bad.ts': `import '../connection/ok.js';` },
  'redis-known-wings-only': { 'lib/redis/bad.ts': `import './link/ok.js';` },
  'http-imports-only-down': { 'lib/http/bad.ts': `import '../health/ok.js';` },
  'health-imports-only-down': { 'lib/health/bad.ts': `import '../session.module.js';` },
  'metrics-imports-only-down': { 'lib/metrics/bad.ts': `import '../http/ok.js';` },
  'monitor-imports-only-down': { 'lib/monitor/bad.ts': `import '../metrics/ok.js';` },
  'websockets-imports-only-down': { 'lib/websockets/bad.ts': `import '../session.module.js';` },
  'websockets-imports-no-entry': { 'lib/websockets/bad.ts': `import '../health/ok.js';` },
  'graphql-imports-only-down': { 'lib/graphql/bad.ts': `import '../http/ok.js';` },
  'migration-imports-only-down': { 'lib/migration/bad.ts': `import '../testing/ok.js';` },
  'origins-imports-only-down': { 'lib/origins/bad.ts': `import '../migration/ok.js';` },
  'doctor-imports-only-down': { 'lib/doctor/bad.ts': `import '../stats/ok.js';` },
  'redis-survey-imports-only-down': { 'lib/redis/survey/bad.ts': `import '../link/ok.js';` },
  'command-imports-no-entry': { 'lib/command/bad.ts': `import '../health/ok.js';` },
  'testing-imports-no-entry': { 'lib/testing/bad.ts': `import '../health/ok.js';` },
  'root-imports-no-entry': { 'lib/session.bad.ts': `import './monitor/ok.js';` },
  'no-cycles': {
    'lib/core/bad.ts': `import type { Two } from './two.js'; export interface Bad { two: Two }`,
    'lib/core/two.ts': `import type { Bad } from './bad.js'; export interface Two { bad: Bad }`,
  },
  'known-folders-only': { 'lib/utils/bad.ts': `import '../core/ok.js';` },
  'index-only-at-entries': { 'lib/store/index.ts': `export { ok } from './ok.js';` },
  'no-barrels': {
    'lib/session.bad.ts': `import './health/index.js';`,
    'lib/health/index.ts': `export { ok } from './ok.js';`,
  },
  'main-entry-without-optional-peers': {
    'lib/index.ts': `export * from './session.bad.js';`,
    'lib/session.bad.ts': `export type { TerminusModule } from '@nestjs/terminus';`,
  },
  'ioredis-only-in-redis': { 'lib/store/bad.ts': `import { Redis } from 'ioredis'; new Redis();` },
  'express-session-only-in-adapter-and-live-session': {
    'lib/session.bad.ts': `import session from 'express-session'; session({});`,
  },
  'terminus-only-in-health': {
    'lib/http/bad.ts': `import type { TerminusModule } from '@nestjs/terminus'; export type A = TerminusModule;`,
  },
  'nest-only-at-the-edge': { 'lib/store/bad.ts': `import { Injectable } from '@nestjs/common'; Injectable();` },
  'no-file-system': { 'lib/scripts/bad.ts': `import { readFileSync } from 'node:fs'; readFileSync('x');` },
  'lib-stands-alone': { 'lib/core/bad.ts': `import '../../tools/ok.js';` },
  'declared-dependencies-only': { 'lib/core/bad.ts': `import supertest from 'supertest'; supertest('');` },
  resolvable: { 'lib/core/bad.ts': `import './nowhere.js';` },
  'samples-import-by-name': { 'sample/01-bad/src/bad.ts': `import '../../../lib/core/ok.js';` },
};

/** What a tree that keeps every rule looks like, one file per folder. */
const CLEAN: Record<string, string> = {
  ...Object.fromEntries(
    [
      'core errors options scripts store stats doctor origins http health metrics monitor websockets graphql migration command testing',
      'redis/decisions redis/connection redis/primary redis/replication redis/sentinel redis/survey redis/link',
    ]
      .join(' ')
      .split(' ')
      .map((folder) => [`lib/${folder}/ok.ts`, 'export type ok = 1; export const ok = 1;']),
  ),
  'lib/session.module.ts': `import './store/ok.js'; import './http/ok.js'; import { Module } from '@nestjs/common'; Module({});`,
  'lib/store/down.ts': `import '../redis/link/ok.js'; import '../core/ok.js'; import type { Redis } from 'ioredis'; export type A = Redis;`,
  'lib/health/terminus.ts': `import { TerminusModule } from '@nestjs/terminus'; export const a = TerminusModule;`,
  'lib/redis/link/client.ts': `import { Redis } from 'ioredis'; new Redis();`,
  'lib/testing/testing.module.ts': `import '../session.module.js'; import '../http/ok.js';`,
  'tools/ok.ts': 'export const ok = 1;',
  'sample/01-ok/src/ok.ts': `import { SessionModule } from 'nestjs-ha-session'; export const a = SessionModule;`,
};

let tree: string;

const plant = async (files: Record<string, string>) => {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(tree, path)), { recursive: true });
    await writeFile(join(tree, path), `${text}\n`);
  }
};

const violations = async () => {
  const { tsConfig: _, ...rest } = options as ICruiseOptions & { tsConfig: unknown };
  const folders = ['lib', 'tools', 'sample'];
  const result = await cruise(folders, {
    ...rest,
    baseDir: tree,
    validate: true,
    ruleSet: { forbidden },
  });
  return (result.output as ICruiseResult).summary.violations.map(({ rule, from }) => `${rule.name}: ${from}`);
};

describe('the import rules', () => {
  beforeEach(async () => {
    tree = await mkdtemp(join(tmpdir(), 'ha-session-rules-'));
    await symlink(join(root, 'node_modules'), join(tree, 'node_modules'));
    await symlink(join(root, 'package.json'), join(tree, 'package.json'));
    await plant(CLEAN);
  });

  afterEach(async () => {
    await rm(tree, { recursive: true, force: true });
  });

  it('let a clean tree pass', async () => {
    expect(await violations()).toEqual([]);
  });

  it('have a planted bad file each', () => {
    expect(Object.keys(PLANTED).sort()).toEqual(forbidden.map(({ name }) => name).sort());
  });

  it.each(Object.entries(PLANTED))('catch what breaks %s', async (rule, files) => {
    await plant(files);
    expect(await violations()).toContain(`${rule}: ${String(Object.keys(files)[0])}`);
  });
});
