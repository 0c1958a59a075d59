/** Node's own request or response: Fastify wraps them, Express dresses them. @internal */
export function rawOf<T extends object>(outer: T | { raw: T }): T {
  return 'raw' in outer ? outer.raw : outer;
}
