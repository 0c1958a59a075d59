import { isIP } from 'node:net';

/**
 * A value as a message shows it: short, on one line.
 *
 * @internal
 */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined || value === null)
    return String(value);
  if (typeof value === 'bigint') return `${value}n`;
  return describeKind(value);
}

/**
 * The kind of a value, for messages about options whose values are secret.
 *
 * @internal
 */
export function describeKind(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (value === '') return 'empty';
  if (isArray(value)) return 'an array';
  return `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`;
}

/** Whether a value is an object that may carry options. @internal */
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !isArray(value);
}

/** Whether a value is an array; unlike `Array.isArray` it does not throw for a revoked proxy. @internal */
export function isArray(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

/** Whether a value is a host name or an address, without a port and a scheme. @internal */
export function isHost(value: unknown): value is string {
  return (
    typeof value === 'string' && (isIP(value) !== 0 || (value.length <= 255 && /^[\w-]+(\.[\w-]+)*\.?$/.test(value)))
  );
}

/** Whether a value is a TCP port that one can connect to. @internal */
export function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535;
}

/**
 * A member of an object of unknown origin: a getter or a proxy that throws counts as absent.
 *
 * @internal
 */
export function peek(value: unknown, key: string): unknown {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return undefined;
  try {
    return (value as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}
