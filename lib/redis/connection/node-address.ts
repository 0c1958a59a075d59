import type { RedisOptions } from 'ioredis';

/** Where a Redis server or a Sentinel listens. @internal */
export interface NodeAddress {
  readonly host: string;
  readonly port: number;
  /** Path of a Unix socket; then host and port are not used. */
  readonly path?: string | undefined;
}

/** `host:port`, or the path of the socket: names a node in events, reports and maps. @internal */
export function addressKey(address: NodeAddress): string {
  return address.path ?? `${address.host}:${address.port}`;
}

/**
 * Translates an address that Sentinel or a node tells into one that this process can reach.
 *
 * @internal
 */
export function translateAddress(address: NodeAddress, natMap: RedisOptions['natMap']): NodeAddress {
  const key = addressKey(address);
  const mapped = typeof natMap === 'function' ? natMap(key) : natMap?.[key];
  return mapped ? { host: mapped.host, port: mapped.port } : address;
}
