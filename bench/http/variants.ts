import type { DynamicModule } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import session from 'express-session';
import { Redis } from 'ioredis';
import type { SessionModuleOptions } from 'nestjs-ha-session';
import { BoundStore } from './bound-store.js';

/** Where a variant finds its Redis; addresses of the proxy when there is one. */
export interface RedisTarget {
  readonly host: string;
  readonly port: number;
  /** Only for variants that use Sentinel. */
  readonly sentinel?: SentinelTarget | undefined;
}

export interface SentinelTarget {
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  readonly name: string;
  /** Redis's own addresses to the proxy's. */
  readonly natMap?: Record<string, { readonly host: string; readonly port: number }> | undefined;
}

/** What a variant adds to the application that all of them share. */
export interface Installation {
  readonly modules?: readonly DynamicModule[];
  /** Middleware of its own, mounted before Nest's routes. */
  mount?(app: NestExpressApplication): void;
  close?(): unknown;
}

/** One way to have sessions. To compare another, add an entry to {@link VARIANTS}. */
export interface Variant {
  readonly name: string;
  readonly label: string;
  /** Which servers it needs: none, one Redis, or a primary with a replica and Sentinels. */
  readonly uses: 'nothing' | 'redis' | 'sentinel';
  install(target: RedisTarget): Promise<Installation>;
}

const SECRET = 'a secret of the bench that is long enough';
/** The same life for everybody. */
const IDLE_SECONDS = 1_200;

/** What the HTTP bench compares. */
export const VARIANTS: readonly Variant[] = [
  { name: 'none', label: 'no session', uses: 'nothing', install: async () => ({}) },
  {
    name: 'bound',
    label: 'express-session, bound',
    uses: 'nothing',
    install: async () => withStore(new BoundStore()),
  },
  {
    name: 'memory',
    label: 'MemoryStore',
    uses: 'nothing',
    install: async () => withStore(new session.MemoryStore()),
  },
  {
    name: 'connect-redis-8',
    label: 'connect-redis 8.1 + ioredis 6',
    uses: 'redis',
    install: async ({ host, port }) => {
      const { RedisStore } = await import('connect-redis-8');
      const client = new Redis({ host, port });
      return { ...withStore(new RedisStore({ client, ttl: IDLE_SECONDS })), close: () => client.disconnect() };
    },
  },
  {
    name: 'connect-redis-9',
    label: 'connect-redis 9 + node-redis 5',
    uses: 'redis',
    install: async ({ host, port }) => {
      const [{ RedisStore }, { createClient }] = await Promise.all([import('connect-redis-9'), import('redis')]);
      const client = await createClient({ socket: { host, port } }).connect();
      return { ...withStore(new RedisStore({ client, ttl: IDLE_SECONDS })), close: () => client.destroy() };
    },
  },
  {
    name: 'ours',
    label: 'nestjs-ha-session',
    uses: 'redis',
    install: async ({ host, port }) => withModule({ redis: { host, port }, durability: 'primary' }),
  },
  {
    name: 'ours-near',
    label: 'nestjs-ha-session, near cache',
    uses: 'redis',
    install: async ({ host, port }) => withModule({ redis: { host, port }, durability: 'primary', nearCache: true }),
  },
  {
    name: 'ours-replicated',
    label: "nestjs-ha-session, 'replicated'",
    uses: 'sentinel',
    install: async ({ sentinel }) => {
      if (!sentinel) throw new Error('the variant needs Sentinels');
      const { sentinels, name, natMap } = sentinel;
      return withModule({
        redis: { sentinels: [...sentinels], name, ...(natMap && { natMap }) },
        durability: 'replicated',
      });
    },
  },
];

/** Only when it is named: what metrics cost, beside `ours` without them. */
const WITH_METRICS: Variant = {
  name: 'ours-metrics',
  label: 'nestjs-ha-session, metrics',
  uses: 'redis',
  install: async ({ host, port }) => {
    const { modules = [] } = await withModule({ redis: { host, port }, durability: 'primary' });
    const [{ SessionMetricsModule }, { Registry }] = await Promise.all([
      import('nestjs-ha-session/metrics'),
      import('prom-client'),
    ]);
    return { modules: [...modules, SessionMetricsModule.forRoot({ prometheus: { registry: new Registry() } })] };
  },
};

/** All that results may have. */
export const KNOWN_VARIANTS: readonly Variant[] = [...VARIANTS, WITH_METRICS];

/** Only for the failover bench: the peer with ioredis's own Sentinel support, as its documentation shows it. */
const SENTINEL_PEER: Variant = {
  name: 'connect-redis-8-sentinel',
  label: 'connect-redis 8.1 + ioredis 6, Sentinel',
  uses: 'sentinel',
  install: async ({ sentinel }) => {
    if (!sentinel) throw new Error('the variant needs Sentinels');
    const { RedisStore } = await import('connect-redis-8');
    const client = new Redis({ sentinels: [...sentinel.sentinels], name: sentinel.name });
    // Without a listener ioredis prints every error.
    client.on('error', () => undefined);
    return { ...withStore(new RedisStore({ client, ttl: IDLE_SECONDS })), close: () => client.disconnect() };
  },
};

export function variantNamed(name: string): Variant {
  const variant = [...KNOWN_VARIANTS, SENTINEL_PEER].find((candidate) => candidate.name === name);
  if (!variant)
    throw new Error(`no variant "${name}"; there are ${KNOWN_VARIANTS.map((known) => known.name).join(', ')}`);
  return variant;
}

function withStore(store: session.Store): Installation {
  return {
    mount: (app) => app.use(session({ store, secret: SECRET, resave: false, saveUninitialized: false })),
  };
}

async function withModule(options: Partial<SessionModuleOptions>): Promise<Installation> {
  const { SessionModule } = await import('nestjs-ha-session');
  return {
    modules: [
      withoutWork(
        SessionModule.forRoot({
          application: 'bench',
          secret: SECRET,
          idleTimeoutMs: IDLE_SECONDS * 1_000,
          // As production code without TLS: what is measured is not the proxy.
          cookie: { secure: 'auto' },
          ...options,
        }),
      ),
    ],
  };
}

/** The work of the installation costs some two commands a second whatever the load: it would blur the commands of a request. */
function withoutWork(module: DynamicModule): DynamicModule {
  const work = { provide: Symbol.for('nestjs-ha-session:work'), useValue: null };
  return { ...module, providers: [...(module.providers ?? []), work] };
}
