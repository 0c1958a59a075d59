import type { RedisOptions } from 'ioredis';

/** Where a Redis server or a Sentinel listens. @internal */
export interface NodeAddress {
  readonly host: string;
  readonly port: number;
  /** The one of the host's addresses to connect to; certificates are checked against `host` all the same. */
  readonly ip?: string | undefined;
  /** Path of a Unix socket; then host and port are not used. */
  readonly path?: string | undefined;
}

/** `host:port`, or the path of the socket: names a node in events, reports and maps. @internal */
export function addressKey(address: NodeAddress): string {
  return address.path ?? `${address.host}:${address.port}`;
}

/** `ip:port` of the one address that is connected to, where it was chosen; otherwise as `addressKey`. @internal */
export function endpointKey(address: NodeAddress): string {
  return address.ip === undefined ? addressKey(address) : `${address.ip}:${address.port}`;
}

/** Reads `host:port`; an IPv6 address may stand in it as it is. @internal */
export function parseAddressKey(key: string): NodeAddress {
  const at = key.lastIndexOf(':');
  return { host: key.slice(0, at), port: Number(key.slice(at + 1)) };
}

/** The address that a server names, or `null` when nobody could connect to it. @internal */
export function toAddress(host: unknown, port: unknown): NodeAddress | null {
  const number = typeof port === 'string' && /^\d{1,5}$/.test(port) ? Number(port) : 0;
  return typeof host === 'string' && host !== '' && number > 0 && number < 65_536 ? { host, port: number } : null;
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
