import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import session from 'express-session';
import { describe, expect, it } from 'vitest';
import { SessionConfigurationError } from '../../lib/errors/session-configuration.error.js';
import { resolveSessionOptions, resolveStoreOptions } from '../../lib/options/resolve-session-options.js';
import type { SessionModuleOptions } from '../../lib/options/session.options.js';
import { DEVELOPMENT, faultsOf, faultsWith, MINIMUM, pathsWith, STRONG } from './options-faults.support.js';

const resolve = (options: unknown) => resolveSessionOptions(options, DEVELOPMENT);
const REMEDY = 'Make one with `openssl rand -base64 32` and keep it in the environment, not in the code.';

describe('resolveSessionOptions', () => {
  it('adds every default to the two options that must be given', () => {
    expect(resolve(MINIMUM)).toMatchObject({
      application: 'portal',
      secrets: ['a secret of the tests'],
      cookie: { name: 'connect.sid', path: '/', httpOnly: true, secure: 'auto', sameSite: 'lax' },
      idleTimeoutMs: 1_200_000,
      absoluteTimeoutMs: null,
      touchIntervalMs: 60_000,
      redis: null,
      store: null,
      proxy: undefined,
      rolling: false,
      genid: undefined,
      userId: undefined,
      forRoutes: [],
      exclude: [],
    });
  });

  it('touches ten times in an idle timeout that is short', () => {
    expect(resolve({ ...MINIMUM, idleTimeoutMs: 5005 }).touchIntervalMs).toBe(500);
  });

  it('freezes what it returns, with all that is in it', () => {
    const resolved = resolve({ ...MINIMUM, redis: { sentinels: [{ host: 'a' }], name: 'portal', password: 'x' } });
    const topology = resolved.redis?.topology;
    if (topology?.kind !== 'sentinel') throw new Error('not Sentinel');
    const { secrets, cookie, redis, forRoutes, exclude } = resolved;
    const parts = [
      resolved,
      secrets,
      cookie,
      redis,
      forRoutes,
      exclude,
      topology,
      topology.sentinels,
      topology.sentinels[0],
      topology.node,
    ];
    expect(parts.map((part) => Object.isFrozen(part))).toEqual(parts.map(() => true));
  });

  it('changes and freezes nothing that it was given', () => {
    const given = {
      ...MINIMUM,
      secret: ['the first secret', 'the second secret'],
      cookie: { name: 'sid' },
      redis: { sentinels: [{ host: 'a' }], name: 'portal', tls: { ca: 'x' } },
      forRoutes: ['cart'],
      exclude: [{ path: 'health', method: 0 }],
    };
    const copy = structuredClone(given);
    resolve(given);
    expect(given).toEqual(copy);
    const parts = [
      given,
      given.secret,
      given.cookie,
      given.redis,
      given.redis.sentinels,
      given.redis.sentinels[0],
      given.redis.tls,
      given.forRoutes,
    ];
    expect(parts.some((part) => Object.isFrozen(part))).toBe(false);
  });

  it('takes an option that is undefined for absent, in every object', () => {
    const options: SessionModuleOptions = {
      ...MINIMUM,
      cookie: { name: undefined, maxAge: undefined, sameSite: undefined },
      idleTimeoutMs: undefined,
      absoluteTimeoutMs: undefined,
      redis: { host: undefined, port: undefined, tls: undefined, protocol: undefined, operationTimeoutMs: undefined },
      durability: undefined,
      store: undefined,
      userId: undefined,
      forRoutes: undefined,
    };
    expect(resolve(options)).toMatchObject({
      cookie: { name: 'connect.sid' },
      redis: { topology: { host: '127.0.0.1' } },
    });
  });

  it('refuses null where an option should be left out', () => {
    expect(faultsWith({ idleTimeoutMs: null })).toEqual([
      'idleTimeoutMs: must be a whole number of milliseconds from 1000 to 31536000000, not null.',
    ]);
  });

  it.each([undefined, null, 'portal', 5, [], () => MINIMUM])('refuses options that are no object: %s', (options) => {
    expect(faultsOf(() => resolve(options))).toEqual([
      expect.stringMatching(/^: must be an object with options, not /),
    ]);
  });

  it('names what is missing from empty options', () => {
    expect(faultsOf(() => resolve({}))).toEqual([
      'application: is missing: it must be a name of letters, digits, ".", "_" and "-", at most 64 characters: the namespace of this installation\'s keys.',
      `secret: is missing: it must be text of at least 8 characters. ${REMEDY}`,
    ]);
  });

  it('tells all faults of all levels at once, in the order of the options', () => {
    const options = {
      exclude: 'health',
      redis: { sentinels: [{ host: 'a' }, { host: 'b', port: 0 }], name: '' },
      idleTimeoutMs: 1,
      cookie: { name: 'a b', sameSite: 'lex' },
      secret: ['12345678', 'short'],
      colour: 'red',
    };
    const faults = faultsOf(() => resolve(options));
    expect(faults.map((fault) => fault.split(': ')[0])).toEqual([
      'application',
      'secret[1]',
      'cookie.name',
      'cookie.sameSite',
      'idleTimeoutMs',
      'redis.name',
      'redis.sentinels[1].port',
      'exclude',
      'colour',
    ]);
  });

  it('says how many faults there are and lists them in the message', () => {
    expect(() => resolve({ ...MINIMUM, proxy: 1, rolling: 0 })).toThrow(
      new SessionConfigurationError([
        { path: 'proxy', message: 'must be true or false, not 1.' },
        { path: 'rolling', message: 'must be true or false, not 0.' },
      ]),
    );
  });
});

