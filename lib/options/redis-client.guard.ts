import type { Cluster, Redis } from 'ioredis';
import { peek } from './option-values.js';

/**
 * Whether a value is an ioredis client, `Redis` or `Cluster`.
 *
 * @remarks
 * Told by what it can do, not by `instanceof`: an application may have another copy or version of ioredis than this package.
 *
 * @internal
 */
export function isRedisClient(value: unknown): value is Redis | Cluster {
  return (
    typeof value === 'object' &&
    typeof peek(value, 'sendCommand') === 'function' &&
    typeof peek(value, 'status') === 'string' &&
    typeof peek(value, 'options') === 'object'
  );
}

/** Whether a value is a client of node-redis, which cannot be used here. @internal */
export function isForeignRedisClient(value: unknown): boolean {
  return typeof peek(value, 'sendCommand') === 'function' && typeof peek(value, 'isOpen') === 'boolean';
}
