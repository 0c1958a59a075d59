export type { SessionEnding } from '../stats/session-watch.js';
export { SessionSocketAdapter } from './session-socket.adapter.js';
export { SESSION_CLOSED_EVENT, SESSION_ENDED_CODE, SESSION_RENEWED_CODE } from './socket-kind.js';
export type { SessionClosedMessage, SocketClient } from './socket-kind.js';
export type { SessionSocketOptions } from './session-socket.options.js';