describe('An unknown option', () => {
  it.each([
    [{ aplication: 'x' }, 'aplication', 'application'],
    [{ idleTimeout: 5000 }, 'idleTimeout', 'idleTimeoutMs'],
    [{ cookie: { samesite: 'lax' } }, 'cookie.samesite', 'sameSite'],
    [{ redis: { sentinel: [] } }, 'redis.sentinel', 'sentinels'],
    [{ redis: { pasword: 'x' } }, 'redis.pasword', 'password'],
    [{ redis: { sentinels: [{ host: 'a', prot: 1 }], name: 'x' } }, 'redis.sentinels[0].prot', 'port'],
    [{ redis: { cluster: [{ hots: 'a' }] } }, 'redis.cluster[0].hots', 'host'],
  ])('gets the nearest name suggested: %j', (options, path, name) => {
    expect(faultsWith(options)).toEqual([
      expect.stringMatching(
        `^${path.replaceAll(/[[\].]/g, '\\$&')}: is not an option\\. Did you mean \`${name}\`\\? Allowed: `,
      ),
    ]);
  });

  it('gets no suggestion when nothing is near, but all that is allowed', () => {
    expect(faultsWith({ cookie: { colour: 'red' } })).toEqual([
      'cookie.colour: is not an option. Allowed: name, path, domain, httpOnly, secure, sameSite, maxAge, partitioned, priority, forRequest.',
    ]);
  });

  it.each([
    [{ resave: false }, 'resave: is not an option here: only what changed is stored, always; leave it out.'],
    [
      { name: 'sid' },
      'name: is not an option here: the name of the cookie is `cookie.name`; of the installation, `application`.',
    ],
    [{ ttl: 60 }, 'ttl: is not an option here: say `idleTimeoutMs`, in milliseconds.'],
    [
      { isGlobal: true },
      'isGlobal: is not an option here: it stands beside `useFactory`, `useClass` or `useExisting`, not in what they return.',
    ],
    [{ redis: { keyPrefix: 'x' } }, 'redis.keyPrefix: is not an option here: keys are named after `application`.'],
  ])('of a peer gets told what to say here: %j', (options, fault) => {
    expect(faultsWith(options)).toEqual([fault]);
  });

  it.each(['toString', '__proto__', 'constructor', ''])('may be called %j', (name) => {
    const options = JSON.parse(`{"application":"a","secret":"12345678","${name}":{}}`) as unknown;
    expect(faultsOf(() => resolve(options))).toEqual([expect.stringContaining('is not an option.')]);
  });
});

