/** The combinations that are tried: each axis varied around the default, and pairs that are known to matter. */

/** What a consumer installs beside the package. `newest` and `oldest` are the ends of what the peers' ranges allow. */
export const PEERS = {
  newest: { nest: '^12.0.0', terminus: '^12.0.0', ioredis: '^6.0.0', 'express-session': '^1.19.0' },
  oldest: { nest: '^11.0.0', terminus: '^11.0.0', ioredis: '~5.11.0', 'express-session': '~1.18.0' },
  'Nest 12 with ioredis 5.11': {
    nest: '^12.0.0',
    terminus: '^12.0.0',
    ioredis: '~5.11.0',
    'express-session': '^1.19.0',
  },
  'Nest 11 with ioredis 6': { nest: '^11.0.0', terminus: '^11.0.0', ioredis: '^6.0.0', 'express-session': '^1.18.0' },
} as const;

/** Set of peers. */
export type PeerSet = keyof typeof PEERS;

/** Releases of Node beside the one that runs the tests: the oldest that is supported, and the newest of each line. */
export const NODE_RELEASES = ['20.19.0', '22', '24', '26'] as const;

/** Compilers that check a consumer's types; names in this repository's node_modules. */
export const COMPILERS = ['typescript-5.9', 'typescript', 'typescript-7'] as const;

/** How a consumer's application becomes what Node runs. */
export type Build =
  'tsc to ESM' | 'tsc to CommonJS' | 'SWC to ESM' | 'SWC to CommonJS' | 'esbuild bundle' | 'webpack bundle';

/** What runs a consumer's own tests. */
export const RUNNERS = ['vitest', 'jest'] as const;

/** One combination, with a small application that is built, started and used. */
export interface Cell {
  readonly peers: PeerSet;
  readonly platform: 'express' | 'fastify';
  readonly build: Build;
  /** A release of {@link NODE_RELEASES}, or the Node that runs the tests. */
  readonly node: string;
  /** A server of `redis-servers.ts`, or the one on this machine. */
  readonly server: string;
  /** Whether CI runs it, too. */
  readonly isInSlice: boolean;
}

/** The Node that runs the tests; the server that tests use anyway. */
export const HERE = 'here';

const DEFAULT: Cell = {
  peers: 'newest',
  platform: 'express',
  build: 'tsc to ESM',
  node: HERE,
  server: HERE,
  isInSlice: false,
};

const cell = (changes: Partial<Cell>): Cell => ({ ...DEFAULT, ...changes });

/** All combinations, for the servers that can be had. */
export function cellsWith(servers: readonly string[]): readonly Cell[] {
  return [
    cell({ isInSlice: true }),
    cell({ build: 'tsc to CommonJS', platform: 'fastify', isInSlice: true }),
    cell({ peers: 'oldest', platform: 'fastify', isInSlice: true }),
    cell({ peers: 'oldest', build: 'tsc to CommonJS', isInSlice: true }),
    cell({ build: 'tsc to CommonJS' }),
    cell({ platform: 'fastify' }),
    cell({ peers: 'oldest' }),
    cell({ peers: 'oldest', build: 'tsc to CommonJS', platform: 'fastify' }),
    cell({ peers: 'Nest 12 with ioredis 5.11' }),
    cell({ peers: 'Nest 11 with ioredis 6' }),
    ...NODE_RELEASES.flatMap((node) => [
      cell({ node }),
      cell({ node, build: 'tsc to CommonJS' }),
      cell({ node, peers: 'oldest', build: 'tsc to CommonJS', platform: 'fastify' }),
    ]),
    ...(['SWC to ESM', 'SWC to CommonJS', 'esbuild bundle', 'webpack bundle'] as const).map((build) => cell({ build })),
    ...servers.flatMap((server) => [cell({ server }), cell({ server, peers: 'oldest', platform: 'fastify' })]),
  ];
}

/** Says what is particular about a cell. */
export function titleOf({ peers, platform, build, node, server }: Cell): string {
  const place = [node !== HERE && `Node ${node}`, server !== HERE && server].filter(Boolean).join(', ');
  return `${peers} peers on ${platform}, ${build}${place ? `, ${place}` : ''}`;
}
