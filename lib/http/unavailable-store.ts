import type { Store } from 'express-session';

/**
 * What stands for the store of a request whose session could not be reached: refuses everything with the error that said so. An
 * anonymous request that leaves its session alone never calls it; one that signs somebody in, or out, is told the truth.
 *
 * @internal
 */
export function unavailableStore(error: unknown): Store {
  const refuse = (...args: unknown[]): void => {
    const callback = args.findLast((arg) => typeof arg === 'function') as ((error: unknown) => void) | undefined;
    callback?.(error);
  };
  const methods: Pick<Store, 'get' | 'set' | 'destroy'> = { get: refuse, set: refuse, destroy: refuse };
  return methods as Store;
}
