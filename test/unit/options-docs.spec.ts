import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type * as z from 'zod';
import { checkAsyncOptions } from '../../lib/options/async-session.options.js';
import { parseRedisUrl } from '../../lib/options/redis-url.js';
import {
  clientSchema,
  clusterSchema,
  linkSchema,
  nodeSchema,
  sentinelSchema,
  standaloneSchema,
} from '../../lib/options/redis-options.schema.js';
import {
  cookieSchema,
  encryptionSchema,
  migrationSchema,
  nearCacheSchema,
  registrationSchema,
  storeSchema,
  userLimitSchema,
} from '../../lib/options/session-options.schema.js';
import { SESSION_DEFAULTS } from '../../lib/options/session.defaults.js';
import { faultsOf } from './options-faults.support.js';

interface Row {
  readonly name: string;
  readonly default: string;
  readonly allowed: string;
}

const text = readFileSync(fileURLToPath(new URL('../../docs/options.md', import.meta.url)), 'utf8');

/** The rows of the table after `<!-- options name -->`. */
function rowsOf(table: string): Row[] {
  const [, after = ''] = text.split(`<!-- options ${table} -->\n\n`);
  const lines = after.slice(0, after.indexOf('\n\n')).split('\n').slice(2);
  return lines.map((line) => {
    const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    return { name: (cells[1] ?? '').replaceAll('`', ''), default: cells[3] ?? '', allowed: cells[4] ?? '' };
  });
}

/** Names that a message says are allowed. */
function allowedBy(message: string | undefined): string[] {
  return /Allowed: ([\w, ]+)/.exec(message ?? '')?.[1]?.split(', ') ?? [];
}

/** Each table with the schema whose options it lists, without those that tables of their own list. */
const tables: [string, z.ZodObject, object][] = [
  ['registration', registrationSchema, SESSION_DEFAULTS],
  ['store', storeSchema, SESSION_DEFAULTS],
  ['cookie', cookieSchema, SESSION_DEFAULTS.cookie],
  ['userLimit', userLimitSchema, SESSION_DEFAULTS],
  ['nearCache', nearCacheSchema, SESSION_DEFAULTS.nearCache],
  ['migration', migrationSchema, SESSION_DEFAULTS.migrateFrom],
  ['encryption', encryptionSchema, SESSION_DEFAULTS.encryption],
  ['sentinel', sentinelSchema, SESSION_DEFAULTS.redis],
  ['standalone', standaloneSchema, SESSION_DEFAULTS.redis],
  ['cluster', clusterSchema, SESSION_DEFAULTS.redis],
  ['client', clientSchema, SESSION_DEFAULTS.redis],
  ['node', nodeSchema, SESSION_DEFAULTS.redis],
  ['link', linkSchema, SESSION_DEFAULTS.redis],
];

function ownNames(schema: z.ZodObject): string[] {
  const shared = [linkSchema, nodeSchema]
    .filter((other) => other !== schema)
    .flatMap(({ shape }) => Object.keys(shape));
  return Object.keys(schema.shape).filter((name) => !shared.includes(name));
}

describe('docs/options.md', () => {
  it.each(tables)('lists exactly the options of: %s', (table, schema) => {
    expect(
      rowsOf(table)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(ownNames(schema).sort());
  });

  it('lists exactly the options of forRootAsync', () => {
    const [, message] = faultsOf(() => checkAsyncOptions({ unknown: 1 }));
    expect(rowsOf('async').map(({ name }) => name)).toEqual(allowedBy(message));
  });

  it.each(tables)('tells the defaults of: %s', (table, _schema, defaults) => {
    const told = Object.fromEntries(rowsOf(table).map((row) => [row.name, row.default]));
    const wanted = Object.entries(defaults).filter(([name, value]) => name in told && typeof value !== 'object');
    for (const [name, value] of wanted) {
      const literal = typeof value === 'string' ? `'${value}'` : String(value);
      expect(told[name], name).toMatch(new RegExp(`^\`${literal}\``));
    }
    const quoted = Object.entries(told).filter(([, cell]) => /^`(\d|'|true|false)/.test(cell));
    const known = [...wanted.map(([name]) => name), 'partitioned', 'durability', 'nearCache'];
    expect(known).toEqual(expect.arrayContaining(quoted.map(([name]) => name)));
  });

  it('tells the default of a Sentinel’s port and the longest lag', () => {
    expect(text).toContain(`\`port\` is ${SESSION_DEFAULTS.redis.sentinelPort} unless said`);
    const row = rowsOf('registration').find(({ name }) => name === 'touchIntervalMs');
    expect(row?.default).toContain(`at most \`${SESSION_DEFAULTS.maxTouchIntervalMs}\``);
  });

  const ranges = tables.flatMap(([table, schema]) =>
    rowsOf(table).flatMap(({ name, allowed }) => {
      const [, min, max] = /^(\d+|`\w+`) … (\d+|.*)$/.exec(allowed) ?? [];
      const member = schema.shape[name];
      return min === undefined || member === undefined || name === 'maxSessionsPerUser'
        ? []
        : [{ table, name, member, min, max }];
    }),
  );

  it.each(ranges)('tells the range of $table $name', ({ member, min, max }) => {
    const isAllowed = (value: number) => (member as z.ZodType).safeParse(value).success;
    const bounds = [
      { bound: Number(min), outside: Number(min) - 1 },
      { bound: Number(max), outside: Number(max) + 1 },
    ].filter(({ bound }) => !Number.isNaN(bound));
    expect(bounds.length).toBeGreaterThan(0);
    for (const { bound, outside } of bounds) {
      expect([isAllowed(bound), isAllowed(outside)], String(bound)).toEqual([true, false]);
    }
  });

  it.each(tables)('tells the values that are allowed in: %s', (table, schema) => {
    for (const { name, allowed } of rowsOf(table)) {
      const member = schema.shape[name] as z.ZodType | undefined;
      if (!/^`('|true|\d)/.test(allowed) || allowed.includes('…') || !member) continue;
      const values = [...allowed.matchAll(/`([^`]+)`/g)].map(
        ([, value = '']) => JSON.parse(value.replaceAll("'", '"')) as unknown,
      );
      for (const value of values) expect(member.safeParse(value).success, `${name} ${String(value)}`).toBe(true);
      const [issue] = member.safeParse(Symbol('none')).error?.issues ?? [];
      expect(issue?.message.split(/, | or /)).toHaveLength(values.length + 1);
    }
  });

  it('tells the schemes and the parameters of URLs', () => {
    const schemes = /allowed: ([^ ]+(?:, [^ ]+)*)\. /.exec(`${parseRedisUrl('').faults[0]} `)?.[1]?.split(', ');
    const section = text.slice(text.indexOf('### URLs'));
    expect(schemes).toHaveLength(7);
    for (const scheme of schemes ?? []) expect(section).toContain(`| \`${scheme}`);
    const parameters = allowedBy(parseRedisUrl('redis+sentinel://a/b?unknown=1').faults[0]);
    const links = Object.keys(linkSchema.shape);
    expect(parameters).toEqual(expect.arrayContaining(links));
    for (const parameter of parameters.filter((name) => !links.includes(name)))
      expect(section).toContain(`\`${parameter}\``);
  });
});
