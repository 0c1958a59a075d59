import { distance } from 'fastest-levenshtein';

/**
 * The known name that an unknown one was probably meant to be.
 *
 * @internal
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const wanted = name.toLowerCase();
  let nearest: string | undefined;
  let least = Infinity;
  for (const candidate of known) {
    const edits = distance(wanted, candidate.toLowerCase());
    // A third of the letters: beyond that a suggestion is a guess.
    if (edits < least && edits <= Math.ceil(Math.max(wanted.length, candidate.length) / 3)) {
      nearest = candidate;
      least = edits;
    }
  }
  return nearest;
}

/** Names that express-session, connect-redis and others use for what is called otherwise here. @internal */
export const SESSION_NAME_HINTS: Readonly<Record<string, string>> = {
  name: 'the name of the cookie is `cookie.name`; of the installation, `application`',
  key: 'the name of the cookie is `cookie.name`',
  maxAge: 'say `idleTimeoutMs` (for the session), or `cookie.maxAge` (for the cookie, too)',
  ttl: 'say `idleTimeoutMs`, in milliseconds',
  prefix: 'keys are named after `application`',
  client: 'give the ioredis client as `redis`',
  resave: 'only what changed is stored, always; leave it out',
  unset: '`req.session = null` ends the session, always; leave it out',
  isGlobal: 'it stands beside `useFactory`, `useClass` or `useExisting`, not in what they return',
  url: 'give the URL as `redis`',
  sentinels: 'it belongs into `redis`',
  host: 'it belongs into `redis`',
  port: 'it belongs into `redis`',
  cluster: 'it belongs into `redis`',
};

/** Names of the module that a store without it does not have. @internal */
export const STORE_NAME_HINTS: Readonly<Record<string, string>> = {
  ...SESSION_NAME_HINTS,
  secret: 'it is an option of express-session (or `SessionModule`), not of the store',
  cookie: 'it is an option of express-session (or `SessionModule`), not of the store',
  store: 'this is the store; give `redis`',
  rolling: 'it is an option of express-session (or `SessionModule`), not of the store',
  saveUninitialized: 'it is an option of express-session (or `SessionModule`), not of the store',
  proxy: 'it is an option of express-session (or `SessionModule`), not of the store',
  genid: 'it is an option of express-session (or `SessionModule`), not of the store',
};

/** Names of the cookie's options that are not taken, and why. @internal */
export const COOKIE_NAME_HINTS: Readonly<Record<string, string>> = {
  expires: 'one fixed date would end all sessions at once; say `maxAge`, in milliseconds',
  signed: 'the cookie is signed, always; leave it out',
  encode: 'the value needs no encoding; leave it out',
  originalMaxAge: 'say `maxAge`',
};

/** ioredis's names that are taken under another name here, or not at all. @internal */
export const REDIS_NAME_HINTS: Readonly<Record<string, string>> = {
  keyPrefix: 'keys are named after `application`',
  commandTimeout: 'say `attemptTimeoutMs` (one attempt) or `operationTimeoutMs` (all of them)',
  connectTimeout: 'say `connectTimeoutMs`',
  sentinelCommandTimeout: 'say `sentinelTimeoutMs`',
  retryStrategy: 'operations are retried until `operationTimeoutMs`; leave it out',
  sentinelRetryStrategy: 'operations are retried until `operationTimeoutMs`; leave it out',
  maxRetriesPerRequest: 'operations are retried until `operationTimeoutMs`; leave it out',
  reconnectOnError: 'a primary that lost its role is left at once; leave it out',
  autoResendUnfulfilledCommands: 'operations are retried until `operationTimeoutMs`; leave it out',
  enableOfflineQueue: 'what waits is bounded by `maxWaitingCount` and `maxWaitingBytes`; leave it out',
  failoverDetector: 'a failover is always watched for; leave it out',
  updateSentinels: 'say `discoverSentinels`',
  lazyConnect: 'the connection is opened at start-up; leave it out',
  role: 'sessions are read from the primary only; leave it out',
  readOnly: 'sessions are read from the primary only; leave it out',
  enableTLSForSentinelMode: '`tls` is for the data nodes and `sentinelTLS` for the Sentinels; leave it out',
  redisOptions: 'say it in `clusterOptions.redisOptions`',
  nodes: 'say `cluster`',
  url: 'give the URL itself as `redis`',
  database: 'say `db`',
  socket: 'that is node-redis; say `host` and `port`',
  durability: 'it stands beside `redis`, not in it',
};