describe('isGlobal', () => {
  it('may stand among the options of forRoot, and is checked there', () => {
    const forRoot = { isProduction: false, isRegistration: true };
    expect(() => resolveSessionOptions({ ...MINIMUM, isGlobal: false }, forRoot)).not.toThrow();
    expect(faultsOf(() => resolveSessionOptions({ ...MINIMUM, isGlobal: 'no' }, forRoot))).toEqual([
      'isGlobal: must be true or false, not "no".',
    ]);
  });
});

describe('Options that are an instance of a class', () => {
  class Base {
    readonly application = 'portal';
    readonly #minutes = 20;
    get secret(): string {
      return `from a getter of ${this.application}`;
    }
    get idleTimeoutMs(): number {
      return this.#minutes * 60_000;
    }
    userId(): string {
      return `user of ${this.application}`;
    }
    aMethodThatIsNoOption(): string {
      return 'left alone';
    }
  }
  class Options extends Base {
    readonly cookie = Object.create({ name: 'inherited' }) as object;
  }

  it('are read with getters, inherited members and bound methods', () => {
    const { secrets, cookie, idleTimeoutMs, userId } = resolve(new Options());
    expect(secrets).toEqual(['from a getter of portal']);
    expect(cookie.name).toBe('inherited');
    expect(idleTimeoutMs).toBe(1_200_000);
    expect(userId?.({})).toBe('user of portal');
  });

  it('are told of a field that is no option, as it may be a misspelt one', () => {
    class WithField extends Base {
      minutes = 20;
    }
    expect(faultsOf(() => resolve(new WithField()))).toEqual([expect.stringContaining('minutes: is not an option.')]);
  });

  it('are told of a getter and of a method that are nearly an option', () => {
    class Misspelt extends Base {
      get idleTimeoutMS(): number {
        return this.application.length * 1000;
      }
      userID(): string {
        return 'x';
      }
    }
    expect(faultsOf(() => resolve(new Misspelt()))).toEqual([
      expect.stringMatching(/^idleTimeoutMS: .*`idleTimeoutMs`/),
      expect.stringMatching(/^userID: .*`userId`/),
    ]);
  });

  it('may inherit from an object and may have no prototype', () => {
    expect(resolve(Object.create(MINIMUM)).application).toBe('portal');
    expect(resolve(Object.assign(Object.create(null) as object, MINIMUM)).application).toBe('portal');
  });

  it('are told of a getter that throws, without what it says', () => {
    const options = {
      ...MINIMUM,
      get cookie(): never {
        throw new RangeError('the secret is x');
      },
    };
    expect(faultsOf(() => resolve(options))).toEqual(['cookie: cannot be read: that throws RangeError.']);
  });
});

describe('application', () => {
  it.each(['', 'a b', 'a{b}', 'a:b', 'a/b', 'ä', 'a'.repeat(65)])('cannot be %j', (application) => {
    expect(pathsWith({ application })).toEqual(['application']);
  });

  it.each(['a', 'portal-2.eu_west', 'A'.repeat(64)])('can be %j', (application) => {
    expect(faultsWith({ application })).toEqual([]);
  });
});

