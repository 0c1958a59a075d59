/** Resolved options of the module. @public */
export const SESSION_OPTIONS = Symbol.for('nestjs-ha-session:options');
/** The ioredis client of the sessions' Redis; see `@InjectSessionRedis()`. @public */
export const SESSION_REDIS = Symbol.for('nestjs-ha-session:redis');
/** The express-session store. @public */
export const SESSION_STORE = Symbol.for('nestjs-ha-session:store');
/** The session middleware, as the module mounts it: to mount it elsewhere too. @public */
export const SESSION_MIDDLEWARE = Symbol.for('nestjs-ha-session:middleware');
/** The link to Redis, or `null` when sessions live elsewhere. @internal */
export const SESSION_LINK = Symbol.for('nestjs-ha-session:link');
/** Events of this process's sessions, as an observable. @internal */
export const SESSION_EVENTS = Symbol.for('nestjs-ha-session:events');
/** Observers of operations. @internal */
export const SESSION_OBSERVERS = Symbol.for('nestjs-ha-session:observers');
/** The repository under our store, or `null` with a foreign store. @internal */
export const SESSION_REPOSITORY = Symbol.for('nestjs-ha-session:repository');
/** The sessions of users, for entries that cannot import the root. @internal */
export const SESSION_SERVICE = Symbol.for('nestjs-ha-session:service');
/** Injection token of the examiner of the servers, for entries that cannot import the root. @internal */
export const SESSION_EXAMINER = Symbol.for('nestjs-ha-session:examiner');
