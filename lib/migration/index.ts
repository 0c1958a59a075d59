export type { OriginSession, SessionOrigin } from '../core/session-origin.js';
export { ConnectRedisSessions } from '../origins/connect-redis.sessions.js';
export type { ConnectRedisClient, ConnectRedisOptions } from '../origins/connect-redis.sessions.js';