describe('secret', () => {
  const production = { isProduction: true };

  it('has at least 32 characters in production and 8 elsewhere', () => {
    const secret = 'x'.repeat(31);
    expect(faultsWith({ secret })).toEqual([]);
    expect(faultsOf(() => resolveSessionOptions({ application: 'a', secret }, production))).toEqual([
      `secret: is too short (31): it must have at least 32 characters in production. ${REMEDY}`,
    ]);
    expect(faultsOf(() => resolveSessionOptions({ application: 'a', secret: STRONG }, production))).toEqual([]);
    expect(faultsWith({ secret: 'x'.repeat(7) })).toEqual([
      `secret: is too short (7): it must have at least 8 characters. ${REMEDY}`,
    ]);
  });

  it.each([
    ['', 'secret: is empty: it must have at least 8 characters.'],
    [undefined, 'secret: is missing: it must be text of at least 8 characters.'],
    [12345678, 'secret: must be text of at least 8 characters, not a number.'],
    [[], 'secret: must be one secret or several, not an empty array.'],
    [['12345678', undefined], 'secret[1]: is missing: it must be text of at least 8 characters.'],
    [['12345678', ''], 'secret[1]: is empty: it must have at least 8 characters.'],
  ])('cannot be %j', (secret, fault) => {
    expect(faultsWith({ secret })).toEqual([`${fault} ${REMEDY}`]);
  });

  it.each(['x'.repeat(64), 'ab'.repeat(20), 'changeme-please!'.repeat(2), 'aaaaaaaabbbbbbbbccccccccdddddddd'])(
    'cannot be so regular as %s in production',
    (secret) => {
      expect(faultsWith({ secret })).toEqual([]);
      expect(faultsOf(() => resolveSessionOptions({ application: 'a', secret: [STRONG, secret] }, production))).toEqual(
        [
          `secret[1]: can be guessed: it repeats itself. It must have at least 32 characters in production, made by chance. ${REMEDY}`,
        ],
      );
    },
  );

  it('can be any that was made by chance', () => {
    for (const encoding of ['hex', 'base64', 'base64url'] as const) {
      for (let count = 0; count < 200; count++) {
        const secret = randomBytes(32).toString(encoding);
        expect(faultsOf(() => resolveSessionOptions({ application: 'a', secret }, production))).toEqual([]);
      }
    }
  });

  it('is given once', () => {
    expect(faultsWith({ secret: ['12345678', '87654321', '12345678'] })).toEqual([
      'secret[2]: is the same as secret[0]: give each once, the one that signs first.',
    ]);
  });

  it('is never shown', () => {
    expect(faultsWith({ secret: ['geheim', 'geheim', { geheim: 1 }] }).join()).not.toContain('geheim');
  });
});

describe('Times', () => {
  it('are told when they look like seconds', () => {
    expect(faultsWith({ idleTimeoutMs: 20 })).toEqual([
      'idleTimeoutMs: must be a whole number of milliseconds from 1000 to 31536000000, not 20. Is that seconds? Then write 20000.',
    ]);
  });

  it('are told when they are text', () => {
    expect(faultsWith({ idleTimeoutMs: '60000' })).toEqual([
      'idleTimeoutMs: must be a whole number of milliseconds from 1000 to 31536000000, not "60000". It is text, as environment variables are: convert it with Number().',
    ]);
  });

  it.each([0, -1, 999, 1000.5, NaN, Infinity, 31_536_000_001, '20m', 5000n])('cannot be %s', (value) => {
    expect(pathsWith({ idleTimeoutMs: value, absoluteTimeoutMs: value })).toEqual([
      'idleTimeoutMs',
      'absoluteTimeoutMs',
    ]);
  });

  it('leave room for each other', () => {
    expect(faultsWith({ idleTimeoutMs: 5000, absoluteTimeoutMs: 4999, touchIntervalMs: 5000 })).toEqual([
      'absoluteTimeoutMs: must be at least idleTimeoutMs (5000), not 4999: else no session could be idle for so long.',
      'touchIntervalMs: must be less than idleTimeoutMs (5000), not 5000: else a session in use could expire.',
    ]);
    expect(faultsWith({ idleTimeoutMs: 5000, absoluteTimeoutMs: 5000, touchIntervalMs: 4999 })).toEqual([]);
    expect(faultsWith({ touchIntervalMs: 0 })).toEqual([]);
  });

  it('are compared with the default when only one is given', () => {
    expect(faultsWith({ absoluteTimeoutMs: 60_000 })).toEqual([
      'absoluteTimeoutMs: must be at least idleTimeoutMs (1200000, its default), not 60000: else no session could be idle for so long.',
    ]);
  });
});

