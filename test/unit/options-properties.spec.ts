import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SessionConfigurationError } from '../../lib/errors/session-configuration.error.js';
import { checkAsyncOptions } from '../../lib/options/async-session.options.js';
import {
  clientSchema,
  clusterSchema,
  sentinelSchema,
  standaloneSchema,
} from '../../lib/options/redis-options.schema.js';
import { resolveSessionOptions, resolveStoreOptions } from '../../lib/options/resolve-session-options.js';
import { cookieSchema, registrationSchema } from '../../lib/options/session-options.schema.js';

const anything = fc.anything({
  maxDepth: 2,
  withBigInt: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withObjectString: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
});

const throwing = (): never => {
  throw new Error('of the application');
};

/** Only fast-check itself may look at them. */
const wellGuarded = {
  has: (_: object, key: PropertyKey) => key === fc.toStringMethod || (typeof key !== 'symbol' && throwing()),
  get(_: object, key: PropertyKey) {
    if (key === fc.toStringMethod) return () => 'a well guarded object';
    return typeof key === 'symbol' ? undefined : throwing();
  },
};

/** Objects that defend themselves. */
const hostile = fc.constantFrom<unknown>(
  new Proxy({}, { ...wellGuarded, ownKeys: throwing, getPrototypeOf: throwing, getOwnPropertyDescriptor: throwing }),
  new Proxy({}, { ownKeys: throwing }),
  new Proxy({}, { getOwnPropertyDescriptor: throwing, ownKeys: () => ['host'] }),
  new Proxy([], wellGuarded),
  Object.defineProperty({}, 'host', { get: throwing, enumerable: true }),
  Object.create(Object.defineProperty({}, 'sentinels', { get: throwing })),
  Object.assign(() => 0, { toString: throwing }),
  { [Symbol.toPrimitive]: throwing, toString: throwing, toJSON: throwing },
  Symbol('x'),
);

const value = fc.oneof(
  anything,
  hostile,
  fc.nat(),
  fc.string(),
  fc.constantFrom(true, 'auto', () => 0),
);
const objectOf = (...schemas: { shape: object }[]) =>
  fc.record(Object.fromEntries(schemas.flatMap(({ shape }) => Object.keys(shape)).map((key) => [key, value])), {
    requiredKeys: [],
  });

const redis = fc.oneof(
  value,
  objectOf(sentinelSchema),
  objectOf(standaloneSchema),
  objectOf(clusterSchema),
  objectOf(sentinelSchema, standaloneSchema, clusterSchema, clientSchema),
  fc.record({ sentinels: fc.array(objectOf(sentinelSchema, standaloneSchema)), name: fc.string() }),
  fc.record({ cluster: fc.array(fc.oneof(value, fc.webAuthority())) }),
  fc.webUrl({ validSchemes: ['redis', 'redis+sentinel', 'rediss+cluster', 'redis+unix'], withQueryParameters: true }),
);

const options = fc
  .tuple(objectOf(registrationSchema), redis, fc.oneof(objectOf(cookieSchema), value))
  .map(([others, forRedis, cookie]) => ({ ...others, redis: forRedis, cookie }));

function resolveQuietly(resolve: (input: unknown) => unknown, input: unknown): void {
  try {
    const resolved = resolve(input);
    expect(Object.isFrozen(resolved)).toBe(true);
  } catch (error) {
    if (!(error instanceof SessionConfigurationError)) throw error;
    expect(error.faults.length).toBeGreaterThan(0);
    for (const { message } of error.faults) {
      // A sentence of ours, not one of zod's.
      expect(message).toMatch(/[.?]$/);
      expect(message).not.toMatch(/Invalid input|expected .*, received/);
    }
  }
}

describe('Whatever the options are', () => {
  it.each([true, false])('only faults of the configuration are thrown (production: %s)', (isProduction) => {
    const resolve = (input: unknown) => resolveSessionOptions(input, { isProduction, isRegistration: !isProduction });
    fc.assert(
      fc.property(fc.oneof(options, value), (input) => resolveQuietly(resolve, input)),
      { numRuns: 400 },
    );
  });

  it('only faults of the configuration are thrown by the store', () => {
    fc.assert(
      fc.property(fc.oneof(options, value), (input) => resolveQuietly(resolveStoreOptions, input)),
      { numRuns: 300 },
    );
  });

  it('only faults of the configuration are thrown by forRootAsync', () => {
    const arguments_ = fc.record(
      Object.fromEntries(
        ['imports', 'inject', 'useFactory', 'useClass', 'useExisting', 'isGlobal'].map((key) => [key, value]),
      ),
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(arguments_, value), (input) =>
        resolveQuietly((given) => Object.freeze(checkAsyncOptions(given).toProviders(Symbol('options'))), input),
      ),
      { numRuns: 300 },
    );
  });
});
