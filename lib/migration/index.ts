export type { OriginSession, SessionOrigin } from '../core/session-origin.js';
export { ConnectPgSessions } from '../origins/connect-pg.sessions.js';
export type { ConnectPgClient, ConnectPgOptions } from '../origins/connect-pg.sessions.js';
export { ConnectRedisSessions } from '../origins/connect-redis.sessions.js';
export type { ConnectRedisClient, ConnectRedisOptions } from '../origins/connect-redis.sessions.js';