describe('store', () => {
  const store = new session.MemoryStore();

  it('can be any express-session store', () => {
    expect(resolve({ ...MINIMUM, store }).store).toBe(store);
  });

  it.each([
    {},
    new EventEmitter(),
    Object.assign(new EventEmitter(), { get: () => 0, set: () => 0 }),
    session.MemoryStore,
    'memory',
    null,
  ])('cannot be %s', (wrong) => {
    expect(faultsWith({ store: wrong })).toEqual([
      expect.stringMatching(
        /^store: must be an instance of a class that extends express-session's Store: an EventEmitter with get, set and destroy, not /,
      ),
    ]);
  });

  it('does not stand beside redis', () => {
    expect(faultsWith({ store, redis: 'redis://localhost' })).toEqual([
      'store: stands beside redis: sessions live in one place. Give one or the other.',
    ]);
  });

  it('makes options without effect a fault', () => {
    expect(
      pathsWith({ store, durability: 'primary', idleTimeoutMs: 5000, absoluteTimeoutMs: 50_000, touchIntervalMs: 0 }),
    ).toEqual(['idleTimeoutMs', 'absoluteTimeoutMs', 'touchIntervalMs', 'durability']);
  });
});

describe('maxSessionsPerUser', () => {
  const userId = (): string => 'x';

  it('is a number, or says what happens to one more', () => {
    expect(resolve({ ...MINIMUM, userId, maxSessionsPerUser: 3 }).userLimit).toEqual({ max: 3, evict: 'oldest' });
    expect(resolve({ ...MINIMUM, userId, maxSessionsPerUser: { max: 1, evict: 'reject' } }).userLimit).toEqual({
      max: 1,
      evict: 'reject',
    });
    expect(resolve(MINIMUM).userLimit).toBeNull();
  });

  it.each([
    ['3', 'maxSessionsPerUser: must be a number or { max, evict }, not "3".'],
    [0, 'maxSessionsPerUser.max: must be a whole number from 1 to 10000, not 0.'],
    [{}, 'maxSessionsPerUser.max: is missing: it must be a whole number from 1 to 10000.'],
    [{ max: 1, evict: 'newest' }, 'maxSessionsPerUser.evict: must be "oldest" or "reject", not "newest".'],
    [
      { max: 1, evicts: 'oldest' },
      'maxSessionsPerUser.evicts: is not an option. Did you mean `evict`? Allowed: max, evict.',
    ],
  ])('cannot be %j', (maxSessionsPerUser, fault) => {
    expect(faultsWith({ userId, maxSessionsPerUser })).toEqual([fault]);
  });

  it('needs to know whose a session is', () => {
    expect(faultsWith({ maxSessionsPerUser: 1 })).toEqual([
      'maxSessionsPerUser: needs userId: else nobody knows whose a session is.',
    ]);
    expect(pathsWith({ maxSessionsPerUser: 1, userId: 'x' })).toEqual(['userId']);
  });
});

describe('What is chosen from a few', () => {
  it('is one of them', () => {
    expect(faultsWith({ conflict: 'refuse', onUnavailable: 'anonym' })).toEqual([
      'conflict: must be "merge" or "reject", not "refuse".',
      'onUnavailable: must be "reject" or "anonymous", not "anonym". Did you mean "anonymous"?',
    ]);
  });
});

