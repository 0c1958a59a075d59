/** An answer that did not come in time. @internal */
export class LateAnswerError extends Error {
  constructor(timeoutMs: number) {
    super(`no answer within ${timeoutMs} ms`);
  }
}

/**
 * Waits for an answer, but no longer than it may take. Whatever was asked goes on.
 *
 * @throws LateAnswerError when the answer does not come in time.
 * @internal
 */
export async function within<T>(timeoutMs: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new LateAnswerError(timeoutMs));
    }, timeoutMs);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The answer, or `null` when it has not come by then, or failed: for windows that show what there is. @internal */
export function inTime<T>(answer: Promise<T>, timeoutMs: number): Promise<T | null> {
  // An outage shows elsewhere in the window.
  return within(timeoutMs, answer).catch(() => null);
}
