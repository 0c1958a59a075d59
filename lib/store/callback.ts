/** Node's callback, as express-session calls and takes it. @public */
export type SessionStoreCallback<T> = (error?: unknown, value?: T) => void;

/**
 * Gives a result to a callback, or as a promise when there is none. `undefined` stands for "nothing to do": the callback is
 * called at once then, because express-session otherwise splits the response in two and waits.
 *
 * @internal
 */
export function answer<T>(
  result: Promise<T | undefined> | undefined,
  callback?: SessionStoreCallback<T>,
): Promise<T | undefined> | void {
  if (!callback) return result ?? Promise.resolve(undefined);
  if (!result) {
    callback(null);
    return;
  }
  // Out of the promise's own chain: what a callback throws is its caller's error, not a second call with that error.
  result.then(
    (value) => {
      process.nextTick(callback, null, value);
    },
    (error: unknown) => {
      process.nextTick(callback, error);
    },
  );
}

/** Makes a promise of a call that takes a callback. @internal */
export function promised<T>(call: (callback: SessionStoreCallback<T>) => void): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    call((error, value) => {
      if (isFailure(error)) reject(error);
      else resolve(value);
    });
  });
}

function isFailure(error: unknown): boolean {
  return error !== null && error !== undefined;
}