describe('Functions and routes', () => {
  it('are functions', () => {
    expect(faultsWith({ genid: 'uuid', userId: 'id' })).toEqual([
      'genid: must be a function (request) => id, not "uuid".',
      'userId: must be a function (session) => id, not "id".',
    ]);
  });

  it('are arrays of routes', () => {
    expect(faultsWith({ forRoutes: 'cart', exclude: ['health', { path: 5 }, null] })).toEqual([
      'forRoutes: must be an array of at least one route or controller; leave it out for every route, not a string.',
      'exclude[1]: must be a path, { path, method } or a controller, not an object.',
      'exclude[2]: must be a path, { path, method } or a controller, not null.',
    ]);
    expect(pathsWith({ forRoutes: [] })).toEqual(['forRoutes']);
    expect(faultsWith({ forRoutes: [session.Store, 'cart'], exclude: [] })).toEqual([]);
  });
});

describe('resolveStoreOptions', () => {
  it('needs an application and a Redis', () => {
    expect(faultsOf(() => resolveStoreOptions({})).map((fault) => fault.split(': ')[0])).toEqual([
      'application',
      'redis',
    ]);
  });

  it('takes what the store alone can do', () => {
    const onEvent = (): void => undefined;
    expect(resolveStoreOptions({ application: 'a', redis: 'redis://h', idleTimeoutMs: 5000, onEvent })).toMatchObject({
      application: 'a',
      idleTimeoutMs: 5000,
      redis: { topology: { kind: 'standalone', host: 'h' } },
      onEvent,
    });
  });

  it('sends options of express-session there', () => {
    expect(
      faultsOf(() => resolveStoreOptions({ application: 'a', redis: 'redis://h', secret: 'x', cookie: {} })),
    ).toEqual([
      'secret: is not an option here: it is an option of express-session (or `SessionModule`), not of the store.',
      'cookie: is not an option here: it is an option of express-session (or `SessionModule`), not of the store.',
    ]);
  });
});

describe('the near cache', () => {
  const REDIS = { ...MINIMUM, redis: { host: 'a' } };

  it('is off unless it is asked for', () => {
    expect(resolve(REDIS).nearCache).toBeNull();
    expect(resolve({ ...REDIS, nearCache: false }).nearCache).toBeNull();
    expect(resolve({ ...MINIMUM, nearCache: false }).nearCache).toBeNull();
  });

  it('gets its defaults, by `true` or where an option is left out', () => {
    const defaults = { maxBytes: 33_554_432, maxStalenessMs: 2_000, staleOnOutageMs: 0 };
    expect(resolve({ ...REDIS, nearCache: true }).nearCache).toEqual(defaults);
    const options = resolve({ ...REDIS, nearCache: { staleOnOutageMs: 30_000 } }).nearCache;
    expect(options).toEqual({ ...defaults, staleOnOutageMs: 30_000 });
    expect(Object.isFrozen(options)).toBe(true);
    const store = { application: 'a', redis: 'redis://a', nearCache: { maxBytes: 1_048_576 } };
    expect(resolveStoreOptions(store).nearCache).toEqual({ ...defaults, maxBytes: 1_048_576 });
  });

  it.each([
    [{ redis: { host: 'a' }, nearCache: 'yes' }, /^nearCache: .*true, false or \{ maxBytes, .* \}, not "yes"/],
    [{ redis: { host: 'a' }, nearCache: { maxStalenessMs: 2 } }, /^nearCache.maxStalenessMs: .* Then write 2000/],
    [{ redis: { host: 'a' }, nearCache: { maxbytes: 1 } }, /^nearCache.maxbytes: .*Did you mean `maxBytes`/],
    [{ nearCache: true }, /^nearCache: needs redis/],
    [{ store: new session.MemoryStore(), nearCache: true }, /^nearCache: has no effect with a store of your own/],
  ])('is refused where it is wrong: %#', (options, fault) => {
    expect(faultsWith(options)).toEqual([expect.stringMatching(fault)]);
  });
});
