import type { ResolvedRedisOptions } from '../../options/redis.options.js';
import { RedisConnection } from '../connection/redis-connection.js';
import type { Visit } from './server-question.js';

/** Opens a connection of its own for each visit, which ends after `timeoutMs` in any case. @internal */
export function visitor(
  { connectTimeoutMs }: ResolvedRedisOptions,
  { timeoutMs }: { readonly timeoutMs: number },
): Visit {
  return async (address, node, ask) => {
    const connection = new RedisConnection(address, { node, connectTimeoutMs, silenceTimeoutMs: timeoutMs });
    const timer = setTimeout(() => connection.destroy(`no answer within ${timeoutMs} ms`), timeoutMs);
    try {
      await connection.connect();
      return await ask((name, ...args) => connection.call(name, ...args));
    } finally {
      clearTimeout(timer);
      connection.destroy('the survey is over');
    }
  };
}
