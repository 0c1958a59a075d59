/**
 * Every value that an option has when it is not given: the only place where defaults are written. Limits stand beside them.
 *
 * @internal
 */
export const SESSION_DEFAULTS = Object.freeze({
  /** 20 minutes, as ASP.NET and IIS have it; OWASP's session management guide says 15 to 30 for low-risk applications. */
  idleTimeoutMs: 1_200_000,
  /** Most a deadline may lag behind: a minute is what an operator who counts live sessions expects to see. */
  maxTouchIntervalMs: 60_000,
  /** The lag as a part of the idle timeout: a tenth cuts nine of ten writes of a busy user and shortens a session by at most that. */
  touchIntervalPart: 0.1,
  /** express-session's name, path and `httpOnly`, so that a move keeps everybody logged in; the rest as OWASP advises. */
  cookie: Object.freeze({
    name: 'connect.sid',
    path: '/',
    httpOnly: true,
    /** Secure wherever the request came in by TLS: plain HTTP in development goes on working. */
    secure: 'auto',
    /** Browsers assume it; written, because not all do. */
    sameSite: 'lax',
  } as const),
  /** In production: a proxy that is not trusted must not make the cookie one that goes over plain HTTP. */
  productionCookieSecure: true,
  /** 4 MiB: far above any session that is one; a runaway field is refused before it fills Redis. */
  maxBytes: 4_194_304,
  /** Far more than anybody names by hand: beyond it data has become names. */
  maxFields: 1000,
  /** Fields that different requests change all win; of one field the last. */
  conflict: 'merge',
  nearCache: Object.freeze({
    /** 32 MiB: some ten thousand sessions of a usual size, at the price of a few requests' worth of heap. */
    maxBytes: 33_554_432,
    /** A few times what a healthy server ever takes to answer; shorter than anybody takes to notice a logout that is late. */
    maxStalenessMs: 2000,
    /** Never: showing users what was must be the application's own choice. */
    staleOnOutageMs: 0,
  }),
  encryption: Object.freeze({
    /** A plaintext could have been written by anybody, so it is not believed. */
    acceptPlaintext: false,
    /** 5 minutes: a rotation is everywhere soon, and the provider is asked a few hundred times a day. */
    refreshMs: 300_000,
  }),
  migrateFrom: Object.freeze({
    /** A store that nobody else reads need not be kept up to date. */
    mirror: false,
  }),
  /** Spring Security's choice: the session used least recently goes. */
  evict: 'oldest',
  /** An honest error; an anonymous user would be asked to log in to a system that cannot remember him. */
  onUnavailable: 'reject',
  /** As long as an operation may take: a failover in the middle of the holder's request is survived. */
  lockTimeoutMs: 10_000,
  /** An application that starts while Redis is away serves as soon as it is back; orchestrators start both at the same time. */
  failFast: false,
  /** express-session's: the cookie is sent when it is new or changed. */
  rolling: false,
  /** express-session's coming default: who only looks leaves no trace. */
  saveUninitialized: false,
  /** Nest's own forRoot modules that serve a whole application (config, logger) are global. */
  isGlobal: true,
  redis: Object.freeze({
    host: '127.0.0.1',
    /** IANA: redis. */
    port: 6379,
    /** redis.io, Sentinel's documentation. */
    sentinelPort: 26_379,
    /** A Sentinel that replaces another one must be found without a restart. */
    discoverSentinels: true,
    /** Longer than the failover of a Sentinel set with `down-after-milliseconds` of up to 5 s; shorter than a user's patience. */
    operationTimeoutMs: 10_000,
    /** Over a hundred times a slow answer within one site; so a frozen node costs a second. */
    attemptTimeoutMs: 1000,
    /** Recovery from an isolated primary: 3.1 s with 500 ms, 11.2 s with ioredis's 10 s (measured). */
    connectTimeoutMs: 500,
    /** "A few hundred milliseconds": redis.io, guidelines for Sentinel clients. */
    sentinelTimeoutMs: 300,
    /** A thousand changes per second, held for a whole operation timeout. */
    maxWaitingCount: 10_000,
    /** 64 MiB: what an application server can spare while it waits. */
    maxWaitingBytes: 67_108_864,
    /** Even over the nodes of any Cluster of a usual size; a count is as many commands. */
    buckets: 64,
  }),
});

/**
 * Slots over which an installation is spread when a Cluster client is given instead of options.
 *
 * @internal
 */
export const DEFAULT_CLUSTER_BUCKETS = SESSION_DEFAULTS.redis.buckets;

/**
 * Ranges that options are checked against.
 *
 * @internal
 */
export const SESSION_LIMITS = Object.freeze({
  /** Long enough for an installation's name; short enough to repeat in every key. */
  applicationLength: 64,
  /** A second: what is below is seconds mistaken for milliseconds. */
  minIdleTimeoutMs: 1000,
  /** 365 days; RFC 6265bis lets browsers cut a cookie's life to 400. */
  maxLifeMs: 31_536_000_000,
  minBytes: 1024,
  /** 64 MiB: Redis takes 512 MiB, and blocks for long before. */
  maxBytes: 67_108_864,
  /** Redis serves nobody else while it reads them. */
  maxFields: 10_000,
  /** 400 days: RFC 6265bis lets browsers cut a cookie's life to that. */
  maxCookieLifeMs: 34_560_000_000,
  /** Every sign-in looks at all of them once the limit is reached. */
  maxSessionsPerUser: 10_000,
  /** 256 bits as base64, by `openssl rand -base64 32`, have 44 characters; 32 of them are 192 bits. */
  productionSecretLength: 32,
  developmentSecretLength: 8,
  /** As for a cookie's secret in production. */
  userIdKeyLength: 32,
  /** Below this the event loop alone is late. */
  minTimeoutMs: 10,
  /** 10 minutes: nobody waits longer for a page. */
  maxTimeoutMs: 600_000,
  maxWaitingCount: 1_000_000,
  minWaitingBytes: 1024,
  /** 16 GiB. */
  maxWaitingBytes: 17_179_869_184,
  maxBuckets: 1024,
  /** 1 MiB: below that a single large session may not fit. */
  minNearCacheBytes: 1_048_576,
  /** Four proofs in this time: below it they would be traffic of their own. */
  minStalenessMs: 100,
});
