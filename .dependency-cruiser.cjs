// @ts-check
/**
 * Who may import whom (docs/architecture.md). Every rule is proven by a planted bad file in
 * test/packaging/import-rules.spec.ts.
 */

/** Folders of lib, lowest level first; a level knows the levels before it, never its siblings. */
const LEVELS = [
  ['core', 'errors'],
  ['options'],
  ['redis', 'scripts'],
  ['store'],
  ['stats', 'doctor', 'origins'],
  ['http', 'health', 'metrics', 'monitor', 'graphql', 'migration'],
  // A handshake is an HTTP request, and a message has a session as a request has.
  ['websockets'],
];

/** Above the root files: they stand on the finished module. */
const TOP = ['testing', 'command'];

const FOLDERS = [...LEVELS.flat(), ...TOP];

const ENTRY_FOLDERS = 'health|metrics|monitor|websockets|graphql|migration|command|testing';

/** Peers that an application may not have. */
const OPTIONAL_PEERS =
  '(^|/)node_modules/(@nestjs/(terminus|websockets|platform-socket\\.io|platform-ws|graphql)|@opentelemetry/api|prom-client|socket\\.io|ws|graphql)/';

/** @param {string} name @returns {string} the package, or its types */
const vendor = (name) => `(^|/)node_modules/(@types/)?${name}/`;

const onlyDown = LEVELS.flatMap((level, index) =>
  level.map((folder) => {
    const known = [folder, ...LEVELS.slice(0, index).flat()];
    return {
      name: `${folder}-imports-only-down`,
      comment: `lib/${folder} may import ${known.map((name) => `lib/${name}`).join(', ')}: no siblings, nothing above it.`,
      severity: 'error',
      from: { path: `^lib/${folder}/` },
      to: { path: '^lib/', pathNot: known.map((name) => `^lib/${name}/`) },
    };
  }),
);

/** Wings of lib/redis, lowest first; a wing knows the wings before it, and all of them know the decisions. */
const REDIS_WINGS = ['connection', 'primary', 'replication', 'sentinel', 'survey', 'link'];

const wingsOnlyDown = REDIS_WINGS.map((wing, index) => {
  const known = ['decisions', ...REDIS_WINGS.slice(0, index + 1)];
  return {
    name: `redis-${wing}-imports-only-down`,
    comment: `lib/redis/${wing} may import of lib/redis only ${known.join(', ')}.`,
    severity: 'error',
    from: { path: `^lib/redis/${wing}/` },
    to: { path: '^lib/redis/', pathNot: known.map((name) => `^lib/redis/${name}/`) },
  };
});

const importsNoEntry = [...TOP, 'websockets'].map((folder) => ({
  name: `${folder}-imports-no-entry`,
  comment: `lib/${folder} stands on the sessions of requests, not on other entries of the package.`,
  severity: 'error',
  from: { path: `^lib/${folder}/` },
  to: { path: `^lib/(${ENTRY_FOLDERS})/`, pathNot: `^lib/${folder}/` },
}));

module.exports = {
  forbidden: [
    ...onlyDown,
    ...wingsOnlyDown,
    {
      name: 'redis-decisions-are-pure',
      comment: 'A decision is a function of plain values: it knows no wing, no socket, no timer and no clock.',
      severity: 'error',
      from: { path: '^lib/redis/decisions/' },
      to: { pathNot: ['^lib/redis/decisions/', '^lib/core/'] },
    },
    {
      name: 'redis-known-wings-only',
      comment: 'A file of lib/redis stands in a wing.',
      severity: 'error',
      from: { path: '^lib/redis/', pathNot: `^lib/redis/(decisions|${REDIS_WINGS.join('|')})/` },
      to: {},
    },
    ...importsNoEntry,
    {
      name: 'root-imports-no-entry',
      comment: 'The main entry must not load what an application reaches through another entry.',
      severity: 'error',
      from: { path: '^lib/[^/]+\\.ts$' },
      to: { path: `^lib/(${ENTRY_FOLDERS})/` },
    },
    {
      name: 'no-cycles',
      comment: 'Files that import each other cannot be understood, tested or loaded one at a time.',
      severity: 'error',
      from: { path: '^lib/' },
      to: { circular: true },
    },
    {
      name: 'known-folders-only',
      comment: 'A new folder needs a place in the levels; utils, common and helpers are no places.',
      severity: 'error',
      from: { path: '^lib/[^/]+/', pathNot: `^lib/(${FOLDERS.join('|')})/` },
      to: {},
    },
    {
      name: 'index-only-at-entries',
      comment: 'index.ts is for package entries; inside lib import the file itself.',
      severity: 'error',
      from: { path: '^lib/.+/index\\.ts$', pathNot: `^lib/(${ENTRY_FOLDERS})/index\\.ts$` },
      to: {},
    },
    {
      name: 'no-barrels',
      comment: 'Inside lib import the file itself: barrels make cycles.',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: ['^lib/index\\.ts$', '^lib/.+/index\\.ts$'] },
    },
    {
      name: 'main-entry-without-optional-peers',
      comment: 'The main entry loads, and its types resolve, with none of the optional peers installed.',
      severity: 'error',
      from: { path: '^lib/index\\.ts$' },
      to: { path: OPTIONAL_PEERS, reachable: true },
    },
    {
      name: 'ioredis-only-in-redis',
      comment: 'lib/redis is the only folder that makes clients; an `import type` is free.',
      severity: 'error',
      from: { path: '^lib/', pathNot: '^lib/redis/' },
      to: { path: vendor('ioredis'), dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'express-session-only-in-adapter-and-live-session',
      comment:
        'All that knows express-session stays in its adapter, the live session and its cookie; an `import type` is free.',
      severity: 'error',
      from: {
        path: '^lib/',
        pathNot: ['^lib/store/session-store\\.ts$', '^lib/http/(live-session|session-cookie|cookie-attributes)\\.ts$'],
      },
      to: { path: vendor('express-session'), dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'terminus-only-in-health',
      comment: 'An optional peer lives behind its own entry.',
      severity: 'error',
      from: { path: '^lib/', pathNot: '^lib/health/' },
      to: { path: vendor('@nestjs/terminus') },
    },
    {
      name: 'nest-only-at-the-edge',
      comment:
        'The store works without Nest: levels below http know nothing of it; an `import type` is free. Errors may be its ' +
        'HTTP exceptions.',
      severity: 'error',
      from: { path: '^lib/(core|options|redis|scripts|store)/' },
      to: { path: vendor('@nestjs/[^/]+'), dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-file-system',
      comment: 'A bundled application has no files of ours beside it.',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: '^(node:)?fs(/promises)?$', dependencyTypes: ['core'] },
    },
    {
      name: 'lib-stands-alone',
      comment: 'What is shipped must not need what is not.',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: '^(test|tools|sample|bench|dist)/' },
    },
    {
      name: 'declared-dependencies-only',
      comment: 'What lib imports at run time is a dependency or a peer, never just a dev dependency.',
      severity: 'error',
      from: { path: '^lib/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'undetermined'],
        dependencyTypesNot: ['npm', 'npm-peer', 'npm-optional', 'type-only'],
      },
    },
    {
      name: 'resolvable',
      comment: 'The import leads nowhere.',
      severity: 'error',
      from: { path: '^(lib|test|tools|sample)/' },
      to: { couldNotResolve: true, pathNot: '^nestjs-ha-session' },
    },
    {
      name: 'samples-import-by-name',
      comment: 'Samples and benches use the package as a user does: by its name.',
      severity: 'error',
      from: { path: '^(sample|bench)/' },
      to: { path: '^(lib|dist)/', dependencyTypesNot: ['aliased', 'npm', 'localmodule'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['^dist/', '^sample/[^/]+/dist/', '^test/types/fixtures/'] },
    // Without it an `import type` is not seen.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'default', 'node', 'require'],
      extensions: ['.ts', '.mts', '.js', '.mjs', '.cjs', '.d.ts'],
    },
  },
};
